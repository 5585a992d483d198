"""Our own reads, which are written in DuckDB's dialect, as another engine speaks it.

sqlglot translates, and where it does so wrongly there is a rule here with its reason. What needs many rules is written more plainly in the first
place: no GROUP BY ALL, FILTER over `*`, QUALIFY, list functions or arithmetic with dates and intervals; instants are compared, and subtracted as
`epoch_us`. tests/integration/test_dialect.py asks everything that is asked on each engine.
"""

from __future__ import annotations

from functools import lru_cache
from typing import TYPE_CHECKING, Literal

if TYPE_CHECKING:
    from sqlglot import exp

Dialect = Literal["postgres", "bigquery"]
#: What stands for a parameter while the SQL is made. No text of ours has it.
MARK = "parameter_of_ours_"
#: What the driver wants in its place: psycopg's, with every other `%` doubled; BigQuery's positional one.
PLACES = {"postgres": "%s", "bigquery": "?"}


@lru_cache(maxsize=1024)
def spoken(sql: str, dialect: Dialect) -> str:
    """`sql` (DuckDB's, positional `?`) in a dialect, its parameters as many and in the same order.

    Raises:
        ValueError: it is no single statement, the dialect has nothing that says the same (as sqlglot's errors), or its parameters cannot be kept in
            order: it has to be written more plainly.
    """
    import sqlglot

    named, asked = _named(sql)
    statements = sqlglot.parse(named, read="duckdb")
    if len(statements) != 1 or statements[0] is None:
        raise ValueError(f"one statement was expected: {sql}")
    rule = _postgres if dialect == "postgres" else _bigquery
    for node in reversed(list(statements[0].dfs())):  # what is inside first, since a rule may put it elsewhere
        if (own := rule(node)) is not node:
            node.replace(own)
    said = statements[0].sql(dialect=dialect, unsupported_level=sqlglot.ErrorLevel.RAISE)
    if dialect == "postgres":
        said = said.replace("%", "%%")
    return _with_places(said, asked, PLACES[dialect], sql)


def _named(sql: str) -> tuple[str, int]:
    """The text with a numbered name for each parameter, and how many they are: the tree that is made of it may stand in another order."""
    from sqlglot.dialects import DuckDB
    from sqlglot.tokenizer_core import TokenType

    parts: list[str] = []
    end = 0
    for token in DuckDB().tokenize(sql):
        if token.token_type == TokenType.PLACEHOLDER:
            parts += [sql[end : token.start], f"{MARK}{len(parts) // 2}_"]
            end = token.end + 1
    return "".join(parts) + sql[end:], len(parts) // 2


def _with_places(said: str, asked: int, place: str, sql: str) -> str:
    parts = said.split(MARK)
    found = [part.partition("_") for part in parts[1:]]
    if [int(number) for number, _, _ in found] != list(range(asked)):
        raise ValueError(f"the parameters do not keep their order: {sql}")
    return parts[0] + "".join(place + rest for _, _, rest in found)


def _postgres(node: exp.Expr) -> exp.Expr:
    from sqlglot import exp

    if _is_micros(node):
        # sqlglot leaves DuckDB's name. EXTRACT gives a numeric, exact to the microsecond.
        epoch = exp.Extract(this=exp.var("EPOCH"), expression=node.expressions[0])
        return exp.cast(exp.Mul(this=epoch, expression=exp.Literal.number(1000000)), "bigint")
    # It has no such character, and refuses to make one.
    return node.this if _is_without_nul(node) else node


def _bigquery(node: exp.Expr) -> exp.Expr:
    from sqlglot import exp

    if _is_micros(node):
        return exp.Anonymous(this="UNIX_MICROS", expressions=list(node.expressions))
    if _is_without_nul(node):
        # CHR(0) is an empty text there.
        return exp.Anonymous(this="REGEXP_REPLACE", expressions=[node.this, exp.Literal.string(r"\x{00}"), node.args["replacement"]])
    if isinstance(node, exp.Least | exp.Greatest):
        # BigQuery's are null where one value is; DuckDB's and Postgres's pass nulls by, as a MIN does.
        values = exp.Unnest(
            expressions=[exp.Array(expressions=[node.this, *node.expressions])], alias=exp.TableAlias(columns=[exp.to_identifier("one")])
        )
        least = (exp.Min if isinstance(node, exp.Least) else exp.Max)(this=exp.column("one"))
        return exp.Subquery(this=exp.select(least).from_(values))
    if isinstance(node, exp.Ordered) and not node.args.get("desc") and isinstance(node.find_ancestor(exp.Window, exp.Select), exp.Window):
        # A window of it knows no NULLS LAST. Nothing that ours are in rising order of is ever null.
        node.set("nulls_first", True)
    return node


def _is_without_nul(node: exp.Expr) -> bool:
    """`replace(..., chr(0), ...)`."""
    from sqlglot import exp

    return isinstance(node, exp.Replace) and node.expression == exp.Chr(expressions=[exp.Literal.number(0)])


def _is_micros(node: exp.Expr) -> bool:
    from sqlglot import exp

    return isinstance(node, exp.Anonymous) and node.name.lower() == "epoch_us"

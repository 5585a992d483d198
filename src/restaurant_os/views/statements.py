"""What the compiler writes, written as an engine reads it best."""

from __future__ import annotations

from typing import Any


def flat(statement: Any) -> Any:
    """The statement with its unions of unions written side by side: the compiler nests them two by two, each pair in a SELECT * of its own, and an
    engine plans every one of those."""
    from sqlglot import exp

    for union in list(statement.find_all(exp.Union)):
        for side in ("this", "expression"):
            union.set(side, _bare(union.args[side]))
    return statement


def _bare(operand: Any) -> Any:
    """The union that an operand selects everything of; else the operand."""
    from sqlglot import exp

    select = operand.unnest()
    if not isinstance(select, exp.Select) or [type(one) for one in select.selects] != [exp.Star]:
        return operand
    clauses = {name for name, value in select.args.items() if value} - {"expressions", "from_", "from"}
    origin = select.find(exp.From)
    source = origin.this.unnest() if origin else None
    return source if isinstance(source, exp.Union) and not clauses else operand


def for_postgres(statement: Any) -> Any:
    """The statement as Postgres answers it alike in every session, and by its indexes.

    The time between two instants is taken of them as they are: as local times, which is what the compiler makes of them, it is an hour off over a night
    on which the clocks of the session's zone change. And a table that is asked for twice is not copied whole before a condition is looked at.
    """
    from sqlglot import exp

    statement = statement.transform(_elapsed)
    for named in statement.find_all(exp.CTE):
        if isinstance(named.this.args["from_"].this, exp.Table):
            named.set("materialized", False)
    return statement


def _elapsed(node: Any) -> Any:
    """Microseconds between two instants, for a difference of two local times in them."""
    from sqlglot import exp

    if not isinstance(node, exp.DateDiff) or node.text("unit") != "MICROSECOND":
        return node
    seconds = exp.Extract(
        this=exp.var("epoch"), expression=exp.paren(exp.Sub(this=exp.paren(node.this), expression=exp.paren(node.expression)))
    )
    return exp.cast(exp.Mul(this=seconds, expression=exp.Literal.number(1_000_000)), "bigint")

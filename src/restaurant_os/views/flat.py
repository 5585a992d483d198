"""Unions of many parts as one: the compiler nests them two by two, each pair in a SELECT * of its own, and an engine plans every one of those."""

from __future__ import annotations

from typing import Any


def flat(statement: Any) -> Any:
    """The statement with its unions of unions written side by side."""
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

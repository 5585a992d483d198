"""Values as people read them, in messages and lists."""

from __future__ import annotations

from decimal import Decimal


def dollars(value: float | Decimal) -> str:
    """`$1,234.56`, `-$12.00`."""
    amount = f"${abs(value):,.2f}"
    return f"-{amount}" if value < 0 and amount != "$0.00" else amount


def shown(unit: str, value: float | Decimal) -> str:
    """A value in a unit that `rules.unit_of` gives: `30.0 %`, `$20.00`, `3.5 h`, `45 min`, `1,204`."""
    if unit in ("money", "money per hour"):
        return dollars(value)
    if unit == "percent":
        return f"{value:,.1f} %"
    if unit == "hours":
        return f"{value:,.1f} h"
    if unit == "minutes":
        return f"{value:,.0f} min"
    return f"{value:,.0f}"

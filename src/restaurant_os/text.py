"""Text from outside is data: made printable before it reaches a terminal, a log or a message."""

from __future__ import annotations


def printable(value: object, limit: int = 300) -> str:
    """`value` on one line, control and bidirectional-override characters replaced, cut to `limit` characters."""
    text = "".join(c if c.isprintable() else " " for c in str(value))
    return text if len(text) <= limit else text[: limit - 1] + "…"


def count(number: int, noun: str, plural: str = "") -> str:
    """`1 order`, `1,284 orders`."""
    return f"{number:,} {noun if number == 1 else plural or noun + 's'}"


def amount(size: float) -> str:
    """Bytes as a person reads them: `512 bytes`, `12.3 MiB`."""
    if size < 1024:
        return f"{size:,.0f} bytes"
    for unit in ("KiB", "MiB", "GiB"):
        size /= 1024
        if size < 1024:
            return f"{size:,.1f} {unit}"
    return f"{size / 1024:,.1f} TiB"

"""The views as SQL, one file per dialect in `sql/`, compiled from `transformations.py` by `scripts/views.py`.

They are kept compiled, since the compiler costs seconds and twenty packages that nobody needs at run time; a test holds them against
the expressions.
"""

from __future__ import annotations

from functools import cache
from pathlib import Path

FOLDER = Path(__file__).with_name("sql")
DIALECTS = ("duckdb", "postgres", "bigquery")
#: Before each view: its name.
MARK = "-- view: "
#: A number that rises whenever tables or views are others, and the digest of those it was last raised for.
DEFINITIONS = FOLDER / "definitions.txt"


@cache
def views(dialect: str) -> dict[str, str]:
    """The SELECT of every view by its name, in the order in which they are made."""
    parts = (FOLDER / f"{dialect}.sql").read_text(encoding="utf-8").split(MARK)[1:]
    found = (part.partition("\n") for part in parts)
    return {name.strip(): sql.strip().rstrip(";") for name, _, sql in found}


def written(compiled: dict[str, str]) -> str:
    """The file of a dialect."""
    head = "-- Made by `python scripts/views.py` from src/restaurant_os/transformations.py. Do not edit.\n"
    return head + "".join(f"\n{MARK}{name}\n{sql};\n" for name, sql in compiled.items())


# --- which version made what a warehouse has ------------------------------------------------------------------------


@cache
def number() -> int:
    """Of the definitions in the code: greater than that of every version before."""
    return int(DEFINITIONS.read_text(encoding="utf-8").split()[0])


def numbered(digest: str) -> str:
    """A fingerprint as a warehouse keeps it: digests tell that definitions differ, the number tells whose are newer."""
    return f"{number()}:{digest}"


def is_done(found: str | None, own: str) -> bool:
    """Whether there is nothing to bring up to date: the definitions are our own, or a newer version's, which an older one leaves as they are."""
    return found == own or bool(newer(found))


def newer(found: str | None) -> list[str]:
    """For `migrate`: that a newer version made what is there. Nothing where it did not."""
    theirs = _number_of(found)
    if theirs <= number():
        return []
    return [
        f"nothing: a newer version of Restaurant OS made the tables and views (definitions {theirs}, this version has {number()}); "
        "they are used as they are"
    ]


def _number_of(found: str | None) -> int:
    """0: of a version that wrote none."""
    first, colon, _ = (found or "").partition(":")
    return int(first) if colon and first.isdecimal() else 0

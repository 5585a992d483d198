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

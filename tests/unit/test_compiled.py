"""The SQL that ships is what the expressions make of it."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

from restaurant_os.transformations import VIEWS, view_sql
from restaurant_os.warehouse.compiled import DIALECTS, FOLDER, views, written

SCRIPT = Path(__file__).resolve().parents[2] / "scripts" / "views.py"


def test_compiled_views_are_up_to_date() -> None:
    """`python scripts/views.py` was run after the last change of an expression."""
    compiled = {dialect: {view.name: view_sql(view, dialect) for view in VIEWS} for dialect in DIALECTS}

    assert {dialect: (FOLDER / f"{dialect}.sql").read_text(encoding="utf-8") for dialect in DIALECTS} == {
        dialect: written(own) for dialect, own in compiled.items()
    }
    assert {dialect: views(dialect) for dialect in DIALECTS} == compiled


def test_the_number_of_the_definitions_was_raised_for_the_last_change() -> None:
    """Of a table's or a view's; `python scripts/views.py` does it. An older version knows by it that it is one."""
    checked = subprocess.run([sys.executable, str(SCRIPT), "--check"], capture_output=True, text=True, check=False)

    assert (checked.returncode, checked.stderr) == (0, "")

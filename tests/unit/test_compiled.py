"""The SQL that ships is what the expressions make of it."""

from __future__ import annotations

from restaurant_os.transformations import VIEWS, view_sql
from restaurant_os.warehouse.compiled import DIALECTS, FOLDER, views, written


def test_compiled_views_are_up_to_date() -> None:
    """`python scripts/views.py` was run after the last change of an expression."""
    compiled = {dialect: {view.name: view_sql(view, dialect) for view in VIEWS} for dialect in DIALECTS}

    assert {dialect: (FOLDER / f"{dialect}.sql").read_text(encoding="utf-8") for dialect in DIALECTS} == {
        dialect: written(own) for dialect, own in compiled.items()
    }
    assert {dialect: views(dialect) for dialect in DIALECTS} == compiled

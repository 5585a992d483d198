"""The SQL that ships is what the expressions make of it."""

from __future__ import annotations

import pytest

from restaurant_os.transformations import VIEWS, view_sql
from restaurant_os.warehouse.compiled import DIALECTS, FOLDER, views, written


@pytest.mark.parametrize("dialect", DIALECTS)
def test_compiled_views_are_up_to_date(dialect: str) -> None:
    """`python scripts/views.py` was run after the last change of an expression."""
    compiled = {view.name: view_sql(view, dialect) for view in VIEWS}

    assert (FOLDER / f"{dialect}.sql").read_text(encoding="utf-8") == written(compiled)
    assert views(dialect) == compiled

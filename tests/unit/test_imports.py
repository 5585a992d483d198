"""The command line is there at once: nothing heavy is imported until a command needs it."""

from __future__ import annotations

import subprocess
import sys

HEAVY = ("duckdb", "pyarrow", "ibis", "numpy", "uvicorn", "starlette", "httpx", "pydantic", "restaurant_os.simulator")


def loaded_by(statement: str) -> set[str]:
    """The modules of `HEAVY` that are loaded after a statement, in a fresh interpreter."""
    asked = f"{statement}; import sys; print(*(name for name in {HEAVY!r} if name in sys.modules))"
    return set(subprocess.run([sys.executable, "-c", asked], check=True, capture_output=True, text=True, timeout=60).stdout.split())


def test_the_command_line_imports_nothing_heavy() -> None:
    """`--help` and a mistyped command answer without an engine."""
    assert loaded_by("import restaurant_os.cli") == set()


def test_ibis_is_imported_only_when_views_are_made() -> None:
    """It costs a second; a warehouse whose views are up to date never needs it."""
    assert (
        loaded_by("import restaurant_os.app, restaurant_os.warehouse.query, restaurant_os.terminal") & {"ibis", "uvicorn", "starlette"}
        == set()
    )


def test_the_product_does_not_import_its_simulator() -> None:
    """They share no code, so that the two can disagree."""
    assert "restaurant_os.simulator" not in loaded_by("import restaurant_os.app, restaurant_os.demo, restaurant_os.doctor")

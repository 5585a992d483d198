"""main.py costs an instance next to nothing until it is called."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

REPOSITORY = Path(__file__).parents[2]
WEB = {"fastapi", "starlette", "uvicorn", "flask", "typer", "rich", "httpx", "duckdb", "pyarrow", "pydantic", "restaurant_os"}
IMPORT = "import json, sys; before = set(sys.modules); import main; print(json.dumps(sorted(set(sys.modules) - before)))"


def test_importing_main_imports_nothing_heavy() -> None:
    """Neither the web service nor the command line, the warehouse or the package itself: each call imports what it needs."""
    ran = subprocess.run([sys.executable, "-c", IMPORT], cwd=REPOSITORY, capture_output=True, text=True, check=True)

    imported = {name.partition(".")[0] for name in json.loads(ran.stdout)}
    assert "main" in imported
    assert imported & WEB == set()


def test_main_names_the_four_entry_points() -> None:
    ask = "import inspect, main; print(*(name for name, _ in inspect.getmembers(main, inspect.isfunction) if name[0] != '_'))"

    ran = subprocess.run([sys.executable, "-c", ask], cwd=REPOSITORY, capture_output=True, text=True, check=True)

    assert ran.stdout.split() == ["cash_daily", "config_weekly", "labor_daily", "orders_daily"]

"""Compiles the views of `transformations.py` to the SQL of each dialect: `python scripts/views.py [--check]`.

`--check` writes nothing and ends with 1 when a file is not what the expressions make of it.
"""

from __future__ import annotations

import sys

from restaurant_os.transformations import VIEWS, view_sql
from restaurant_os.warehouse.compiled import DIALECTS, FOLDER, written


def main(arguments: list[str]) -> int:
    stale = []
    for dialect in DIALECTS:
        text = written({view.name: view_sql(view, dialect) for view in VIEWS})
        file = FOLDER / f"{dialect}.sql"
        if file.exists() and file.read_text(encoding="utf-8") == text:
            continue
        stale.append(file.name)
        if "--check" not in arguments:
            file.write_text(text, encoding="utf-8")
            print(f"wrote {file.name}")
    if stale and "--check" in arguments:
        print(f"views: {', '.join(stale)} not up to date; run python scripts/views.py", file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))

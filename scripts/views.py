"""Compiles the views of `transformations.py` to the SQL of each dialect: `python scripts/views.py [--check]`.

And raises the number of all definitions, those of the tables too, when they are others (`sql/definitions.txt`): by it an older version knows that a
warehouse is a newer one's. `--check` writes nothing and ends with 1 when a file is not what the code makes of it.
"""

from __future__ import annotations

import hashlib
import sys

from restaurant_os.tables import TABLES
from restaurant_os.transformations import VIEWS, view_sql
from restaurant_os.warehouse.compiled import DEFINITIONS, DIALECTS, FOLDER, written
from restaurant_os.warehouse.postgres_access import API_ROLES
from restaurant_os.warehouse.postgres_bulk import SQL_TYPES
from restaurant_os.warehouse.postgres_schema import indexes
from restaurant_os.warehouse.slices import partition_of


def definitions(texts: list[str]) -> str:
    """The file of the number: as it is, or one more where anything is of another definition on any engine."""
    tables = [
        (
            spec.name,
            [(c.name, str(c.type), SQL_TYPES[c.type], c.meaning) for c in spec.columns],
            spec.key,
            indexes(spec),
            partition_of(spec),
        )
        for spec in TABLES
    ]
    digest = hashlib.sha256(repr((tables, texts, API_ROLES)).encode()).hexdigest()
    number, last = DEFINITIONS.read_text(encoding="utf-8").split() if DEFINITIONS.exists() else ("0", "")
    return f"{number if last == digest else int(number) + 1} {digest}\n"


def main(arguments: list[str]) -> int:
    stale = []
    texts = {FOLDER / f"{dialect}.sql": written({view.name: view_sql(view, dialect) for view in VIEWS}) for dialect in DIALECTS}
    for file, text in {**texts, DEFINITIONS: definitions(list(texts.values()))}.items():
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

"""Columns of a user's own in our tables: a row of ours that is replaced keeps what they hold.

DuckDB's merges delete rows and insert them again, with our columns. Whoever deletes has the others' values kept first; once the new rows are in,
each goes back to the row of the same key. A row whose key is gone takes its values with it.
"""

from __future__ import annotations

from restaurant_os.tables import TableSpec
from restaurant_os.warehouse.merge import Run, same_values

#: By table, the columns that are not ours, as a statement writes them: they are asked for once while a file is open.
Known = dict[str, list[str]]


class Kept:
    """The values of one transaction. `known`: what earlier ones of the same open file asked."""

    def __init__(self, run: Run, known: Known) -> None:
        self.run = run
        self.known = known
        self.specs: dict[str, TableSpec] = {}

    def before(self, spec: TableSpec, condition: str) -> None:
        """Note the values of the rows that are deleted next, those of `condition`."""
        name, others = spec.name, self._others(spec)
        if not others:
            return
        values = f"SELECT {', '.join([*spec.key, *others])} FROM {name} WHERE {condition}"
        if name not in self.specs:
            self.specs[name] = spec
            self.run(f"CREATE OR REPLACE TEMP TABLE kept_{name} AS {values}")
        else:  # deleted a second time it has not got its values back yet
            is_known = f"SELECT 1 FROM kept_{name} AS k WHERE {same_values('k', name, spec.key)}"
            self.run(f"INSERT INTO kept_{name} {values} AND NOT EXISTS ({is_known})")

    def give_back(self) -> None:
        """Once the rows that replace them are in."""
        for name, spec in self.specs.items():
            if self.run(f"SELECT 1 FROM kept_{name} LIMIT 1"):
                values = ", ".join(f"{column} = k.{column}" for column in self._others(spec))
                self.run(f"UPDATE {name} SET {values} FROM kept_{name} AS k WHERE {same_values('k', name, spec.key)}")

    def _others(self, spec: TableSpec) -> list[str]:
        if spec.name not in self.known:
            found = [str(name) for (name,) in self.run(f"SELECT name FROM pragma_table_info('{spec.name}')")]
            self.known[spec.name] = [_quoted(name) for name in found if name.lower() not in spec.names]
        return self.known[spec.name]


def _quoted(name: str) -> str:
    return '"' + name.replace('"', '""') + '"'

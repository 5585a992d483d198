"""Pages kept on disk until their unit is committed, so that memory stays flat however long the unit is.

One Arrow file per table in a folder beside the warehouse, removed with its unit. A killed process leaves its folder; the
next one to start clears it.
"""

from __future__ import annotations

import os
import shutil
import uuid
from collections.abc import Iterable
from contextlib import suppress
from pathlib import Path
from types import TracebackType

import pyarrow as pa

from restaurant_os.batch import Batch, DaySet, Rejected

#: Rows of a table written as one piece.
ROWS_TOGETHER = 4_096


#: Times a folder is made that others may take away under us.
MOST_TRIES = 50


class Spill:
    """Takes batches, gives tables mapped from disk. Use as a context manager: leaving it removes the files."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder / f"{os.getpid()}-{uuid.uuid4().hex[:12]}"
        self.rejected: list[Rejected] = []
        self.day_sets: list[DaySet] = []
        self._waiting: dict[str, list[pa.RecordBatch]] = {}
        self._writers: dict[str, pa.ipc.RecordBatchFileWriter] = {}
        self._maps: list[pa.MemoryMappedFile] = []

    def __enter__(self) -> Spill:
        for _ in range(MOST_TRIES):
            with suppress(FileNotFoundError, FileExistsError):  # the last unit to leave just took the folder above with it
                self.folder.mkdir(parents=True, exist_ok=True)
                return self
        self.folder.mkdir(parents=True, exist_ok=True)
        return self

    def __exit__(self, kind: type[BaseException] | None, problem: BaseException | None, trace: TracebackType | None) -> None:
        for writer in self._writers.values():
            with suppress(OSError, pa.ArrowInvalid):
                writer.close()
        for mapped in self._maps:
            mapped.close()
        shutil.rmtree(self.folder, ignore_errors=True)
        with suppress(OSError):
            self.folder.parent.rmdir()

    def add(self, batch: Batch) -> None:
        self.rejected.extend(batch.rejected)
        self.day_sets.extend(batch.day_sets)
        for name, rows in batch.tables.items():
            waiting = self._waiting.setdefault(name, [])
            waiting.append(rows)
            if sum(own.num_rows for own in waiting) >= ROWS_TOGETHER:
                self._write(name)

    def _write(self, name: str) -> None:
        """Join what waits into one piece: whoever scans many small ones pays for each."""
        waiting = self._waiting.pop(name)
        if name not in self._writers:
            self._writers[name] = pa.ipc.new_file(str(self.folder / f"{name}.arrow"), waiting[0].schema)
        if joined := [rows for rows in waiting if rows.num_rows]:
            self._writers[name].write_batch(pa.concat_batches(joined))

    def tables(self) -> dict[str, pa.Table]:
        """Everything added, by table; nothing can be added after."""
        for name in list(self._waiting):
            self._write(name)
        found: dict[str, pa.Table] = {}
        for name, writer in self._writers.items():
            writer.close()
            mapped = pa.memory_map(str(self.folder / f"{name}.arrow"))
            self._maps.append(mapped)
            found[name] = pa.ipc.open_file(mapped).read_all()
        self._writers = {}
        return found


def clear_left_behind(folder: Path) -> None:
    """Remove the folders of processes that are gone."""
    for left in _folders(folder):
        owner = left.name.partition("-")[0]
        if owner.isdigit() and not _is_alive(int(owner)):
            shutil.rmtree(left, ignore_errors=True)
    with suppress(OSError):
        folder.rmdir()


def _folders(folder: Path) -> Iterable[Path]:
    try:
        return list(folder.iterdir())
    except OSError:
        return []


def _is_alive(process: int) -> bool:
    try:
        os.kill(process, 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        return True
    return True

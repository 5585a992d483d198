"""One restaurant group's folder: its settings and warehouse, synced in this process or by the real command."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date
from pathlib import Path

from pydantic import SecretStr

from restaurant_os.app import App, build_app
from restaurant_os.pipeline.plans import Span
from restaurant_os.pipeline.sync import LocationResult, Unwatched
from restaurant_os.settings import Location, load
from restaurant_os.sources.http import RetryPolicy
from restaurant_os.warehouse.duckdb import empty_file
from toast_simulator import CREDENTIALS, Toast, environment, settings_text

COMMAND = str(Path(sys.executable).with_name("restaurant-os"))
#: Faults come often, waits are short.
PATIENT = RetryPolicy(attempts=12, first_wait=0.05, longest_wait=1.0)


@dataclass(frozen=True)
class Desk:
    folder: Path
    toast: Toast

    @property
    def settings(self) -> Path:
        return self.folder / "restaurant-os.toml"

    @property
    def warehouse(self) -> Path:
        return self.folder / "warehouse.duckdb"

    def app(self) -> App:
        """The app as a new process would build it, with the token of the last one."""
        credentials = {key.lower(): SecretStr(value) for key, value in CREDENTIALS.items()}
        settings = load(self.settings).model_copy(update=credentials)
        return build_app(settings, retry=PATIENT, token_folder=self.folder / "tokens")

    def sync(self, first: date | None = None, last: date | None = None, dataset: str = "orders") -> list[LocationResult]:
        """One sync of every location, of changes or of a span; every location must end well."""
        app = self.app()
        span = Span(first, last or first) if first else None
        try:
            results = app.sync(dataset).run(app.locations(), span, Unwatched())
        finally:
            app.toast.http.close()
        assert [str(x.error) for x in results if x.error] == []
        return results

    def run(self, *arguments: str, **more: str) -> subprocess.CompletedProcess[str]:
        """The real command, in the folder."""
        return command(self.folder, *arguments, timeout=100, **more)


def desk(folder: Path, toast: Toast, *lines: str, locations: Sequence[Location] | None = None, begun: bool = False) -> Desk:
    """A folder with settings for the simulator's restaurants; `lines` are settings of ours before its tables.

    `begun`: its warehouse is there, with nothing in it, which spares the first command a second.
    """
    folder.mkdir(parents=True, exist_ok=True)
    found = Desk(folder, toast)
    found.settings.write_text(settings_text(toast, toast.locations() if locations is None else locations, *lines))
    if begun:
        found.warehouse.write_bytes(empty_file())
    return found


def command(folder: Path, *arguments: str, timeout: float = 100, **more: str) -> subprocess.CompletedProcess[str]:
    """`restaurant-os` with these arguments, run in `folder`; `more` goes into its environment."""
    return subprocess.run(
        [COMMAND, *arguments],
        cwd=folder,
        env=environment(folder, **more),
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=timeout,
        check=False,
    )


def started(folder: Path, *arguments: str, **more: str) -> subprocess.Popen[str]:
    """The same, left running; its output goes to a pipe, stderr with stdout."""
    return subprocess.Popen(
        [COMMAND, *arguments],
        cwd=folder,
        env=environment(folder, **more),
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )

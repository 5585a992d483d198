"""A double of BigQuery for tests and proofs: `local-bigquery`, spoken to over HTTP as google-cloud-bigquery does.

    python tests/bigquery_double.py          # make its environment; exit code 1, and why, where that cannot be

    with double_of_this_run(tmp_path_factory) as double:    # all processes of a test run share it
        with double.dataset() as url: ...    # bigquery://project/dataset of this test alone; the dataset is not there yet
        with double.made() as url: ...       # the same with every table and view of ours in it
    Real(REAL_PROJECT)                       # the same of Google's own, where RESTAURANT_OS_BIGQUERY_PROJECT names a project
    with Double() as double:                 # of its own, to be stopped and started
        double.stop(); double.start()

It needs Python 3.13 and an older DuckDB than ours, so it has an environment of its own in `.venv-bigquery`; it needs no network once that stands.
Which of these packages go together was measured; newer ones want an extension that only the network has.
"""

from __future__ import annotations

import fcntl
import os
import shutil
import subprocess
import sys
import tempfile
import time
import urllib.error
import urllib.request
import uuid
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import IO, TYPE_CHECKING

from keeping import START_SECONDS, die_with_parent, folder_of_run, free_port, keep, shared
from restaurant_os.settings import BigQuerySettings

if TYPE_CHECKING:
    import pytest

FOLDER = Path(__file__).parents[1] / ".venv-bigquery"
PYTHON = (3, 13)
PACKAGES = (
    "local-bigquery==0.3.2",
    "duckdb==1.5.5",
    "duckdb-extension-ducklake==1.5.5",
    "duckdb-extension-spatial==1.5.5",
    "pyarrow==26.0.1",
    "sqlglot==30.30.0",
)
PROJECT = "restaurants-test"
#: Of whoever runs the tests, read when they are collected: each test has these removed from its environment.
REAL_PROJECT = os.environ.get("RESTAURANT_OS_BIGQUERY_PROJECT", "")
REAL_LOCATION = os.environ.get("RESTAURANT_OS_BIGQUERY_LOCATION", "US")
MISSING = f"no Python {PYTHON[0]}.{PYTHON[1]} with venv was found (python{PYTHON[0]}.{PYTHON[1]} on the path, uv, pyenv)"

#: What is started in its environment.
SERVED = Path(__file__).with_name("bigquery_served.py")
#: Asked of the environment: what the version and the platform are called, and where the extensions are.
WHERE = """
import duckdb, pathlib
print(duckdb.__version__)
print(duckdb.sql("PRAGMA platform").fetchone()[0])
print(*pathlib.Path(duckdb.__file__).parents[1].glob("duckdb_extension_*/**/*.duckdb_extension"), sep="\\n")
"""


# --- its environment ----------------------------------------------------------------------------------------------------


def environment() -> Path | None:
    """The Python of the double's environment; None: it was not made, and whatever needs it is skipped."""
    program = FOLDER / "bin" / "python"
    with suppress(OSError):
        if _made().read_text() == "\n".join(PACKAGES) and program.exists():
            return program
    return None


def make_environment() -> Path:
    """The same, made first where it is missing. Raises LookupError: it cannot be, and why."""
    FOLDER.mkdir(exist_ok=True)
    with (FOLDER / ".making").open("a") as making:
        fcntl.flock(making, fcntl.LOCK_EX)
        found = environment()
        if found:
            return found
        program = FOLDER / "bin" / "python"
        _run([_python(), "-m", "venv", str(FOLDER)])
        _run([str(program), "-m", "pip", "install", "--quiet", "--disable-pip-version-check", *PACKAGES])
        _made().write_text("\n".join(PACKAGES))
        return program


def _made() -> Path:
    return FOLDER / ".made"


def _python() -> str:
    name = f"python{PYTHON[0]}.{PYTHON[1]}"
    on_path = [Path(folder).parent for folder in os.environ.get("PATH", "").split(os.pathsep) if Path(folder).name == "shims"]
    roots = [Path(os.environ.get("PYENV_ROOT", Path.home() / ".pyenv")), *on_path]
    of_pyenv = [str(found) for root in roots for found in sorted(root.glob(f"versions/{PYTHON[0]}.{PYTHON[1]}.*/bin/{name}"))]
    candidates = [sys.executable, name, *of_pyenv]
    if shutil.which("uv"):
        asked = subprocess.run(["uv", "python", "find", f"{PYTHON[0]}.{PYTHON[1]}"], capture_output=True, text=True, check=False)
        candidates += asked.stdout.split()
    for candidate in candidates:
        if _is_wanted(candidate):
            return candidate
    raise LookupError(MISSING)


def _is_wanted(python: str) -> bool:
    """A name on the path may be a shim that leads nowhere, and a Python may lack what makes environments."""
    question = f"import sys, venv, ensurepip; sys.exit(sys.version_info[:2] != {PYTHON})"
    with suppress(OSError, subprocess.TimeoutExpired):
        return subprocess.run([python, "-c", question], capture_output=True, check=False, timeout=60).returncode == 0
    return False


def _run(command: list[str]) -> None:
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode:
        raise LookupError(f"its packages could not be installed: {(done.stderr or done.stdout).strip()[-500:]}")


# --- the server ---------------------------------------------------------------------------------------------------------


class Reachable:
    """A double by its address. Whoever asks needs no credentials. `folder`: its own, which goes with it."""

    project = PROJECT

    def __init__(self, endpoint: str, folder: Path) -> None:
        #: As `BigQuerySettings.api_endpoint` and the client's options take it.
        self.endpoint = endpoint
        self.folder = folder
        self.location = "US"

    @property
    def settings(self) -> BigQuerySettings:
        """Of a warehouse in which what happened lands at once."""
        return BigQuerySettings(location=self.location, api_endpoint=self.endpoint, lands_every_seconds=0)

    @contextmanager
    def dataset(self) -> Iterator[str]:
        """The URL of a dataset that nobody has; gone afterwards with all that is in it."""
        url = _new_url(self.project)
        try:
            yield url
        finally:
            self._drop(_dataset_of(url))

    @contextmanager
    def made(self) -> Iterator[str]:
        """The URL of a dataset of this test alone with every table and view."""
        with self.dataset() as url:
            self._make(url)
            yield url

    def _make(self, url: str) -> None:
        """As a copy of one that `migrate` made: that takes the double many seconds."""
        with (self.folder / "made").open("a+") as made:
            fcntl.flock(made, fcntl.LOCK_EX)
            made.seek(0)
            first = made.read()
            if not first:
                first = _new_url(self.project)
                self._migrate(first)
                made.write(first)
        self._call("POST", f"copies/{self.project}/{_dataset_of(first)}/{_dataset_of(url)}")

    def _migrate(self, url: str) -> None:
        from restaurant_os.warehouse.bigquery import BigQueryWarehouse

        warehouse = BigQueryWarehouse(url, self.settings)
        warehouse.migrate()
        warehouse.close()

    def _drop(self, dataset: str) -> None:
        with suppress(urllib.error.HTTPError):  # it was never made
            self._call("DELETE", f"bigquery/v2/projects/{self.project}/datasets/{dataset}?deleteContents=true")

    def _call(self, method: str, path: str) -> None:
        urllib.request.urlopen(urllib.request.Request(f"{self.endpoint}/{path}", method=method), timeout=START_SECONDS).close()


class Real(Reachable):
    """Google's own, with the credentials of whoever runs the tests. It costs some cents."""

    def __init__(self, project: str) -> None:
        super().__init__("", Path())
        self.project, self.location = project, REAL_LOCATION

    def _make(self, url: str) -> None:
        self._migrate(url)

    def _drop(self, dataset: str) -> None:
        from google.cloud import bigquery

        bigquery.Client(self.project).delete_dataset(f"{self.project}.{dataset}", delete_contents=True, not_found_ok=True)


def _new_url(project: str) -> str:
    return f"bigquery://{project}/test_{uuid.uuid4().hex[:16]}"


def _dataset_of(url: str) -> str:
    return url.rsplit("/", 1)[1]


class Double(Reachable):
    """A double of this process. Its tables outlive a stop and a start."""

    def __init__(self) -> None:
        found = environment()
        if found is None:
            raise LookupError("the double of BigQuery is not installed: python tests/bigquery_double.py")
        self._python = found
        self.port = free_port()
        super().__init__(f"http://127.0.0.1:{self.port}", Path(tempfile.mkdtemp(prefix="restaurant-os-bigquery-")))
        self._process: subprocess.Popen[bytes] | None = None
        self._log: IO[bytes] = (self.folder / "log").open("ab")
        try:
            self._give_extensions()
            self.start()
        except BaseException:
            self.close()
            raise

    def _give_extensions(self) -> None:
        """Into a home of its own, where DuckDB looks for them before it asks the network."""
        asked = subprocess.run([str(self._python), "-c", WHERE], capture_output=True, text=True, check=True, timeout=START_SECONDS)
        version, platform, *extensions = asked.stdout.split("\n")[:-1]
        place = self.folder / "home" / ".duckdb" / "extensions" / f"v{version}" / platform
        place.mkdir(parents=True)
        for extension in map(Path, extensions):
            (place / extension.name).symlink_to(extension)

    def start(self) -> None:
        """Returns when it answers."""
        own = ["serve", "--host", "127.0.0.1", "--port", str(self.port), "--grpc-port", str(free_port())]
        command = [str(self._python), str(SERVED), *own, "--project", PROJECT, "--data-dir", str(self.folder / "data")]
        home = {"HOME": str(self.folder / "home"), "PATH": os.environ.get("PATH", "")}
        self._process = subprocess.Popen(
            command, env=home, stdout=self._log, stderr=self._log, stdin=subprocess.DEVNULL, cwd=self.folder, preexec_fn=die_with_parent
        )
        until = time.monotonic() + START_SECONDS
        while not self._answers():
            if self._process.poll() is not None or time.monotonic() > until:
                raise RuntimeError(f"local-bigquery did not start:\n{(self.folder / 'log').read_text()[:6000]}")
            time.sleep(0.05)

    def _answers(self) -> bool:
        try:
            urllib.request.urlopen(f"{self.endpoint}/bigquery/v2/projects/{PROJECT}/datasets", timeout=START_SECONDS).close()
        except (urllib.error.URLError, ConnectionError):
            return False
        return True

    def stop(self) -> None:
        """At once: its clients are cut off."""
        process, self._process = self._process, None
        if process:
            process.kill()
            process.wait()

    def close(self) -> None:
        self.stop()
        self._log.close()
        shutil.rmtree(self.folder, ignore_errors=True)

    def __enter__(self) -> Double:
        return self

    def __exit__(self, *problem: object) -> None:
        self.close()


@contextmanager
def shared_double(folder: Path) -> Iterator[Reachable]:
    """The double of all who name `folder`, in this process and others, that one of them started."""
    with shared(folder, "bigquery", Path(__file__)) as told:
        yield Reachable(told["endpoint"], Path(told["folder"]))


@contextmanager
def double_of_this_run(factory: pytest.TempPathFactory) -> Iterator[Reachable]:
    """The double of all processes of a test run. Where it cannot be had whoever asks is skipped, which says why; `.ci/run` fails then."""
    import pytest

    pytest.importorskip("google.cloud.bigquery", reason="the package google-cloud-bigquery is not installed")
    if environment() is None:
        pytest.skip("the double of BigQuery is not installed: `make double` makes it, or says why not")
    with shared_double(folder_of_run(factory)) as double:
        yield double


def main(arguments: list[str]) -> int:
    if arguments:
        keep(Path(arguments[0]), "bigquery", Double, lambda double: {"endpoint": double.endpoint, "folder": str(double.folder)})
        return 0
    try:
        make_environment()
    except LookupError as problem:
        sys.stderr.write(f"the double of BigQuery (.venv-bigquery): {problem}\n")
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))

"""deploy/: the script against a gcloud that only takes notes, and what is uploaded."""

from __future__ import annotations

import re
import shlex
import subprocess
import sys
import tomllib
from collections.abc import Iterator
from importlib.metadata import PackageNotFoundError, distribution, packages_distributions
from pathlib import Path

import pytest

from restaurant_desk import desk
from toast_simulator import LAST_DAY, Toast, environment, simulating

REPOSITORY = Path(__file__).parents[2]
SCRIPT = REPOSITORY / "deploy" / "deploy_all.sh"
#: Notes its words, one call a line, and copies of what it is to upload; says of everything in $MISSING that it is not there.
STUB = """#!/usr/bin/env bash
printf '%q ' "$@" >> "$NOTES"; printf '\\n' >> "$NOTES"
for word in "$@"; do
  case $word in --source=*) (cd "${word#--source=}" && find . -maxdepth 2 -not -name '*.pyc' | sort) > "$NOTES.uploaded" ;; esac
done
for name in $MISSING; do [[ " $* " == *" describe $name "* ]] && exit 1; done
exit 0
"""
GIVEN = {"PROJECT": "acme-pos", "DATASET": "restaurants"}
#: Function, entry point, memory: the user's table.
FUNCTIONS = [
    ("toast-orders-etl", "orders_daily", "1GB"),
    ("toast-cash-etl", "cash_daily", "512MB"),
    ("toast-labor-etl", "labor_daily", "512MB"),
    ("toast-config-etl", "config_weekly", "512MB"),
]
JOBS = [
    ("toast-orders-daily", "toast-orders-etl", "0 2 * * *"),
    ("toast-cash-daily", "toast-cash-etl", "15 2 * * *"),
    ("toast-labor-daily", "toast-labor-etl", "30 2 * * *"),
    ("toast-config-weekly", "toast-config-etl", "0 3 * * 0"),
    ("toast-orders-late", "toast-orders-etl", "0 5 * * *"),
    ("toast-cash-late", "toast-cash-etl", "15 5 * * *"),
    ("toast-labor-late", "toast-labor-etl", "30 5 * * *"),
]
ALL_JOBS = " ".join(name for name, _, _ in JOBS)


def deploy(folder: Path, *options: str, **more: str) -> tuple[subprocess.CompletedProcess[str], list[list[str]]]:
    """What the script said, and the words of every call of gcloud."""
    stub, notes = folder / "bin" / "gcloud", folder / "notes"
    stub.parent.mkdir(exist_ok=True)
    stub.write_text(STUB)
    stub.chmod(0o755)
    (folder / "restaurant-os.toml").write_text("# settings\n")
    environment = {"PATH": f"{stub.parent}:/usr/bin:/bin", "NOTES": str(notes), "MISSING": "", "TMPDIR": str(folder), **more}
    ran = subprocess.run([str(SCRIPT), *options], cwd=folder, env=environment, capture_output=True, text=True, timeout=60, check=False)
    return ran, [shlex.split(line) for line in notes.read_text().splitlines()] if notes.exists() else []


def options_of(words: list[str]) -> dict[str, str]:
    pairs = [word.partition("=") for word in words if word.startswith("--")]
    return {name: value for name, _, value in pairs}


def assert_every_resource(calls: list[list[str]], verb: str, account: str = "restaurant-os@acme-pos.iam.gserviceaccount.com") -> None:
    """The four functions and the seven jobs of the user's tables."""
    deployed = {words[2]: options_of(words) for words in calls if words[:2] == ["functions", "deploy"]}
    assert [(name, own["--entry-point"], own["--memory"]) for name, own in deployed.items()] == FUNCTIONS
    for own in deployed.values():
        assert {"--gen2", "--trigger-http", "--no-allow-unauthenticated"} <= own.keys()
        assert {name: own[name] for name in ("--project", "--region", "--runtime", "--timeout", "--concurrency", "--service-account")} == {
            "--project": "acme-pos",
            "--region": "us-west1",
            "--runtime": "python312",
            "--timeout": "540s",
            "--concurrency": "1",
            "--service-account": account,
        }
        assert own["--set-secrets"] == "TOAST_CLIENT_ID=TOAST_CLIENT_ID:latest,TOAST_CLIENT_SECRET=TOAST_CLIENT_SECRET:latest"
        assert "RESTAURANT_OS_WAREHOUSE=bigquery://acme-pos/restaurants," in own["--set-env-vars"]
    jobs = {words[4]: options_of(words) for words in calls if words[:4] == ["scheduler", "jobs", verb, "http"]}
    urls = {name: f"https://us-west1-acme-pos.cloudfunctions.net/{name}" for name, _, _ in FUNCTIONS}
    assert [(name, own["--uri"], own["--schedule"]) for name, own in jobs.items()] == [(name, urls[to], cron) for name, to, cron in JOBS]
    for own in jobs.values():
        assert own["--oidc-token-audience"] == own["--uri"]
        assert (own["--oidc-service-account-email"], own["--message-body"]) == (account, '{"restaurant_guid": "ALL"}')
        assert (own["--time-zone"], own["--attempt-deadline"], own["--http-method"]) == ("America/Los_Angeles", "600s", "POST")
    may_call = [words[2] for words in calls if words[:2] == ["functions", "add-invoker-policy-binding"]]
    assert may_call == [name for name, _, _ in FUNCTIONS]


def test_shellcheck_is_clean() -> None:
    ran = subprocess.run([str(Path(sys.executable).with_name("shellcheck")), str(SCRIPT)], capture_output=True, text=True, check=False)

    assert (ran.returncode, ran.stdout) == (0, "")


def test_a_dry_run_prints_every_command_and_calls_nothing(tmp_path: Path) -> None:
    """As a shell would take them; nothing is left behind."""
    ran, called = deploy(tmp_path, "--dry-run", **GIVEN)

    printed = [shlex.split(line) for line in ran.stdout.splitlines()]
    assert (ran.returncode, called) == (0, [])
    assert {words[0] for words in printed} == {"cp", "gcloud"}
    assert_every_resource([words[1:] for words in printed], "create")
    assert sorted(path.name for path in tmp_path.iterdir()) == ["bin", "restaurant-os.toml"]


def test_a_run_makes_what_is_not_there(tmp_path: Path) -> None:
    """It uploads the entry points, the package, what they need and the settings, and takes its folder away again."""
    ran, called = deploy(tmp_path, **GIVEN, MISSING=ALL_JOBS)

    assert (ran.returncode, ran.stderr) == (0, "")
    assert_every_resource(called, "create")
    uploaded = (tmp_path / "notes.uploaded").read_text().split()
    assert uploaded == [".", "./.gcloudignore", "./main.py", "./requirements.txt", "./restaurant-os.toml", "./src", "./src/restaurant_os"]
    assert sorted(path.name for path in tmp_path.iterdir()) == ["bin", "notes", "notes.uploaded", "restaurant-os.toml"]


def test_a_second_run_updates_what_is_there(tmp_path: Path) -> None:
    """A job's headers have another option then."""
    ran, called = deploy(tmp_path, **GIVEN)

    assert ran.returncode == 0
    assert_every_resource(called, "update")
    updates = [options_of(words) for words in called if words[:3] == ["scheduler", "jobs", "update"]]
    assert all("--update-headers" in own and "--headers" not in own for own in updates)


def test_secrets_that_are_missing_are_named_and_nothing_is_changed(tmp_path: Path) -> None:
    ran, called = deploy(tmp_path, **GIVEN, MISSING="TOAST_CLIENT_SECRET")

    assert ran.returncode == 1
    assert "gcloud secrets create TOAST_CLIENT_SECRET --project=acme-pos" in ran.stderr
    assert "TOAST_CLIENT_ID " not in ran.stderr
    assert {words[1] if words[0] == "secrets" else words[0] for words in called} == {"iam", "describe"}


@pytest.mark.parametrize(
    ("options", "given", "said"),
    [
        ((), {}, "not set: PROJECT DATASET"),
        ((), {"PROJECT": "acme-pos"}, "not set: DATASET"),
        (("--dry-run",), {"DATASET": "restaurants"}, "not set: PROJECT"),
        (("--force",), GIVEN, "no option '--force'"),
        ((), {**GIVEN, "CONFIG": "elsewhere.toml"}, "elsewhere.toml is not there"),
        ((), {**GIVEN, "LATE_HOUR": "25"}, "LATE_HOUR is '25'"),
    ],
    ids=str,
)
def test_what_cannot_be_done_is_said_at_once(tmp_path: Path, options: tuple[str, ...], given: dict[str, str], said: str) -> None:
    """With exit code 2, before anything is called."""
    ran, called = deploy(tmp_path, *options, **given)

    assert (ran.returncode, said in ran.stderr, called) == (2, True, [])


def test_what_may_be_given_arrives(tmp_path: Path) -> None:
    given = {
        **GIVEN,
        "REGION": "europe-west1",
        "WAREHOUSE": "duckdb:////mnt/pos.duckdb",
        "TIME_ZONE": "America/New_York",
        "LATE_TIME_ZONE": "Pacific/Honolulu",
        "LATE_HOUR": "6",
        "SCHEDULER_ACCOUNT": "caller@acme-pos.iam.gserviceaccount.com",
    }
    ran, _ = deploy(tmp_path, "--dry-run", **given)

    printed = [shlex.split(line) for line in ran.stdout.splitlines()]
    late = options_of(next(words for words in printed if "toast-labor-late" in words))
    assert (late["--schedule"], late["--time-zone"], late["--location"]) == ("30 6 * * *", "Pacific/Honolulu", "europe-west1")
    assert late["--oidc-service-account-email"] == given["SCHEDULER_ACCOUNT"]
    assert "RESTAURANT_OS_WAREHOUSE=duckdb:////mnt/pos.duckdb," in ran.stdout


# --- what the functions need ----------------------------------------------------------------------------------------

#: The server around the call; a [schedule] in the settings; instants out of DuckDB; zones where the system has none; the other engines.
OTHER_TIMES = {"functions-framework", "cronsim", "pytz", "tzdata", "google-cloud-bigquery", "psycopg", "psycopg-binary", "sqlglot"}
CALL = """
import sys
class Absent:
    def find_spec(self, name, path=None, target=None):
        if name.partition(".")[0] in {"typer", "rich", "pygments", "starlette", "uvicorn", "fastapi"} or name.startswith("restaurant_os.simulator"):
            raise ImportError(name + " is not deployed")
sys.meta_path.insert(0, Absent())
import main, flask
request = flask.Request.from_values(method="POST", data=b'{"start_date": "%s", "end_date": "%s"}')
text, status, headers = main.{entry_point}(request)
assert status == 200, text
# A namespace of many packages (google) is no package of its own.
print(*sorted({name.partition(".")[0] for name, module in sys.modules.items() if getattr(module, "__file__", None)}))
"""


@pytest.fixture(scope="module")
def toast() -> Iterator[Toast]:
    with simulating(locations=1, days=1) as running:
        yield running


@pytest.mark.parametrize("entry_point", ["orders_daily", "config_weekly"])
def test_the_functions_need_no_more_than_their_requirements(tmp_path: Path, toast: Toast, entry_point: str) -> None:
    """A whole call, without the command line, the web service and the simulator: all that is not deployed."""
    own = desk(tmp_path / "own", toast, begun=True)
    code = CALL.replace("{entry_point}", entry_point).replace("%s", LAST_DAY.isoformat())

    ran = subprocess.run(
        [sys.executable, "-c", code],
        cwd=REPOSITORY,
        env=environment(own.folder, RESTAURANT_OS_CONFIG=str(own.settings)),
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )

    assert ran.returncode == 0, ran.stderr
    required = {plain(line.partition("==")[0]) for line in requirements()}
    ours = packages_distributions()
    used = {plain(name) for module in ran.stdout.splitlines()[-1].split() for name in ours.get(module, [])}
    assert required - used <= OTHER_TIMES
    # Whatever else is used came with one of them.
    assert used - required <= {plain(name) for name in brought_by(required)} | {"restaurant-os", "setuptools", "pip"}


def brought_by(names: set[str]) -> set[str]:
    """What packages ask for, and what those ask for; extras left out."""
    found: set[str] = set()
    waiting = set(names)
    while waiting:
        found |= waiting
        asked = {line for name in waiting for line in requires(name) or [] if "extra ==" not in line}
        waiting = {plain(re.split(r"[^A-Za-z0-9._-]", line)[0]) for line in asked} - found
    return found


def requires(name: str) -> list[str]:
    try:
        return distribution(name).requires or []
    except PackageNotFoundError:  # of another platform
        return []


def plain(name: str) -> str:
    return re.sub(r"[-_.]+", "-", name).lower()


def test_the_requirements_are_enough_for_a_warehouse_on_any_engine() -> None:
    """`deploy_all.sh` names a BigQuery dataset where nothing else is given."""
    extras = tomllib.loads((REPOSITORY / "pyproject.toml").read_text())["project"]["optional-dependencies"]
    needed = {plain(re.split(r"[^A-Za-z0-9._-]", line)[0]) for name in ("bigquery", "postgres", "functions") for line in extras[name]}
    # The extra of psycopg is a package of its own.
    assert needed | {"psycopg-binary"} <= {plain(line.partition("==")[0]) for line in requirements()}


def test_the_requirements_are_the_versions_that_were_tested() -> None:
    constrained = set((REPOSITORY / "constraints.txt").read_text().splitlines())

    assert [line for line in requirements() if line not in constrained] == []


def requirements() -> list[str]:
    lines = (REPOSITORY / "deploy" / "requirements.txt").read_text().splitlines()
    return [line for line in lines if line and not line.startswith("#")]

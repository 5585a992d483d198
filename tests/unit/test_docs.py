"""The docs say what is: no command, option, table, column or setting is missing, no link is broken, no command is made up."""

from __future__ import annotations

import importlib.util
import re
import sys
from collections.abc import Iterator
from decimal import Decimal
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest
from pydantic import BaseModel

from restaurant_os.settings import (
    AlertRule,
    AlertSettings,
    BigQuerySettings,
    DiscountKinds,
    LaborSettings,
    Location,
    ReportSettings,
    Salary,
    ScheduleSettings,
    ServiceSettings,
    Settings,
    ToastSettings,
    load,
)
from restaurant_os.tables import TABLES
from restaurant_os.transformations import METRICS, VIEWS

REPOSITORY = Path(__file__).parents[2]
DOCS = REPOSITORY / "docs"
PAGES = sorted([REPOSITORY / "README.md", REPOSITORY / "CONTRIBUTING.md", REPOSITORY / "CHANGELOG.md", *DOCS.rglob("*.md")])
#: Toast's and Slack's documented addresses, this machine, and where one's own functions are.
HOSTS = {"ws-api.toasttab.com", "slack.com", "127.0.0.1", "REGION-PROJECT.cloudfunctions.net"}


def _scripts_docs() -> ModuleType:
    spec = importlib.util.spec_from_file_location("scripts_docs", REPOSITORY / "scripts" / "docs.py")
    assert spec
    assert spec.loader
    module = importlib.util.module_from_spec(spec)
    sys.modules[spec.name] = module
    spec.loader.exec_module(module)
    return module


docs = _scripts_docs()


def commands() -> dict[tuple[str, ...], Any]:
    """Every command that does something, with its words; the program itself under no words."""
    return {path: command for path, command in docs.command_paths() if not path or not getattr(command, "commands", None)}


def groups() -> set[tuple[str, ...]]:
    return {path for path, command in docs.command_paths() if path and getattr(command, "commands", None)}


def options(command: Any) -> set[str]:
    """`--config` and all other options of a command, `--help` too."""
    return {word for parameter in command.params for word in (*parameter.opts, *parameter.secondary_opts) if word.startswith("-")} | {
        "--help"
    }


def section(page: str, title: str, mark: str) -> str:
    """The text under a heading, to the next of its kind."""
    found = re.search(rf"^{mark} {re.escape(title)}\n(.*?)(?=^{mark} |\Z)", page, re.DOTALL | re.MULTILINE)
    assert found, f"no heading '{mark} {title}'"
    return found[1]


def words(page: str) -> set[str]:
    return set(re.findall(r"--?[a-z][a-z-]*", page))


# --- pages that are made --------------------------------------------------------------------------------------------


def test_pages_made_from_code_are_up_to_date() -> None:
    """Mended by: python scripts/docs.py"""
    assert docs.stale() == []


@pytest.mark.parametrize("path", commands(), ids=lambda path: " ".join(path) or "restaurant-os")
def test_every_command_and_option_is_in_the_docs(path: tuple[str, ...]) -> None:
    page = (DOCS / "commands.md").read_text(encoding="utf-8")

    told = section(page, " ".join(("restaurant-os", *path)), "##")

    assert options(commands()[path]) <= words(told)


@pytest.mark.parametrize("spec", TABLES, ids=lambda spec: spec.name)
def test_every_table_and_column_is_in_the_docs(spec: Any) -> None:
    page = (DOCS / "tables.md").read_text(encoding="utf-8")

    told = section(page, spec.name, "###")

    assert spec.meaning in told
    for column in spec.columns:
        line = next(line for line in told.splitlines() if line.startswith(f"| `{column.name}` |"))
        assert column.source in line
        assert column.meaning.replace("|", "\\|") in line


@pytest.mark.parametrize("view", VIEWS, ids=lambda view: view.name)
def test_every_view_and_column_is_in_the_docs(view: Any) -> None:
    page = (DOCS / "tables.md").read_text(encoding="utf-8")

    told = section(page, view.name, "###")

    assert [line for line in told.splitlines() if line.startswith("| `")] == [f"| `{name}` | {meaning} |" for name, meaning in view.columns]


@pytest.mark.parametrize("metric", METRICS, ids=lambda metric: metric.name)
def test_every_metric_is_in_the_docs(metric: Any) -> None:
    page = (DOCS / "metrics.md").read_text(encoding="utf-8")

    [line] = [line for line in page.splitlines() if line.startswith(f"| `{metric.name}` |")]

    assert metric.formula in line
    assert metric.meaning in line
    assert metric.unit in line


@pytest.mark.parametrize("view", VIEWS, ids=lambda view: view.name)
def test_every_view_is_among_the_metrics(view: Any) -> None:
    page = (DOCS / "metrics.md").read_text(encoding="utf-8")

    assert f"| [{view.name}](tables.md#{view.name}) | {view.meaning} |" in page


def settings_and_places() -> Iterator[tuple[str, str]]:
    """Every setting with the heading it stands under."""
    sections: dict[str, type[BaseModel]] = {
        "toast": ToastSettings,
        "labor": LaborSettings,
        "reports": ReportSettings,
        "schedule": ScheduleSettings,
        "service": ServiceSettings,
        "alerts": AlertSettings,
        "bigquery": BigQuerySettings,
        "discounts": DiscountKinds,
        "locations": Location,
        "salaries": Salary,
    }
    for name, field in Settings.model_fields.items():
        if name in sections:
            title = f"[[{name}]]" if name in ("locations", "salaries") else f"[{name}]"
            yield from ((inner, title) for inner in sections[name].model_fields if (name, inner) != ("alerts", "rules"))
        elif isinstance(field.validation_alias, str):
            yield field.validation_alias, "Credentials"
        elif name not in {"source", "folder"}:  # where the others were found
            yield name, "At the top of the file"
    yield from ((inner, "[[alerts.rules]]") for inner in AlertRule.model_fields)


@pytest.mark.parametrize(("name", "title"), list(settings_and_places()), ids=lambda value: value)
def test_every_setting_is_in_the_docs(name: str, title: str) -> None:
    page = (DOCS / "settings.md").read_text(encoding="utf-8")

    assert f"| `{name}` |" in section(page, title, "##")


def test_the_environment_variables_in_the_docs_are_read(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """A value given by each documented variable arrives."""
    monkeypatch.chdir(tmp_path)  # where there is no settings file
    given = {
        "RESTAURANT_OS_WAREHOUSE": "duckdb:///other.duckdb",
        "RESTAURANT_OS_LOAD_MODE": "insert-only",
        "RESTAURANT_OS_WAIT_SECONDS": "1",
        "RESTAURANT_OS_MEMORY_LIMIT": "1GB",
        "RESTAURANT_OS_TIME_BUDGET": "300",
        "RESTAURANT_OS_TOAST_BASE_URL": "http://127.0.0.1:1",
        "RESTAURANT_OS_TOAST_PACING": "none",
        "RESTAURANT_OS_TOAST_OVERLAP_MINUTES": "11",
        "RESTAURANT_OS_TOAST_FIRST_DAYS": "4",
        "RESTAURANT_OS_TOAST_TIMEOUT_SECONDS": "5",
        "RESTAURANT_OS_LABOR_OVERTIME_MULTIPLIER": "1.25",
        "RESTAURANT_OS_LABOR_DOUBLE_TIME_AFTER_HOURS": "11",
        "RESTAURANT_OS_LABOR_DOUBLE_TIME_MULTIPLIER": "2.5",
        "RESTAURANT_OS_LABOR_SUSPECT_AFTER_HOURS": "13",
        "RESTAURANT_OS_LABOR_LATE_CLOCK_OUT_MINUTES": "30",
        "RESTAURANT_OS_LABOR_NAMES": "drop",
        "RESTAURANT_OS_LABOR_BASE_WAGES": '{"Server": "7.25"}',
        "RESTAURANT_OS_REPORTS_WEEK_STARTS": "sunday",
        "RESTAURANT_OS_SCHEDULE_TIMEZONE": "America/Denver",
        "RESTAURANT_OS_SCHEDULE_ORDERS": "0 5 * * *",
        "RESTAURANT_OS_SCHEDULE_CASH": "off",
        "RESTAURANT_OS_SCHEDULE_LABOR": "10 5 * * *",
        "RESTAURANT_OS_SCHEDULE_CONFIG": "0 6 1 * *",
        "RESTAURANT_OS_SCHEDULE_CLOSEOUTS": "false",
        "RESTAURANT_OS_SCHEDULE_CLOSEOUT_MINUTES": "45",
        "RESTAURANT_OS_SCHEDULE_ORDERS_EVERY_MINUTES": "6",
        "RESTAURANT_OS_SCHEDULE_LABOR_EVERY_MINUTES": "7",
        "RESTAURANT_OS_SCHEDULE_CASH_EVERY_MINUTES": "0",
        "RESTAURANT_OS_SCHEDULE_REREAD": "off",
        "RESTAURANT_OS_SCHEDULE_REREAD_DAYS": "4",
        "RESTAURANT_OS_SERVICE_HOST": "::1",
        "RESTAURANT_OS_SERVICE_PORT": "8080",
        "RESTAURANT_OS_SERVICE_PUBLIC_URL": "https://restaurants.example.com",
        "RESTAURANT_OS_SERVICE_DISK_RESERVE_MIB": "0",
        "RESTAURANT_OS_SERVICE_QUEUE_EVENTS": "10",
        "RESTAURANT_OS_SERVICE_QUEUE_MIB": "9",
        "RESTAURANT_OS_SERVICE_DONE_DAYS": "8",
        "RESTAURANT_OS_SERVICE_QUARANTINE_DAYS": "91",
        "RESTAURANT_OS_ALERTS_SLACK_CHANNEL": "#operations",
        "RESTAURANT_OS_ALERTS_SLACK_API_URL": "http://127.0.0.1:2",
        "RESTAURANT_OS_ALERTS_FLASH": "off",
        "RESTAURANT_OS_ALERTS_OVERTIME_AFTER_HOURS": "38",
        "RESTAURANT_OS_ALERTS_MINIMUM_STAFF": '{"Cook": 2}',
        "RESTAURANT_OS_ALERTS_KEEP_DAYS": "92",
        "RESTAURANT_OS_BIGQUERY_PROJECT": "our-jobs",
        "RESTAURANT_OS_BIGQUERY_LOCATION": "europe-west3",
        "RESTAURANT_OS_BIGQUERY_LABELS": '{"team": "data"}',
        "RESTAURANT_OS_BIGQUERY_MOST_GIB_A_QUERY": "7",
        "RESTAURANT_OS_BIGQUERY_LANDS_EVERY_SECONDS": "60",
        "RESTAURANT_OS_BIGQUERY_API_ENDPOINT": "http://127.0.0.1:3",
        "RESTAURANT_OS_OPERATIONS": "sqlite:///other.sqlite",
        **{f"RESTAURANT_OS_DISCOUNTS_{kind.upper()}": f'["{kind}"]' for kind in DiscountKinds.model_fields},
    }
    told = set(re.findall(r"`(RESTAURANT_OS_[A-Z_]+)` \|", (DOCS / "settings.md").read_text(encoding="utf-8")))
    assert told == set(given)
    for name, value in given.items():
        monkeypatch.setenv(name, value)

    found = load()

    assert (found.warehouse.get_secret_value(), found.load_mode, found.wait_seconds, found.memory_limit, found.time_budget) == (
        "duckdb:///other.duckdb",
        "insert-only",
        1.0,
        "1GB",
        300.0,
    )
    assert found.toast == ToastSettings(base_url="http://127.0.0.1:1", pacing="none", overlap_minutes=11, first_days=4, timeout_seconds=5.0)
    assert found.labor == LaborSettings(
        overtime_multiplier=Decimal("1.25"),
        double_time_after_hours=Decimal(11),
        double_time_multiplier=Decimal("2.5"),
        suspect_after_hours=Decimal(13),
        late_clock_out_minutes=30,
        names="drop",
        base_wages={"Server": Decimal("7.25")},
    )
    assert found.reports == ReportSettings(week_starts="sunday")
    assert found.schedule == ScheduleSettings(
        timezone="America/Denver",
        orders="0 5 * * *",
        cash="off",
        labor="10 5 * * *",
        config="0 6 1 * *",
        closeouts=False,
        closeout_minutes=45,
        orders_every_minutes=6,
        labor_every_minutes=7,
        cash_every_minutes=0,
        reread="off",
        reread_days=4,
    )
    assert found.service == ServiceSettings(
        host="::1",
        port=8080,
        public_url="https://restaurants.example.com",
        disk_reserve_mib=0,
        queue_events=10,
        queue_mib=9,
        done_days=8,
        quarantine_days=91,
    )
    assert found.alerts == AlertSettings(
        slack_channel="#operations",
        slack_api_url="http://127.0.0.1:2",
        flash="off",
        overtime_after_hours=Decimal(38),
        minimum_staff={"Cook": 2},
        keep_days=92,
    )
    assert found.bigquery == BigQuerySettings(
        project="our-jobs",
        location="europe-west3",
        labels={"team": "data"},
        most_gib_a_query=7,
        lands_every_seconds=60,
        api_endpoint="http://127.0.0.1:3",
    )
    assert found.operations_place == Path("other.sqlite")
    assert found.discounts == DiscountKinds(comp=("comp",), promo=("promo",), employee=("employee",), loyalty=("loyalty",))


# --- pages that are written -----------------------------------------------------------------------------------------


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(REPOSITORY)))
def test_no_relative_link_is_broken(page: Path) -> None:
    """Files exist, and so do the headings that a link names."""
    for link in re.findall(r"\]\(([^)\s]+)\)", page.read_text(encoding="utf-8")):
        if "://" in link:
            continue
        name, _, anchor = link.partition("#")
        target = (page.parent / name).resolve() if name else page
        assert target.exists(), f"{page.name}: {link}"
        if anchor:
            assert anchor in anchors(target.read_text(encoding="utf-8")), f"{page.name}: {link}"


def anchors(page: str) -> set[str]:
    """The anchors that headings get."""
    headings = re.findall(r"^#+ (.+)$", re.sub(r"^```.*?^```", "", page, flags=re.DOTALL | re.MULTILINE), re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-") for heading in headings}


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(REPOSITORY)))
def test_no_page_names_a_command_or_option_that_does_not_exist(page: Path) -> None:
    known, headed = commands(), groups()
    for line in named_commands(page.read_text(encoding="utf-8")):
        path: tuple[str, ...] = ()
        said = re.findall(r"^[a-z]+(?: [a-z]+)*", line)
        for word in said[0].split() if said else ():
            if path in known and path:
                break  # what follows a whole command is its argument
            path = (*path, word)
            assert path in known or path in headed, f"restaurant-os {line}"
        quoted_cut = re.sub(r"\"[^\"]*\"?", "", line)
        everywhere = options(known[()]) | {
            option for command, each in known.items() if command[: len(path)] == path for option in options(each)
        }
        assert set(re.findall(r"(?<![\w-])--[a-z][a-z-]*", quoted_cut)) <= everywhere, f"restaurant-os {line}"


def named_commands(page: str) -> Iterator[str]:
    """What follows `restaurant-os ` wherever a page shows a command: in `code`, or after $, cron's && or a path."""
    yield from re.findall(r"`restaurant-os ([^`]+)`", page)
    for line in page.splitlines():
        if found := re.search(r"^(?:\s*\$ |.*&& |\s+)(?:\S* -n \S+ )?(?:\.venv/bin/)?restaurant-os ([a-z-][^|>]*)", line):
            yield found[1].strip()


def test_the_readme_shows_every_make_target_it_names() -> None:
    makefile = (REPOSITORY / "Makefile").read_text(encoding="utf-8")
    for page in (REPOSITORY / "README.md", REPOSITORY / "CONTRIBUTING.md"):
        for target in re.findall(r"(?:`|\$ )make ([a-z]+)", page.read_text(encoding="utf-8")):
            assert re.search(rf"^{target}:", makefile, re.MULTILINE), f"{page.name}: make {target}"


def test_the_readme_names_the_commands_that_exist() -> None:
    """No command is left out of the first page that anybody reads, or of the page it points to."""
    readme = (REPOSITORY / "README.md").read_text(encoding="utf-8")

    assert {path for path in commands() if path and f"restaurant-os {' '.join(path)}" in readme} >= {
        ("init",),
        ("doctor",),
        ("sync", "orders"),
        ("status",),
        ("query",),
    }


def test_the_readme_links_every_table_and_view() -> None:
    readme = (REPOSITORY / "README.md").read_text(encoding="utf-8")

    linked = set(re.findall(r"docs/tables\.md#(\w+)", readme))

    assert linked == {spec.name for spec in TABLES} | {view.name for view in VIEWS}


@pytest.mark.parametrize("page", [*PAGES, DOCS / "demo.svg"], ids=lambda page: str(page.relative_to(REPOSITORY)))
def test_no_page_names_a_host_of_a_stranger(page: Path) -> None:
    """An SVG's namespace is a name, not an address that is fetched."""
    text = page.read_text(encoding="utf-8").replace('xmlns="http://www.w3.org/2000/svg"', "")

    assert set(re.findall(r"https?://([^\s/:\"'`)]+)", text)) <= HOSTS
    assert "@font-face" not in text
    assert not re.search(r"(?<![\w.])/(?:home|work|root|Users|tmp/bash)/", text)


def test_help_is_the_same_on_every_terminal(monkeypatch: pytest.MonkeyPatch) -> None:
    """So that a page made on one machine is up to date on another."""
    monkeypatch.setenv("COLUMNS", "53")
    monkeypatch.setenv("FORCE_COLOR", "1")

    text = docs.help_text(("query",))

    assert max(map(len, text.splitlines())) == docs.WIDTH
    assert "\x1b" not in text

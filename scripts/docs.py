"""Write the pages that say what the code already says: docs/tables.md, docs/metrics.md, docs/commands.md, docs/settings.md.

    python scripts/docs.py            write them
    python scripts/docs.py --check    fail, naming the pages, when one is not up to date
    python scripts/docs.py --picture  run the demo in a folder of its own and draw its table as docs/demo.svg

tests/unit/test_docs.py runs the check. The picture is of the day it was made, so it is not checked.
"""

from __future__ import annotations

import argparse
import io
import re
import sys
import tempfile
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any, Literal, get_args, get_origin

import pyarrow as pa
import typer
import typer.rich_utils
from pydantic import BaseModel, SecretStr
from pydantic.fields import FieldInfo
from pydantic_settings import BaseSettings
from typer.testing import CliRunner

from restaurant_os.cli import app
from restaurant_os.settings import (
    PREFIX,
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
)
from restaurant_os.tables import (
    CALENDAR_TABLES,
    CASH_TABLES,
    COUNT,
    DATE,
    DIMENSIONS,
    EVENT_TABLES,
    FLAG,
    INSTANT,
    LABOR_TABLES,
    MENU_PUBLICATIONS,
    MONEY,
    ORDER_TABLES,
    RATE,
    REAL,
    RECORD_TABLES,
    TABLES,
    TEXT,
    TableSpec,
)
from restaurant_os.transformations import GROUPS, METRICS, VIEWS, View

DOCS = Path(__file__).parents[1] / "docs"
WIDTH = 100
#: An address in a picture would be fetched from a stranger's server by whoever looks at it.
FOREIGN = re.compile(r"\s*@font-face\s*\{[^}]*\}|\s*<!--.*?-->", re.DOTALL)

Rows = Iterable[tuple[str, ...]]


def markdown_table(header: tuple[str, ...], rows: Rows) -> str:
    """A Markdown table; a bar inside a cell is escaped."""
    lines = [header, ("---",) * len(header), *rows]
    return "\n".join("| " + " | ".join(cell.replace("|", "\\|") for cell in line) + " |" for line in lines) + "\n"


# --- tables ---------------------------------------------------------------------------------------------------------

TYPES: dict[pa.DataType, str] = {
    MONEY: "money",
    INSTANT: "instant",
    TEXT: "text",
    DATE: "date",
    FLAG: "flag",
    COUNT: "whole number",
    REAL: "number",
    RATE: "rate",
}
#: The docs' word -> what it is in Arrow, and on each engine.
TYPE_MEANINGS = (
    ("money", "decimal, 18 digits with 4 places; exact", "`DECIMAL(18, 4)`", "`numeric(18,4)`", "`NUMERIC(18, 4)`"),
    ("instant", "timestamp in microseconds, UTC", "`TIMESTAMPTZ`", "`timestamptz`", "`TIMESTAMP`"),
    ("date", "calendar date", "`DATE`", "`date`", "`DATE`"),
    ("text", "string", "`VARCHAR`", "`text`", "`STRING`"),
    ("flag", "true or false", "`BOOLEAN`", "`boolean`", "`BOOL`"),
    ("whole number", "64-bit integer", "`BIGINT`", "`bigint`", "`INT64`"),
    ("number", "double", "`DOUBLE`", "`double precision`", "`FLOAT64`"),
    ("rate", "decimal, 18 digits with 8 places; exact", "`DECIMAL(18, 8)`", "`numeric(18,8)`", "`NUMERIC(18, 8)`"),
)
TABLES_HEAD = """\
# Tables

Made by `python scripts/docs.py` from `src/restaurant_os/tables/` and `transformations.py`. Do not edit.

Field names are those of Toast's APIs: Orders v2, Cash Management v1 (`CashEntry`, `CashDeposit`), Labor v1 (`TimeEntry`, `Shift`, `Job`, `Employee`),
Configuration v2, Menus v2 and Restaurants v1.
`ours` is worked out here.

In the order tables:

- A row that is no longer part of its order stays, with `is_deleted` true. Only an earlier refund stays in force: see `fact_refunds`.
- `is_voided` and `is_deleted` include what is above the row: a line of a voided order is voided.
- To count sales, filter by `is_sale` (lines, charges) or `is_counted` (the rest), and by `NOT is_deleted`.
  [sales.md](sales.md) has the rules. The view `daily_sales` has them built in.

`_loaded_at` is when a row was written here. It changes only when the row does.

"""


def tables() -> str:
    """docs/tables.md."""
    listed = [(view.name, view.meaning) for view in VIEWS] + [(spec.name, spec.meaning) for spec in TABLES]
    contents = [f"- [{name}](#{name}): {meaning}" for name, meaning in listed]
    types = markdown_table(("type", "meaning", "in DuckDB", "in Postgres", "in BigQuery"), TYPE_MEANINGS)
    views = "".join(_view(view) for view in VIEWS)
    chapters = (
        ("Orders", ORDER_TABLES),
        ("Labor", LABOR_TABLES),
        ("Cash", CASH_TABLES),
        ("Configuration", (*DIMENSIONS, MENU_PUBLICATIONS)),
        ("Events", EVENT_TABLES),
        ("Calendar", CALENDAR_TABLES),
        ("Ours", RECORD_TABLES),
    )
    told = "".join(f"\n## {title}\n" + "".join(_table(spec) for spec in specs) for title, specs in chapters)
    return TABLES_HEAD + "".join(("\n".join(contents), "\n\n## Types\n\n", types, "\n## Views\n", views, told))


def _view(view: View) -> str:
    return f"\n### {view.name}\n\n{view.meaning}\n\n" + markdown_table(("column", "meaning"), ((f"`{n}`", m) for n, m in view.columns))


def _table(spec: TableSpec) -> str:
    facts = [f"Key: {', '.join(f'`{name}`' for name in spec.key)}."]
    if spec.role != "record":
        facts.append(f"Version: `{spec.version}`.")
    if spec.role == "history":
        facts.append("Joined to facts by `applies_from` and `applies_to`: see [config.md](config.md).")
    elif spec.partition != "business_date":
        facts.append(f"Its day: `{spec.partition}`.")
    if spec.retained_by:
        facts.append(f"A row that its order no longer shows stays in force while another row has the same {_names(spec.retained_by)}.")
    if spec.weak:
        facts.append(f"A row with `{spec.weak}` gives way to a stored one without it that has the same {_names(spec.weak_by)}.")
    rows = ((f"`{c.name}`", TYPES[c.type], c.source, c.meaning) for c in spec.columns)
    return f"\n### {spec.name}\n\n{spec.meaning} {' '.join(facts)}\n\n" + markdown_table(("column", "type", "API field", "meaning"), rows)


def _names(names: Iterable[str]) -> str:
    return " and ".join(f"`{name}`" for name in names)


# --- metrics --------------------------------------------------------------------------------------------------------

METRICS_HEAD = """\
# Metrics

Made by `python scripts/docs.py` from `src/restaurant_os/transformations.py`. Do not edit.

A metric is a sum over rows, a sum of such sums, or a ratio of them. A ratio is made of the sums of its own row, so it means the same for an hour, a day,
a week, a job or a dining option: sums over sums, never an average of ratios.

- Sums are exact, to four places. Ratios are doubles, not rounded.
- A ratio has no value where one of its columns has none, or what it is divided by is not above zero. The labor ratios have none where `labor_reason`
  gives a reason, `average_check` and `sales_per_guest` none where `sales_reason` does, the rates none where the sales were not read
  or are a summary's.
- Where there is no value it is null, never 0.

"""
REASONS = """
## Summaries

A store may post its own totals of a day (see [service.md](service.md)). Each side of a day in `daily_profitability` and `weekly_profitability` is taken from
the facts (orders, punches) where the ledger knows them up to the day's end, or at least up to when the summary came, and no record of that day waits in
quarantine. Else it is taken from the summary, where there is one; the last one posted counts. Every other view shows facts alone.

| column | from the facts | from a summary |
| --- | --- | --- |
| `sales_basis` | `net` | `gross_summary`: `item_gross`, `gross_sales` and `net_sales` alike; discounts and refunds are 0, the rest of sales null |
| `labor_basis` | `punches` | `summary`: all hours and cost are regular, overtime is 0; salaried hours and counts of entries are null |
| `sales_read_by`, `labor_read_by` | `whole day` or `changes` | `summary` |
| `sales_as_of`, `labor_as_of` | see below | when it came |

Two summaries are never stale against each other. Of a week with such a day, what a summary does not tell is null.

## Reasons

Each side of a day is known up to its `as_of`, by the ledger `sync_runs`: the start of the last whole read of the date, or, where it is later, the end of
the gap-free chain of changes. The chain counts where it began before the day, or before the day was read whole.

| reason | when |
| --- | --- |
| no sales read, no labor read, no cash read | the side has no `as_of` |
| sales stale, labor stale, cash stale | the side ends before the day does, and the other one is known for more than 60 minutes longer |
| no sales | net sales are not above zero |
| no punches | there are no labor hours |
| incomplete: n of m days | n of a week's m days have both sides, neither stale |
| deposit pending | there is none yet, and fewer than two business days have closed since |

They are given in this order: the first that holds.
"""


def metrics() -> str:
    """docs/metrics.md."""
    header = ("metric", "unit", "formula", "meaning")
    groups = [
        f"## {title}\n\n" + markdown_table(header, ((f"`{m.name}`", m.unit, _code(m.formula), m.meaning) for m in own))
        for title, own in GROUPS.items()
    ]
    shown = []
    known = {metric.name for metric in METRICS}
    for view in VIEWS:
        own = ", ".join(f"`{name}`" for name, _ in view.columns if name in known)
        shown.append((f"[{view.name}](tables.md#{view.name})", view.meaning, own))
    views = "\n## Views\n\nEvery column is in [tables.md](tables.md#views).\n\n" + markdown_table(("view", "shows", "metrics"), shown)
    return METRICS_HEAD + "\n".join(groups) + REASONS + views


def _code(formula: str) -> str:
    return formula if formula.startswith("sum over") else f"`{formula}`"


# --- commands -------------------------------------------------------------------------------------------------------

COMMANDS_HEAD = """\
# Commands

Made by `python scripts/docs.py` from the program's own help. Do not edit.

Results go to stdout, progress and messages to stderr. With `--json` stdout holds one JSON document: money as strings, dates in ISO form.

| exit code | meaning |
| --- | --- |
| 0 | done |
| 1 | something failed; what was committed before stays in |
| 2 | wrong usage: the command, a date, or the settings |
| 130 | a Ctrl-C ended it; a sync ends its page first, with 1 |
"""


def command_paths(command: Any = None, path: tuple[str, ...] = ()) -> Iterator[tuple[tuple[str, ...], Any]]:
    """Every command of the program with its words, groups too: `("sync", "orders")`."""
    command = command or typer.main.get_command(app)
    yield path, command
    for name, inner in getattr(command, "commands", {}).items():
        yield from command_paths(inner, (*path, name))


def commands() -> str:
    """docs/commands.md."""
    sections = [COMMANDS_HEAD]
    for path, _ in command_paths():
        title = " ".join(("restaurant-os", *path))
        sections.append(f"## {title}\n\n```text\n{help_text(path)}\n```\n")
    return "\n".join(sections)


def help_text(path: tuple[str, ...]) -> str:
    """What `restaurant-os ... --help` prints, at a fixed width and without color."""
    look = typer.rich_utils
    kept = (look.MAX_WIDTH, look.FORCE_TERMINAL, look.COLOR_SYSTEM)
    look.MAX_WIDTH, look.FORCE_TERMINAL, look.COLOR_SYSTEM = WIDTH, False, None
    try:
        result = CliRunner().invoke(app, [*path, "--help"], prog_name="restaurant-os", color=False)
    finally:
        look.MAX_WIDTH, look.FORCE_TERMINAL, look.COLOR_SYSTEM = kept
    if result.exit_code:
        raise SystemExit(f"docs: `restaurant-os {' '.join(path)} --help` ended with {result.exit_code}: {result.output}")
    lines = [line.rstrip() for line in result.output.splitlines()]
    return re.sub(r"\n{3,}", "\n\n", "\n".join(lines).strip("\n"))


# --- settings -------------------------------------------------------------------------------------------------------

#: Not given by a person: where the others were found.
OWN = frozenset({"source", "folder"})
#: Fields that are sections or credentials, which have places of their own on the page.
ELSEWHERE = frozenset(
    {"toast", "locations", "discounts", "labor", "reports", "schedule", "service", "alerts", "bigquery", "salaries"}
    | {name for name, field in Settings.model_fields.items() if field.validation_alias}
)

MEANINGS: dict[str, str] = {
    "warehouse": "Where the tables are: `duckdb:///name` is a file, relative to the settings file (with four slashes absolute); "
    "`postgresql://...`; `bigquery://project/dataset`. An address with a password belongs in the environment. See [warehouses.md](warehouses.md).",
    "load_mode": "`merge` keeps orders true; `insert-only` never touches an order that is in. See [loading.md](loading.md).",
    "wait_seconds": "Seconds to wait for the warehouse while another process holds it, or a location of it.",
    "memory_limit": "The most memory DuckDB may use in a sync.",
    "toast.base_url": "The API's address. Toast Web shows it as API Access URL.",
    "toast.pacing": "How fast Toast is called. See [loading.md](loading.md#pacing).",
    "toast.overlap_minutes": "A window of changes begins so many minutes before the mark.",
    "toast.first_days": "How many days back the very first incremental sync looks.",
    "toast.timeout_seconds": "Seconds after which a call counts as unanswered.",
    "labor.overtime_multiplier": "What an overtime hour costs, as a multiple of the wage: Toast gives the hours and no factor.",
    "labor.double_time_after_hours": "Overtime hours of a punch beyond this many in all are double time; left out, there is none.",
    "labor.double_time_multiplier": "What an hour of double time costs, as a multiple of the wage.",
    "labor.suspect_after_hours": "A punch longer than this is suspect, and an open one stops accruing there.",
    "labor.late_clock_out_minutes": "An open punch stops accruing so many minutes after its scheduled end.",
    "labor.names": "Employees' names and e-mail addresses: `keep`, `hash` (a digest that tells two apart) or `drop`.",
    "labor.base_wages": "Full minimum wage by job title, for jobs paid less against tips: their overtime is owed on it.",
    "reports.week_starts": "The day on which a report week starts.",
    "time_budget": "Seconds a cloud function has for a call; it stops a minute before. See [functions.md](functions.md).",
    "schedule.timezone": "Zone of the four times; left out, the first location's.",
    "schedule.orders": "When orders are brought in: five fields of cron, or `off`.",
    "schedule.cash": "When cash is.",
    "schedule.labor": "When punches and shifts are.",
    "schedule.config": "When the configuration is.",
    "schedule.closeouts": "Whether each location's orders, cash and labor come after its own closeout too.",
    "schedule.closeout_minutes": "So many minutes after it.",
    "discounts.comp": "Comps: the house pays.",
    "discounts.promo": "Promotions.",
    "discounts.employee": "Employee meals.",
    "discounts.loyalty": "Loyalty rewards.",
    "locations.name": "How messages and `--location` name it. No two the same.",
    "locations.toast_guid": "The location's GUID, never its group's. No two the same.",
    "locations.timezone": "IANA time zone, such as `America/New_York`.",
    "locations.closeout_hour": "Local hour at which the business day ends.",
    "locations.labor_source": "Where its punches are: `toast`, or `none` for a system that is not connected.",
    "salaries.location": "Name or GUID of the location that bears it.",
    "salaries.job": "What it is for; told nobody else.",
    "salaries.weekly": "Dollars a week; a seventh counts on each business date.",
    "salaries.start": "First business date it is due; left out, always was.",
    "salaries.end": "Last business date it is due; left out, still is.",
    "operations": "Where `serve` keeps events, keys and leases: `sqlite:///path`, or `postgresql://...` for several hosts; left out, a SQLite file "
    "beside the warehouse. An address with a password belongs in the environment.",
    "locations.store_id": "What the senders of daily summaries call it; its name and its GUID mean it too.",
    "schedule.orders_every_minutes": "How often `serve` asks for orders that changed; 0 never.",
    "schedule.labor_every_minutes": "The same for punches.",
    "schedule.cash_every_minutes": "The same for cash.",
    "schedule.reread": "When `serve` reads the last closed business dates again: five fields of cron, or `off`.",
    "schedule.reread_days": "How many of them.",
    "service.host": "The address `serve` listens on. Beyond this machine it wants a key.",
    "service.port": "The port.",
    "service.public_url": "Where the world reaches it. With one, nothing is open without a key.",
    "service.disk_reserve_mib": "No event is taken while the disk of a SQLite store has less left.",
    "service.queue_events": "The most events that may wait for the next commit.",
    "service.queue_mib": "The most MiB of them.",
    "service.done_days": "Days that bodies of events in effect are kept.",
    "service.quarantine_days": "Days that events in quarantine are.",
    "locations.closed_dates": "Dates without service: nothing is late on them.",
    "locations.closed_weekdays": "Weekdays without service.",
    "alerts.slack_channel": "The channel that a Slack bot posts to, by its id or name.",
    "alerts.slack_api_url": "Where Slack's own API is; only tests have another.",
    "alerts.flash": "When each location's yesterday is summed up, on its own clock: five fields of cron, or `off`.",
    "alerts.overtime_after_hours": "A week has so many hours for a person before they are overtime.",
    "alerts.minimum_staff": "People of a job title that must be there at least; fewer is never proposed.",
    "alerts.keep_days": "Days that incidents and messages are kept.",
    "alerts.rules.name": "What tells it from others: lower-case letters, digits and hyphens.",
    "alerts.rules.metric": "A metric of [metrics.md](metrics.md), or `punch_open`, `overtime_ahead`, `discounts_by_approver`, `data_late`.",
    "alerts.rules.above": "Its level. With `below` it is a band.",
    "alerts.rules.below": "Its level from the other side.",
    "alerts.rules.clear": "Where it is over; left out, at its level. For a band the distance from 0.",
    "alerts.rules.grain": "`now`: while the day runs, for labor as projected at close; or the day, or the report week, as it stands.",
    "alerts.rules.locations": "Names, GUIDs or store ids; left out, all.",
    "alerts.rules.daypart": "It looks at these hours alone, such as `17:00-22:00`, on the location's clock.",
    "alerts.rules.min_sales": "It says nothing while the day's sales are below so many dollars.",
    "alerts.rules.min_dollars": "Nor while what it counts is below so many dollars.",
    "alerts.rules.min_count": "Nor below so many.",
    "alerts.rules.warm_up_percent": "Nor before so much of a usual day's sales is in.",
    "alerts.rules.hold_minutes": "Beyond its level for so long before anybody is told.",
    "alerts.rules.quiet": "Hours such as `22:00-07:00` in which nothing new is told; what still stands is told when they end.",
    "alerts.rules.channels": "Names of channels; left out, all there are.",
    "alerts.rules.enabled": "`false` switches it off.",
    "bigquery.project": "The project that runs the jobs and pays for them; without it the dataset's own.",
    "bigquery.location": "Where a dataset that is not there is made: a region or multi-region of Google's.",
    "bigquery.labels": "On every job and table, for the bill.",
    "bigquery.most_gib_a_query": "No single query may read more GiB than this.",
    "bigquery.lands_every_seconds": "What events bring lands this often: each landing costs a load and a merge per table.",
    "bigquery.api_endpoint": "Another endpoint of the API; only tests have one.",
    "slack_webhook_url": "An incoming webhook of Slack: channel `slack`.",
    "discord_webhook_url": "A webhook of Discord: channel `discord`.",
    "slack_bot_token": "A Slack bot that may write to `alerts.slack_channel`: channel `slack-bot`. It can change what it wrote.",
    "apprise_urls": "Other channels, as Apprise writes them, with blanks or commas between: `apprise-1`, ... Needs `restaurant-os[apprise]`.",
    "toast_webhook_secrets": "Secrets of Toast's webhook subscriptions, with commas between: any of them may have signed.",
    "database_url": "`operations` by the name that platforms give it; heeded when it is a Postgres address.",
    "toast_client_id": "The API client's id. Blanks and quotes around it are taken off.",
    "toast_client_secret": "Its secret. The same.",
}

SETTINGS_HEAD = f"""\
# Settings

Made by `python scripts/docs.py` from `src/restaurant_os/settings.py`. Do not edit.

Settings come from three places. The environment wins over `.env`, and `.env` wins over `restaurant-os.toml`.

- The file is the one named by `--config`, else by `{PREFIX}CONFIG`, else `./restaurant-os.toml`. `restaurant-os init` writes a commented one.
- `.env` is read beside the file. What other programs keep there is left alone.
- A path in the file is relative to the file's folder.
- A name that is not a setting is an error, and so is a value of the wrong kind. `restaurant-os doctor` checks all of it.

Lists in an environment variable are JSON: `{PREFIX}DISCOUNTS_COMP='["Manager Comp"]'`.

The API token is kept in `$XDG_CACHE_HOME/restaurant-os`, or `~/.cache/restaurant-os`, readable by its owner only.
"""


def setting_names() -> list[str]:
    """Every setting a person may give, `section.name` in a section."""
    sections: tuple[tuple[str, type[BaseModel]], ...] = (
        ("toast.", ToastSettings),
        ("labor.", LaborSettings),
        ("reports.", ReportSettings),
        ("schedule.", ScheduleSettings),
        ("service.", ServiceSettings),
        ("alerts.", AlertSettings),
        ("alerts.rules.", AlertRule),
        ("bigquery.", BigQuerySettings),
        ("discounts.", DiscountKinds),
        ("locations.", Location),
        ("salaries.", Salary),
    )
    top = [name for name in Settings.model_fields if name not in OWN | ELSEWHERE]
    inner = [prefix + name for prefix, model in sections for name in model.model_fields]
    return [*top, *(name for name in inner if name != "alerts.rules"), *credentials()]


def credentials() -> list[str]:
    """The settings that have names of the environment alone."""
    return [name for name, field in Settings.model_fields.items() if field.validation_alias]


def variable(name: str) -> str:
    """The environment variable of a setting: `toast.base_url` -> RESTAURANT_OS_TOAST_BASE_URL."""
    return PREFIX + name.replace(".", "_").upper()


def settings() -> str:
    """docs/settings.md."""
    if unequal := set(setting_names()) ^ MEANINGS.keys():
        raise SystemExit(f"docs: MEANINGS in scripts/docs.py and the settings differ in {', '.join(sorted(unequal))}.")
    if gone := (OWN | ELSEWHERE) - Settings.model_fields.keys():
        raise SystemExit(f"docs: no such settings any more: {', '.join(sorted(gone))}.")
    header = ("name", "environment variable", "default", "allowed", "meaning")
    sections = (
        ("## At the top of the file", "", Settings, [n for n in Settings.model_fields if n not in OWN | ELSEWHERE]),
        ("## [toast]\n\nHow Toast is asked.", "toast.", ToastSettings, list(ToastSettings.model_fields)),
        ("## [labor]\n\nWhat labor costs beyond what Toast says.", "labor.", LaborSettings, list(LaborSettings.model_fields)),
        ("## [reports]\n\nHow reports are cut.", "reports.", ReportSettings, list(ReportSettings.model_fields)),
        (
            "## [schedule]\n\nWhen `restaurant-os schedule` brings what in. See [schedule.md](schedule.md).",
            "schedule.",
            ScheduleSettings,
            list(ScheduleSettings.model_fields),
        ),
        (
            "## [service]\n\nHow `restaurant-os serve` listens, and what it keeps. See [service.md](service.md).",
            "service.",
            ServiceSettings,
            list(ServiceSettings.model_fields),
        ),
        (
            "## [alerts]\n\nWhat is watched, and who is told. See [alerts.md](alerts.md).",
            "alerts.",
            AlertSettings,
            [name for name in AlertSettings.model_fields if name != "rules"],
        ),
        (
            "## [bigquery]\n\nHow a BigQuery warehouse is used, and what it may cost. See [warehouses.md](warehouses.md#bigquery).",
            "bigquery.",
            BigQuerySettings,
            list(BigQuerySettings.model_fields),
        ),
        (
            "## [discounts]\n\nNames or GUIDs of your discounts, by what they are. They fill `kind` in `fact_order_discounts`. A discount that is\n"
            "not named here is `loyalty` when the API gives loyalty details, `promo` when it has a promo code, else `other`.",
            "discounts.",
            DiscountKinds,
            list(DiscountKinds.model_fields),
        ),
    )
    text = [SETTINGS_HEAD]
    for title, prefix, model, names in sections:
        rows = [
            (f"`{n}`", f"`{variable(prefix + n)}`", _default(model, n), _allowed(model.model_fields[n]), MEANINGS[prefix + n])
            for n in names
        ]
        text.append(f"{title}\n\n{markdown_table(header, rows)}")
    text.append(
        "## [[locations]]\n\nOne block per restaurant. `restaurant-os init --from-toast URL` fills them in from the API. As an environment\n"
        f"variable, `{PREFIX}LOCATIONS`, they are a JSON list of objects.\n\n" + _blocks(Location, "locations")
    )
    text.append(
        "## [[alerts.rules]]\n\nOne block per rule. With the name of a shipped one it changes the values that it gives, else it adds a rule. See\n"
        "[alerts.md](alerts.md#rules).\n\n" + _blocks(AlertRule, "alerts.rules")
    )
    text.append(
        "## [[salaries]]\n\nOne block per salary. They are in `labor_percent_loaded` alone: what a salaried job earns is in no punch.\n\n"
        + _blocks(Salary, "salaries")
    )
    secrets = [(f"`{Settings.model_fields[n].validation_alias}`", MEANINGS[n]) for n in credentials()]
    text.append(
        "## Credentials\n\nOnly in the environment or in `.env`. In the settings file they are refused.\n\n"
        + markdown_table(("environment variable", "meaning"), secrets)
    )
    return "\n".join(text)


def _blocks(model: type[BaseModel], name: str) -> str:
    rows = [(f"`{n}`", _default(model, n), _allowed(model.model_fields[n]), MEANINGS[f"{name}.{n}"]) for n in model.model_fields]
    return markdown_table(("name", "default", "allowed", "meaning"), rows)


def _allowed(field: FieldInfo) -> str:
    """A field's limits, from its own annotation."""
    if get_origin(field.annotation) is Literal:
        return ", ".join(f"`{choice}`" for choice in get_args(field.annotation))
    bounds: dict[str, Any] = {}
    for limit in field.metadata:
        bounds |= {sign: getattr(limit, sign) for sign in ("ge", "gt", "le", "lt") if getattr(limit, sign, None) is not None}
    words = {"ge": "from", "gt": "over", "le": "to", "lt": "under"}
    return " ".join(f"{words[sign]} {bounds[sign]:g}" for sign in words if sign in bounds)


def _default(model: type[BaseModel] | type[BaseSettings], name: str) -> str:
    field = model.model_fields[name]
    if field.is_required():
        return "none: must be given"
    if field.default in ((), {}, None, "", SecretStr("")):
        return "none"
    value = field.default.get_secret_value() if isinstance(field.default, SecretStr) else field.default
    return f"`{value}`"


# --- the picture ----------------------------------------------------------------------------------------------------


def picture() -> str:
    """docs/demo.svg: the demo's table as a terminal shows it, with no address in it but the SVG namespace."""
    from rich.console import Console

    from restaurant_os import demo, terminal

    terminal.out = Console(record=True, width=WIDTH, highlight=False, file=io.StringIO(), force_terminal=True)
    with tempfile.TemporaryDirectory() as folder:
        demo._show = _only_table  # type: ignore[assignment]
        code = demo.run(locations=13, days=14, seed=7, folder=Path(folder), json=False)
    if code:
        raise SystemExit("docs: the demo failed; no picture was made.")
    svg = FOREIGN.sub("", terminal.out.export_svg(title="restaurant-os demo", unique_id="demo"))
    svg = svg.replace("font-family: Fira Code, monospace", "font-family: ui-monospace, Menlo, Consolas, monospace")
    svg = "\n".join(line.rstrip() for line in svg.splitlines()) + "\n"
    if addresses := set(re.findall(r"https?://[^\s\"')<]+", svg)) - {"http://www.w3.org/2000/svg"}:
        raise SystemExit(f"docs: the picture would fetch {', '.join(sorted(addresses))}.")
    return svg


def _only_table(_: object, rows: list[tuple[Any, ...]], span: Any, changed: int, seconds: float, folder: Path) -> None:
    """The demo's ending without the commands, which name a folder of their own."""
    from restaurant_os import demo, terminal
    from restaurant_os.text import count

    demo.show_table(rows, span)
    terminal.out.print(f"{count(changed, 'record')} new or changed in {seconds:.0f} s", highlight=False)


# --- the whole ------------------------------------------------------------------------------------------------------

PAGES = {"tables.md": tables, "metrics.md": metrics, "commands.md": commands, "settings.md": settings}


def stale() -> list[str]:
    """The pages that are missing or differ from what they would be now."""
    return [name for name, made in PAGES.items() if not (DOCS / name).is_file() or (DOCS / name).read_text(encoding="utf-8") != made()]


def main() -> int:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--check", action="store_true", help="write nothing; fail when a page is not up to date")
    parser.add_argument("--picture", action="store_true", help="run the demo and draw docs/demo.svg")
    given = parser.parse_args()
    if given.check:
        found = stale()
        for name in found:
            print(f"docs/{name} is not up to date. Run: python scripts/docs.py", file=sys.stderr)
        return 1 if found else 0
    if given.picture:
        (DOCS / "demo.svg").write_text(picture(), encoding="utf-8")
        print("wrote docs/demo.svg")
        return 0
    for name, made in PAGES.items():
        (DOCS / name).write_text(made(), encoding="utf-8")
        print(f"wrote docs/{name}")
    return 0


if __name__ == "__main__":
    sys.exit(main())

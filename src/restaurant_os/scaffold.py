"""`restaurant-os init`: a commented settings file and an example of .env, never written over what is there."""

from __future__ import annotations

import json
import os
from pathlib import Path

from restaurant_os.errors import UsageError
from restaurant_os.settings import FILE_NAME, Location

ENV_EXAMPLE = """\
# Copy to .env and fill in; .env is read beside restaurant-os.toml and belongs in no repository.
# In Toast Web: Integrations > Toast API access > Manage credentials.
TOAST_CLIENT_ID=
TOAST_CLIENT_SECRET=
# Of Toast's webhook subscriptions, with commas between.
# TOAST_WEBHOOK_SECRETS=
# Where alerts go: any of these (docs/alerts.md). A bot's channel stands in restaurant-os.toml as alerts.slack_channel.
# SLACK_WEBHOOK_URL=
# DISCORD_WEBHOOK_URL=
# SLACK_BOT_TOKEN=
# APPRISE_URLS=
# Events, keys and leases of `restaurant-os serve` on several hosts; without it a SQLite file beside the warehouse.
# RESTAURANT_OS_OPERATIONS=postgresql://user:password@host/database
# The tables in a Postgres, in place of a DuckDB file (docs/warehouses.md).
# RESTAURANT_OS_WAREHOUSE=postgresql://user:password@host/database
"""

HEAD = """\
# Restaurant OS settings. Every value here can also come from the environment as RESTAURANT_OS_<NAME>
# (RESTAURANT_OS_WAREHOUSE, RESTAURANT_OS_TOAST_BASE_URL, ...), which wins over this file.
# Credentials are not kept here: put TOAST_CLIENT_ID and TOAST_CLIENT_SECRET in .env (see .env.example).

# The warehouse: a DuckDB file, relative to this one; four slashes begin an absolute path. Or postgresql://... or bigquery://project/dataset
# (docs/warehouses.md): an address with a password belongs in .env, as RESTAURANT_OS_WAREHOUSE.
warehouse = {warehouse}

# merge sees voids, late tips and refunds of orders that are in already; insert-only never touches them (docs/loading.md).
load_mode = "merge"

# How long to wait for the file, or for a lock, that another process holds.
wait_seconds = 30

# The most memory DuckDB may use.
memory_limit = "256MB"

[toast]
# Toast Web shows it as "API Access URL".
base_url = {base_url}
# careful: one call of orders in 12 s per location. documented: what Toast publishes, 5/s. none: no pacing of ours.
pacing = {pacing}
# A window of changes begins this long before the last one ended.
overlap_minutes = 10
# How far back the first sync without --from looks.
first_days = 3
timeout_seconds = 60

[labor]
# Toast gives overtime hours and no factor.
overtime_multiplier = 1.5
# Overtime hours of a punch beyond this many in all are double time; leave it out where no such rule exists.
# double_time_after_hours = 12
double_time_multiplier = 2.0
# A longer punch is suspect, and an open one stops accruing here, or so many minutes past its scheduled end.
suspect_after_hours = 12
late_clock_out_minutes = 60
# Employees' names and e-mail addresses: keep, hash or drop.
names = "keep"
# Full minimum wage by job title, for jobs paid less against tips: their overtime is owed on it.
# [labor.base_wages]
# Server = 7.25

[reports]
# The day a report week starts.
week_starts = "monday"

[schedule]
# `restaurant-os schedule`: when everything is brought in, as five fields of cron, or "off"; on the first location's clock unless a zone is named.
# timezone = "America/New_York"
orders = "0 2 * * *"
cash = "15 2 * * *"
labor = "30 2 * * *"
config = "0 3 * * 0"
# Each location once more, so long after its own closeout.
closeouts = true
closeout_minutes = 60
# `restaurant-os serve` also asks this often what changed (0: never), and reads the last business dates again at night.
orders_every_minutes = 5
labor_every_minutes = 5
cash_every_minutes = 15
reread = "30 5 * * *"
reread_days = 3

[service]
# `restaurant-os serve`: where it listens. Beyond this machine it wants a key (`restaurant-os keys create`).
host = "127.0.0.1"
port = 8000
# Where the world reaches it, where it does.
# public_url = "https://restaurants.example.com"
# No event is taken while the disk has less than this left.
disk_reserve_mib = 200
# The most that may wait for the next commit.
queue_events = 5000
queue_mib = 64
# How long bodies of events in effect, and events in quarantine, are kept.
done_days = 7
quarantine_days = 90

[alerts]
# When each location's yesterday is summed up, on its own clock, as five fields of cron, or "off".
flash = "0 7 * * *"
# A week has so many hours for a person before they are overtime.
overtime_after_hours = 40
# How long incidents and messages are kept.
keep_days = 90
# The channel that a Slack bot posts to (SLACK_BOT_TOKEN).
# slack_channel = "#operations"
# People of a job that must be there at least; fewer is never proposed.
# [alerts.minimum_staff]
# Cook = 1
# What is watched: docs/alerts.md lists the rules that are shipped. One by its name changes what it says, another name adds one.
# [[alerts.rules]]
# name = "labor-percent"
# above = 28
# clear = 27
# quiet = "22:00-07:00"

# Salaries, for labor_percent_loaded: dollars a week; start and end (dates) are optional.
# [[salaries]]
# location = "North"
# job = "General manager"
# weekly = 1400

# Names or GUIDs of your discounts, by what they are; the rest are "other".
[discounts]
comp = []
promo = []
employee = []
loyalty = []
"""

NO_LOCATION = """
# One block per restaurant. `restaurant-os init --from-toast URL` fills them in from the API.
# [[locations]]
# name = "North"
# toast_guid = "00000000-0000-4000-8000-000000000000"   # the location's GUID, never the group's
# timezone = "America/New_York"
# closeout_hour = 4                                      # local hour at which the business day ends, 0 to 12
# labor_source = "toast"                                 # none: its punches are not in Toast
# store_id = "north-1"                                   # what the senders of daily summaries call it, if not by its name or GUID
# closed_weekdays = ["monday"]                           # no service: nothing is late then
# closed_dates = [2026-12-25]
"""


def toml_text(value: str) -> str:
    """A TOML basic string: JSON's, once the one control character that JSON leaves alone is written out."""
    return json.dumps(value, ensure_ascii=False).replace("\x7f", "\\u007f")


def settings_text(*, base_url: str, pacing: str, warehouse: str, locations: list[Location]) -> str:
    text = HEAD.format(base_url=toml_text(base_url), pacing=toml_text(pacing), warehouse=toml_text(warehouse))
    if not locations:
        return text + NO_LOCATION
    blocks = [
        f"\n[[locations]]\nname = {toml_text(x.name)}\ntoast_guid = {toml_text(x.toast_guid)}\n"
        f"timezone = {toml_text(x.timezone)}\ncloseout_hour = {x.closeout_hour}\n"
        for x in locations
    ]
    return text + "".join(blocks)


def write_new(path: Path, text: str) -> None:
    """Make a file that is not there yet.

    Raises:
        UsageError: it is there, or its folder cannot be written.
    """
    try:
        with path.open("x", encoding="utf-8") as file:
            file.write(text)
    except FileExistsError:
        raise UsageError(
            f"init: {path} is there already and was left as it is.", next_step="Move it away first, or name another with --config."
        ) from None
    except OSError as problem:
        raise UsageError(f"init: {path} cannot be written: {problem.strerror}.", next_step="Go to a folder you may write in.") from None


def init(config: Path, *, base_url: str, pacing: str, locations: list[Location]) -> list[Path]:
    """Write the settings file and, where there is none, .env.example; gives what was written."""
    write_new(config, settings_text(base_url=base_url, pacing=pacing, warehouse="duckdb:///restaurant-os.duckdb", locations=locations))
    example = config.parent / ".env.example"
    if example.exists():
        return [config]
    write_new(example, ENV_EXAMPLE)
    return [config, example]


def default_config() -> Path:
    return Path(os.environ.get("RESTAURANT_OS_CONFIG") or FILE_NAME)

"""Write the pages that say what the code already says: docs/tables.md, docs/commands.md, docs/settings.md.

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
from pydantic import BaseModel
from pydantic.fields import FieldInfo
from pydantic_settings import BaseSettings
from typer.testing import CliRunner

from restaurant_os.cli import app
from restaurant_os.settings import PREFIX, DiscountKinds, Location, Settings, ToastSettings
from restaurant_os.tables import COUNT, DATE, FLAG, INSTANT, MONEY, ORDER_TABLES, REAL, TABLES, TEXT, TableSpec
from restaurant_os.transformations import VIEWS, View

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
}
#: The docs' word -> what it is in Arrow and in DuckDB.
TYPE_MEANINGS = (
    ("money", "decimal, 18 digits with 4 places; exact", "`DECIMAL(18, 4)`"),
    ("instant", "timestamp in microseconds, UTC", "`TIMESTAMPTZ`"),
    ("date", "calendar date", "`DATE`"),
    ("text", "string", "`VARCHAR`"),
    ("flag", "true or false", "`BOOLEAN`"),
    ("whole number", "64-bit integer", "`BIGINT`"),
    ("number", "double", "`DOUBLE`"),
)
TABLES_HEAD = """\
# Tables

Made by `python scripts/docs.py` from `src/restaurant_os/tables.py` and `transformations.py`. Do not edit.

Field names are those of Toast's Orders API v2 unless another API is named. `ours` is worked out here.

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
    types = markdown_table(("type", "meaning", "in DuckDB"), TYPE_MEANINGS)
    views = "".join(_view(view) for view in VIEWS)
    orders = "".join(_table(spec) for spec in ORDER_TABLES)
    ours = "".join(_table(spec) for spec in TABLES if spec not in ORDER_TABLES)
    parts = ("\n".join(contents), "\n\n## Types\n\n", types, "\n## Views\n", views, "\n## Orders\n", orders, "\n## Ours\n", ours)
    return TABLES_HEAD + "".join(parts)


def _view(view: View) -> str:
    return f"\n### {view.name}\n\n{view.meaning}\n\n" + markdown_table(("column", "meaning"), ((f"`{n}`", m) for n, m in view.columns))


def _table(spec: TableSpec) -> str:
    facts = [f"Key: {', '.join(f'`{name}`' for name in spec.key)}."]
    if spec.role != "record":
        facts.append(f"Version: `{spec.version}`.")
    if spec.partition != "business_date":
        facts.append(f"Its day: `{spec.partition}`.")
    if spec.retained_by:
        facts.append(f"A row that its order no longer shows stays in force while another row has the same {_names(spec.retained_by)}.")
    if spec.weak:
        facts.append(f"A row with `{spec.weak}` gives way to a stored one without it that has the same {_names(spec.weak_by)}.")
    rows = ((f"`{c.name}`", TYPES[c.type], c.source, c.meaning) for c in spec.columns)
    return f"\n### {spec.name}\n\n{spec.meaning} {' '.join(facts)}\n\n" + markdown_table(("column", "type", "API field", "meaning"), rows)


def _names(names: Iterable[str]) -> str:
    return " and ".join(f"`{name}`" for name in names)


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
ELSEWHERE = frozenset({"toast", "locations", "discounts", "toast_client_id", "toast_client_secret"})

MEANINGS: dict[str, str] = {
    "warehouse": "The DuckDB file. `duckdb:///name` is relative to the settings file; `duckdb:////name`, with four slashes, is absolute.",
    "load_mode": "`merge` keeps orders true; `insert-only` never touches an order that is in. See [loading.md](loading.md).",
    "wait_seconds": "Seconds to wait for the warehouse file while another process holds it.",
    "memory_limit": "The most memory DuckDB may use in a sync.",
    "toast.base_url": "The API's address. Toast Web shows it as API Access URL.",
    "toast.pacing": "How fast Toast is called. See [loading.md](loading.md#pacing).",
    "toast.overlap_minutes": "A window of changes begins so many minutes before the mark.",
    "toast.first_days": "How many days back the very first incremental sync looks.",
    "toast.timeout_seconds": "Seconds after which a call counts as unanswered.",
    "discounts.comp": "Comps: the house pays.",
    "discounts.promo": "Promotions.",
    "discounts.employee": "Employee meals.",
    "discounts.loyalty": "Loyalty rewards.",
    "locations.name": "How messages and `--location` name it. No two the same.",
    "locations.toast_guid": "The location's GUID, never its group's. No two the same.",
    "locations.timezone": "IANA time zone, such as `America/New_York`.",
    "locations.closeout_hour": "Local hour at which the business day ends.",
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
    sections: tuple[tuple[str, type[BaseModel]], ...] = (("toast.", ToastSettings), ("discounts.", DiscountKinds), ("locations.", Location))
    top = [name for name in Settings.model_fields if name not in OWN | ELSEWHERE]
    inner = [prefix + name for prefix, model in sections for name in model.model_fields]
    return [*top, *inner, "toast_client_id", "toast_client_secret"]


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
    fields = Location.model_fields
    places = [(f"`{n}`", _default(Location, n), _allowed(fields[n]), MEANINGS[f"locations.{n}"]) for n in fields]
    text.append(
        "## [[locations]]\n\nOne block per restaurant. `restaurant-os init --from-toast URL` fills them in from the API. As an environment\n"
        f"variable, `{PREFIX}LOCATIONS`, they are a JSON list of objects.\n\n"
        + markdown_table(("name", "default", "allowed", "meaning"), places)
    )
    credentials = [n for n in Settings.model_fields if n.startswith("toast_client_")]
    secrets = [(f"`{Settings.model_fields[n].validation_alias}`", MEANINGS[n]) for n in credentials]
    text.append(
        "## Credentials\n\nOnly in the environment or in `.env`. In the settings file they are refused.\n\n"
        + markdown_table(("environment variable", "meaning"), secrets)
    )
    return "\n".join(text)


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
    if field.default == ():
        return "none"
    return f"`{field.default}`"


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

    total = ("all", *(None if n == 4 else sum(row[n] for row in rows) for n in range(1, len(demo.COLUMNS))))
    terminal.print_table(f"Sales from {span.first} to {span.last}", [name.replace("_", " ") for name in demo.COLUMNS], [*rows, total])
    terminal.out.print(f"{count(changed, 'order')} new or changed in {seconds:.0f} s", highlight=False)


# --- the whole ------------------------------------------------------------------------------------------------------

PAGES = {"tables.md": tables, "commands.md": commands, "settings.md": settings}


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

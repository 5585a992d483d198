"""`sync config`: the dimensions of a location into a warehouse, against an API of functions and against the simulator over a socket; what facts
and metrics then call things by."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import httpx
import pytest

from cash_world import LATER, Answer, Api, app_of, held, in_turn, refusal, waiting
from config_world import MENUS, METADATA, employee, group, item, menu, menus, metadata, named, page, restaurant
from orders_world import NORTH, SOUTH, Json, check, land, order, ref, selection
from restaurant_desk import Desk, desk
from restaurant_os.app import App
from restaurant_os.errors import AccessError, RetryableError, UsageError
from restaurant_os.pipeline.configuration import last_read, notes
from restaurant_os.pipeline.plans import Span
from restaurant_os.pipeline.status import day_statuses
from restaurant_os.pipeline.sync import LocationResult, Unwatched
from restaurant_os.reports import SPLITS, cells, rows_of
from restaurant_os.sources.toast.config import SCOPES
from restaurant_os.tables import BY_NAME, DIMENSIONS
from restaurant_os.tables.dims import EVER
from toast_simulator import LAST_DAY, Toast, simulating
from warehouse_reading import read

CATEGORIES, EMPLOYEES = "/config/v2/salesCategories", "/labor/v1/employees"
RESTAURANT = f"/restaurants/v1/restaurants/{NORTH.toast_guid}"
PUBLISHED_MENUS = menus(menu("dinner", group("grill", item("burger"))))


def api(more: Mapping[str, Answer] | None = None, now: datetime = LATER) -> Api:
    """A location with a menu of one item, and `more` by path."""
    given: dict[str, Answer] = {RESTAURANT: httpx.Response(200, json=restaurant()), METADATA: metadata(), MENUS: PUBLISHED_MENUS}
    return Api({**given, **(more or {})}, now)


def run(folder: Path, own: Api, **settings: Any) -> LocationResult:
    """One sync, as a new process would do it; it may fail in part."""
    [result] = app_of(folder, own, **settings).sync("config").run([NORTH], None, Unwatched())
    return result


def states(folder: Path, dimension: str) -> list[tuple[Any, ...]]:
    """Names of a dimension's states, and which is current."""
    name = next(column for column in BY_NAME[dimension].names if column.endswith("_name"))
    return held(folder, dimension, name, "is_current")


# --- an API of functions ------------------------------------------------------------------------------------------------


def test_every_dimension_has_a_row_in_the_ledger(tmp_path: Path) -> None:
    """Its window is the table, its instant the read's, its sequence the location's; an empty one too."""
    result = run(tmp_path, api({CATEGORIES: [named("food", "Food"), named("wine", "Wine")]}))
    runs = held(tmp_path, "sync_runs", "window_kind", "read_seq", "rows_read", "business_date", "window_start = window_end")

    assert (result.error, result.rows_read, result.rows_added, result.rows_changed, result.windows) == (None, 4, 4, 0, len(DIMENSIONS))
    assert {kind: (seq, rows) for kind, seq, rows, *_ in runs} == {
        **{spec.name: (1, 0) for spec in DIMENSIONS},
        "dim_sales_categories": (1, 2),
        "dim_restaurants": (1, 1),
        "dim_menu_items": (1, 1),
    }
    assert {(day, is_instant) for *_, day, is_instant in runs} == {(None, True)}
    assert held(tmp_path, "changed_days", "*") == held(tmp_path, "dim_business_days", "*") == []


def test_a_second_sync_writes_nothing_and_reads_no_menu(tmp_path: Path) -> None:
    first, second = api(), api(now=LATER + timedelta(days=7))
    run(tmp_path, first)
    before = {spec.name: held(tmp_path, spec.name, "*") for spec in DIMENSIONS}
    result = run(tmp_path, second)

    assert (result.rows_added, result.rows_changed) == (0, 0)
    assert {spec.name: held(tmp_path, spec.name, "*") for spec in DIMENSIONS} == before
    assert [len(own.asked(MENUS)) for own in (first, second)] == [1, 0]
    assert notes(app_of(tmp_path, second).warehouse, [NORTH]) == []


def test_menus_published_anew_are_read_again(tmp_path: Path) -> None:
    """Also when nothing that is kept of them changed: once."""
    run(tmp_path, api())
    later = "2026-03-08T08:00:00.000+0000"
    again = api({METADATA: metadata(later), MENUS: menus(menu("dinner", group("grill", item("burger"))), at=later)})
    results = [run(tmp_path, again), run(tmp_path, again)]

    assert [result.rows_changed for result in results] == [0, 0]
    assert len(again.asked(MENUS)) == 1


def test_what_leaves_the_menu_ends_and_what_is_unpublished_does_not(tmp_path: Path) -> None:
    run(tmp_path, api({MENUS: menus(menu("dinner", group("grill", item("burger"), item("soup"))))}))
    later = "2026-03-08T08:00:00.000+0000"
    run(tmp_path, api({METADATA: metadata(later), MENUS: menus(menu("dinner", group("grill", item("burger", 11))), at=later)}))
    shown = ("item_name", "price::INTEGER", "is_current")
    found = held(tmp_path, "dim_menu_items", *shown)
    gone = api({METADATA: refusal(404)})
    result = run(tmp_path, gone)
    [note] = notes(app_of(tmp_path, gone).warehouse, [NORTH])

    assert found == [("Burger", 10, False), ("Burger", 11, True), ("Soup", 10, False)]
    assert (result.error, held(tmp_path, "dim_menu_items", *shown)) == (None, found)
    assert "no menu is published" in note.found


def test_a_menu_with_an_item_that_cannot_be_read_is_read_again_and_then_whole(tmp_path: Path) -> None:
    """The others land, nothing ends, the item waits in quarantine until it can be read."""
    run(tmp_path, api({MENUS: menus(menu("dinner", group("grill", item("burger"), item("soup"))))}))
    later = metadata("2026-03-08T08:00:00.000+0000")
    bad = api(
        {
            METADATA: later,
            MENUS: menus(menu("dinner", group("grill", item("burger", 11), item("pie", "x"))), at="2026-03-08T08:00:00.000Z"),
        }
    )
    result = run(tmp_path, bad)
    found = held(tmp_path, "dim_menu_items", "item_name", "price::INTEGER", "is_current"), waiting(tmp_path, "record_guid", "field")
    good = api({METADATA: later, MENUS: menus(menu("dinner", group("grill", item("burger", 11))), at="2026-03-08T08:00:00.000Z")})
    run(tmp_path, good)

    assert result.rows_quarantined == 1
    assert found == (
        [("Burger", 10, False), ("Burger", 11, True), ("Soup", 10, True)],
        [("dinner/grill/pie", "dim_menu_items.price")],
    )
    assert held(tmp_path, "dim_menu_items", "item_name", where="is_current") == [("Burger",)]
    assert waiting(tmp_path) == []


def test_a_record_in_quarantine_keeps_the_others_from_ending(tmp_path: Path) -> None:
    """A complete read ends what is gone, and settles what was in quarantine of that dimension alone."""
    discounts, bad = "/config/v2/discounts", [{"guid": "seven", "name": 7}, named("wine")]
    run(tmp_path, api({discounts: [named("a"), named("b")], CATEGORIES: bad}))
    run(tmp_path, api({discounts: [named("a"), named("c", percentage="x")], CATEGORIES: bad}))
    found = states(tmp_path, "dim_discounts"), waiting(tmp_path, "record_guid", "field")
    run(tmp_path, api({discounts: [named("a")], CATEGORIES: bad}))

    assert found == ([("a", True), ("b", True)], [("c", "dim_discounts.percentage"), ("seven", "dim_sales_categories.name")])
    assert states(tmp_path, "dim_discounts") == [("a", True), ("b", False)]
    assert waiting(tmp_path, "record_guid") == [("seven",)]


@pytest.mark.parametrize("answer", [refusal(403), refusal(404), refusal(503)], ids=["scope", "path", "trouble"])
def test_what_one_scope_refuses_costs_none_of_the_others(tmp_path: Path, answer: httpx.Response) -> None:
    """Its units are tried once more at the end, where that may help; every other dimension is in."""
    own = api({EMPLOYEES: answer, "/labor/v1/jobs": [{"guid": "j", "title": "Server"}]})
    result = run(tmp_path, own)
    [(unit, problem)] = result.failures

    assert [window.kind for window in unit.windows] == ["dim_employees"]
    assert result.error is problem
    assert {kind for (kind,) in held(tmp_path, "sync_runs", "window_kind")} == set(SCOPES) - {"dim_employees"}
    assert [len(held(tmp_path, name, "*")) for name in ("dim_jobs", "dim_menu_items", "dim_restaurants")] == [1, 1, 1]
    assert isinstance(problem, AccessError) == (answer.status_code == 403)


def test_a_collection_published_under_every_read_changes_nothing(tmp_path: Path) -> None:
    run(tmp_path, api({CATEGORIES: [named("a"), named("b")]}))
    moving = in_turn(*[answer for n in range(20) for answer in (page(named("a"), token=str(n)), refusal(409))])
    result = run(tmp_path, api({CATEGORIES: moving}))

    assert isinstance(result.error, RetryableError)
    assert states(tmp_path, "dim_sales_categories") == [("a", True), ("b", True)]


def test_configuration_has_no_dates(tmp_path: Path) -> None:
    app = app_of(tmp_path, api())
    with pytest.raises(UsageError, match="as it is now"):
        app.sync("config").run([NORTH], Span(LAST_DAY, LAST_DAY), Unwatched())


def test_the_status_of_days_leaves_it_out_and_says_when_it_was_read(tmp_path: Path) -> None:
    app = app_of(tmp_path, api())
    app.sync("config").run([NORTH], None, Unwatched())

    assert day_statuses(app.warehouse, [NORTH, SOUTH], None, LATER) == []
    assert [(where, abs(at - LATER) < timedelta(minutes=1)) for where, at in last_read(app.warehouse, [NORTH, SOUTH]).items()] == [
        (NORTH, True)
    ]


@pytest.mark.parametrize(("general", "told"), [({"closeoutHour": 5}, "closeout 5"), ({"timeZone": "America/Chicago"}, "America/Chicago")])
def test_a_clock_other_than_the_settings_is_said(tmp_path: Path, general: Json, told: str) -> None:
    own = api({RESTAURANT: httpx.Response(200, json=restaurant(**general))})
    run(tmp_path, own)
    [note] = notes(app_of(tmp_path, own).warehouse, [NORTH, SOUTH])

    assert note.location == NORTH
    assert told in note.found
    assert "settings" in note.next_step


def test_employees_names_go_by_the_setting(tmp_path: Path) -> None:
    run(tmp_path, api({EMPLOYEES: [employee()]}), labor={"names": "drop"})

    assert held(tmp_path, "dim_employees", "first_name", "email", "external_id") == [(None, None, "77")]


def test_insert_only_keeps_histories_as_merge_does(tmp_path: Path) -> None:
    """A state that nothing could end would be no history."""
    for name in ("Food", "Kitchen"):
        run(tmp_path, api({CATEGORIES: [named("food", name)]}), load_mode="insert-only")

    assert states(tmp_path, "dim_sales_categories") == [("Food", False), ("Kitchen", True)]


# --- names on facts -------------------------------------------------------------------------------------------------------


def line(guid: str, category: str | None) -> Json:
    return selection(guid, salesCategory=ref(category) if category else None)


def names(app: App) -> list[tuple[Any, ...]]:
    return app.warehouse.rows("SELECT selection_guid, sales_category_name FROM fact_order_items ORDER BY 1")


def synced(folder: Path, now: datetime, *categories: Json) -> App:
    """Configuration as the API has it at an instant; the next process's app."""
    app = app_of(folder, api({CATEGORIES: categories}, now))
    [result] = app.sync("config").run([NORTH], None, Unwatched())
    assert result.error is None
    return app


def opened(at: datetime) -> Json:
    return {"openedDate": f"{at:%Y-%m-%dT%H:%M:%S}.000+0000"}


def test_lines_have_the_name_of_their_time_whichever_comes_first(tmp_path: Path) -> None:
    """Older than all that is known: the earliest. An order that is already there is filled by the read that learns the name."""
    app = app_of(tmp_path, api())
    early, late = LATER - timedelta(days=30), LATER + timedelta(days=1)
    land(
        app.warehouse, [order("before", [check("c-1", [line("s-1", "food"), line("s-2", None), line("s-3", "unknown")], **opened(early))])]
    )
    unknown = names(app)
    app = synced(tmp_path, LATER, named("food", "Food"))
    first = names(app)
    app = synced(tmp_path, LATER + timedelta(hours=12), named("food", "Kitchen"))
    land(app.warehouse, [order("after", [check("c-2", [line("s-4", "food")], **opened(late))])])
    changes = land(app.warehouse, [order("between", [check("c-3", [line("s-5", "food")], **opened(LATER + timedelta(hours=1)))])])

    assert [name for _, name in unknown] == [None, None, None]
    assert first == [("s-1", "Food"), ("s-2", None), ("s-3", None)]
    assert names(app)[3:] == [("s-4", "Kitchen"), ("s-5", "Food")]
    assert changes.added == 1


def test_a_line_that_came_while_its_category_was_renamed_has_the_new_name(tmp_path: Path) -> None:
    """The order landed after the read began and before it did."""
    app = synced(tmp_path, LATER, named("food", "Food"))
    land(app.warehouse, [order("o", [check("c", [line("s", "food")], **opened(LATER + timedelta(hours=13)))])])
    before = names(app)
    app = synced(tmp_path, LATER + timedelta(hours=12), named("food", "Kitchen"))

    assert (before, names(app)) == ([("s", "Food")], [("s", "Kitchen")])


def test_a_name_that_was_filled_is_no_change(tmp_path: Path) -> None:
    """The same version read again writes nothing; a newer one is filled again."""
    app = synced(tmp_path, LATER, named("food", "Food"))
    sold = order("o", [check("c", [line("s", "food")])])
    land(app.warehouse, [sold])
    again = land(app.warehouse, [sold], read_at="2026-03-11T00:00:00.000+0000")
    newer = land(app.warehouse, [order("o", [check("c", [line("s", "food"), line("t", "food")])], version=1)])

    assert (again.added, again.changed, newer.changed) == (0, 0, 1)
    assert names(app) == [("s", "Food"), ("t", "Food")]


def test_locations_have_names_of_their_own(tmp_path: Path) -> None:
    """The same GUID at another location is another category."""
    app = synced(tmp_path, LATER, named("food", "Food"))
    land(app.warehouse, [order("o", [check("c", [line("s", "food")])])], location=SOUTH)

    assert names(app) == [("s", None)]


def test_metrics_by_dining_option_name_it(tmp_path: Path) -> None:
    """By what it was last called; one that no configuration tells keeps its GUID, which is a column of its own in any case."""
    app = app_of(tmp_path, api({"/config/v2/diningOptions": [named("in", "Dine In", behavior="DINE_IN")]}))
    app.sync("config").run([NORTH], None, Unwatched())
    land(app.warehouse, [order(f"o-{guid}", [check(f"c-{guid}", [selection(guid)])], diningOption=ref(guid)) for guid in ("in", "out")])
    report = SPLITS["dining-option"]
    table = rows_of(app.warehouse, report, [NORTH], Span(LAST_DAY.replace(day=1), LAST_DAY), LATER)

    found = {row["dining_option_guid"]: row["dining_option"] for row in table.to_pylist()}
    assert found == {"in": "Dine In", "out": "out"}
    assert {row[2] for row in cells(table, report)} == {"Dine In", "out"}


# --- the simulator --------------------------------------------------------------------------------------------------------


@pytest.fixture
def toast() -> Iterator[Toast]:
    with simulating(locations=1, days=1) as running:
        yield running


@pytest.fixture
def office(tmp_path: Path, toast: Toast) -> Desk:
    return desk(tmp_path / "group", toast, begun=True)


def test_a_week_of_a_living_configuration(office: Desk, toast: Toast) -> None:
    """Renamed, moved, archived, come and gone: every state in its time, each record with one state at every instant.

    It begins on a Wednesday at noon: a reason for voiding, away since Tuesday, returns that day, and is away again a week later.
    """
    for days in (1, 6, 1, 0):
        office.sync(dataset="config")
        toast.advance(timedelta(days=days))
    where = office.warehouse

    options = read(
        where, "SELECT dining_option_name, is_current FROM dim_dining_options WHERE dining_option_name LIKE 'Bar%' ORDER BY valid_from"
    )
    assert ({name for name, _ in options}, [is_current for _, is_current in options]) == ({"Bar", "Bar Top"}, [False, True])
    reasons = "SELECT valid_to IS NULL FROM dim_void_reasons WHERE void_reason_name = 'Out of Stock' ORDER BY valid_from"
    assert read(where, reasons) == [(False,), (True,)]
    for spec in DIMENSIONS:
        own = ", ".join(spec.key[:-1])
        assert read(where, f"SELECT {own} FROM {spec.name} WHERE is_current GROUP BY ALL HAVING count(*) > 1") == []
        assert read(where, f"SELECT {own} FROM {spec.name} GROUP BY ALL HAVING min(applies_from) <> TIMESTAMPTZ '{EVER}'") == []
        overlapping = " AND ".join(f"a.{part} = b.{part}" for part in spec.key[:-1])
        assert read(
            where,
            f"""SELECT count(*) FROM {spec.name} AS a JOIN {spec.name} AS b ON {overlapping} AND a.valid_from < b.valid_from
                    WHERE coalesce(a.applies_to, TIMESTAMPTZ '2999-01-01') > b.applies_from OR coalesce(a.valid_to, TIMESTAMPTZ '2999-01-01') > b.valid_from""",
        ) == [(0,)]
        assert read(where, f"SELECT count(*) FROM {spec.name}") != [(0,)]


def test_a_configuration_that_is_republished_and_fails_meanwhile_ends_the_same(office: Desk, toast: Toast) -> None:
    office.sync(dataset="config")
    before = read(office.warehouse, "SELECT * EXCLUDE (_loaded_at) FROM dim_tables ORDER BY ALL")
    toast.set_faults(republish={"every": 2}, server_error={"rate": 0.05}, cut_body={"rate": 0.05})
    office.sync(dataset="config")

    assert read(office.warehouse, "SELECT * EXCLUDE (_loaded_at) FROM dim_tables ORDER BY ALL") == before
    assert toast.faults_happened()["republish"] > 0


def test_the_command(office: Desk, toast: Toast) -> None:
    """What it prints for a person and for a script; a clock that differs is said by both."""
    text = office.settings.read_text()
    office.settings.write_text(text.replace("closeout_hour = 4", "closeout_hour = 2", 1))
    ran = office.run("sync", "config", "--json")
    told = json.loads(ran.stdout)
    again = office.run("sync", "config", "--location", "North")
    status = office.run("status")

    assert (ran.returncode, again.returncode, told["dataset"], told["failed"]) == (0, 0, "config", 0)
    assert all(one["rows_added"] > 100 and one["failures"] == [] for one in told["locations"])
    assert any("closeout 2" in note["found"] for note in told["notes"])
    assert "config: " in again.stdout
    assert "0 new, 0 changed" in again.stdout
    assert "2026-03-11 14:00Z" in status.stdout


def test_the_examples_of_the_docs(office: Desk) -> None:
    """Every order finds one state of its server, though it is older than the first read; the dining options of a day are those of a day."""
    office.sync(LAST_DAY)
    office.sync(dataset="config")
    page_ = (Path(__file__).parents[2] / "docs" / "config.md").read_text(encoding="utf-8")
    orders, options = [read(office.warehouse, sql) for sql in re.findall(r"```sql\n(.*?)```", page_, re.DOTALL)]

    served = "SELECT order_guid FROM fact_orders WHERE server_guid IN (SELECT employee_guid FROM dim_employees) ORDER BY 1"
    assert sorted(row[1] for row in orders) == [guid for (guid,) in read(office.warehouse, served)]
    assert len(orders) > 50
    assert all(first and last for *_, first, last in orders)
    assert {name for _, name, _ in options} >= {"Dine In", "Take Out"}
    unnamed = (
        "SELECT count(*), count(*) FILTER (WHERE sales_category_name IS NULL) FROM fact_order_items WHERE sales_category_guid IS NOT NULL"
    )
    [(lines, without)] = read(office.warehouse, unnamed)
    assert (lines > 100, without) == (True, 0)


def test_people_jobs_and_the_clock_over_time(office: Desk, toast: Toast) -> None:
    """Hired again under a new GUID, deleted, renamed; a job that is deleted leaves the list and keeps its title here; a closeout that moves is said."""
    office.sync(dataset="config")
    toast.advance(timedelta(days=3))
    [place] = toast.locations()
    toast._ask("POST", f"/restaurants/{place.toast_guid}", {"closeout_hour": 6})
    office.sync(dataset="config")
    where, app = office.warehouse, office.app()

    people = "SELECT count(DISTINCT employee_guid) AS guids, count(DISTINCT last_name) AS names FROM dim_employees WHERE external_id <> ''"
    assert read(where, f"SELECT * FROM ({people} GROUP BY external_id) WHERE guids > 1") == [(2, 1)]
    tablet = (
        "SELECT is_deleted, is_current FROM dim_employees WHERE last_name = 'Tablet' OR first_name = 'Office Tablet' ORDER BY valid_from"
    )
    assert read(where, tablet)[-1] == (True, True)
    jobs: dict[str, bool] = dict(read(where, "SELECT job_title, is_current FROM dim_jobs ORDER BY valid_from"))
    assert (jobs["Coat Check"], jobs["Parking Attendant"]) == (False, True)
    assert read(where, "SELECT closeout_hour, is_current FROM dim_restaurants ORDER BY valid_from") == [
        (place.closeout_hour, False),
        (6, True),
    ]
    assert ["closeout 6" in note.found for note in notes(app.warehouse, app.locations())] == [True]

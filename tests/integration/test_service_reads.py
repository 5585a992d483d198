"""What the service tells is what the commands tell, word for word and value for value."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from restaurant_os import cli
from restaurant_os.app import App
from restaurant_os.errors import LockedError, WarehouseError
from restaurant_os.live.meters import Meters
from restaurant_os.service.running import Part
from restaurant_os.settings import Location
from serving import Serving, await_, serving

NORTH = Location(name="North", toast_guid="aaaaaaaa-bbbb-4ccc-8ddd-eeeeeeeeeeee", timezone="America/New_York", store_id="north-1")
DAY = "2026-03-10"
SPAN = {"from": DAY, "to": DAY}


@pytest.fixture(scope="module")
def group(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Serving]:
    """A service whose worker runs, with a day of one store in its tables."""
    apps: list[App] = []

    def worker(meters: Meters) -> Part:
        return apps[0].worker(meters)

    with serving(tmp_path_factory.mktemp("group"), locations=[NORTH], change=apps.append, parts={"worker": worker}) as found:
        found.post("/webhook/sales", {"store_id": "north-1", "date": DAY, "gross_sales": 6000})
        found.post("/webhook/sales", {"store_id": "North", "date": DAY, "gross_sales": 5000.25})
        found.post("/webhook/labor", {"store_id": "north-1", "date": DAY, "labor_hours": 62.5, "labor_cost": 1187.5})
        await_(lambda: found.counted("events_settled") == {"done": 3.0}, 60)
        yield found


def told(of: Serving, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, *arguments: str) -> Any:
    """What a command says with --json, in the folder of the service."""
    monkeypatch.chdir(of.service.settings.state_path.parent)
    monkeypatch.setattr("sys.argv", ["restaurant-os", *arguments, "--json"])
    with pytest.raises(SystemExit) as ended:
        cli.main()
    assert ended.value.code == 0
    return json.loads(capsys.readouterr().out)


@pytest.mark.parametrize(
    ("asked", "arguments"),
    [
        (SPAN, ("--from", DAY, "--to", DAY)),
        ({**SPAN, "grain": "hour"}, ("--grain", "hour", "--from", DAY, "--to", DAY)),
        ({"grain": "week", "from": "2026-03-01", "to": "2026-03-31"}, ("--grain", "week", "--from", "2026-03-01", "--to", "2026-03-31")),
        ({**SPAN, "by": "cash"}, ("--by", "cash", "--from", DAY, "--to", DAY)),
        ({**SPAN, "by": "dining-option"}, ("--by", "dining-option", "--from", DAY, "--to", DAY)),
        ({**SPAN, "location": "north"}, ("--location", "north", "--from", DAY, "--to", DAY)),
        ({}, ()),
    ],
    ids=str,
)
def test_metrics_are_those_of_the_command(
    group: Serving, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, asked: dict[str, str], arguments: tuple[str, ...]
) -> None:
    answer = group.http.get("/v1/metrics", params=asked)

    assert (answer.status_code, answer.json()) == (200, told(group, capsys, monkeypatch, "metrics", *arguments))


def test_the_last_summary_of_a_day_counts(group: Serving) -> None:
    """Posted by whichever name the store has."""
    [row] = group.http.get("/v1/metrics", params=SPAN).json()

    assert {
        name: row[name] for name in ("location", "business_date", "net_sales", "labor_hours", "labor_cost", "sales_basis", "labor_basis")
    } == {
        "location": "North",
        "business_date": DAY,
        "net_sales": "5000.2500",
        "labor_hours": "62.5000",
        "labor_cost": "1187.5000",
        "sales_basis": "gross_summary",
        "labor_basis": "summary",
    }
    assert row["labor_percent"] == pytest.approx(1187.5 / 5000.25 * 100)


def test_status_is_that_of_the_command(group: Serving, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> None:
    answer = group.http.get("/v1/status", params=SPAN).json()
    days = told(group, capsys, monkeypatch, "status", "--from", DAY, "--to", DAY)
    live = told(group, capsys, monkeypatch, "status", "--live")

    assert answer["days"] == days
    still = {name: value for name, value in live.items() if name not in ("as_of", "notes")}
    assert {name: answer[name] for name in still} == still
    assert answer["inbox"]["pending"] == 0


def test_locations_are_those_of_the_settings(group: Serving) -> None:
    assert group.get("/v1/locations").json() == [
        {
            "location": "North",
            "restaurant_guid": NORTH.toast_guid,
            "store_id": "north-1",
            "timezone": "America/New_York",
            "closeout_hour": 4,
            "labor_source": "toast",
            "configured": True,
        }
    ]


@pytest.mark.parametrize(
    ("asked", "field"),
    [
        ({"grain": "month"}, "grain"),
        ({"grain": ""}, "grain"),
        ({"by": "weather"}, "by"),
        ({"grain": "hour", "by": "cash"}, "by"),
        ({"location": "Nowhere"}, "location"),
        ({"location": ""}, "location"),
        ({"location": "x" * 201}, "location"),
        ({"from": DAY}, "to"),
        ({"to": DAY}, "from"),
        ({"from": "2026-02-30", "to": DAY}, "from"),
        ({"from": DAY, "to": "tomorrow"}, "to"),
        ({"from": DAY, "to": "2026-03-09"}, "to"),
        ({"from": "0001-01-01", "to": "9999-12-31"}, "to"),
        ({"grain": "hour", "from": "2020-01-01", "to": "2026-01-01"}, "to"),
    ],
    ids=str,
)
def test_what_cannot_be_asked_is_422_with_the_parameter(group: Serving, asked: dict[str, str], field: str) -> None:
    answer = group.http.get("/v1/metrics", params=asked)

    assert (answer.status_code, answer.json()["error"]["field"]) == (422, field)


def test_a_service_that_knows_no_location_tells_of_none(tmp_path: Path) -> None:
    with serving(tmp_path) as found:
        assert found.get("/v1/metrics").json() == found.get("/v1/locations").json() == []
        assert (found.get("/v1/status").status_code, found.get("/v1/status").json()["days"]) == (200, [])
        assert found.http.get("/v1/metrics", params={"location": "north-1"}).status_code == 422


def test_prometheus_reads_the_counters_and_the_inbox(tmp_path: Path) -> None:
    with serving(tmp_path) as found:
        found.post("/webhook/sales", {"store_id": "a", "date": DAY, "gross_sales": 1})
        answer = found.get("/metrics")

        assert answer.headers["Content-Type"].startswith("text/plain; version=")
        lines = answer.text.splitlines()
        assert 'restaurant_os_events_accepted_total{route="sales"} 1.0' in lines
        assert 'restaurant_os_inbox_events{state="pending"} 1.0' in lines


@pytest.mark.parametrize(
    ("problem", "retry_after"),
    [
        (LockedError("warehouse: process 7 holds the file.", next_step="Wait for that process."), "2"),
        (WarehouseError("warehouse: this is no DuckDB file.", next_step="Move it away."), "30"),
    ],
    ids=["held", "broken"],
)
def test_a_warehouse_that_cannot_be_asked_says_when_to_try_again(tmp_path: Path, problem: Exception, retry_after: str) -> None:
    def broken(app: App) -> None:
        def rows(*given: object) -> None:
            raise problem

        app.warehouse.rows = rows  # type: ignore[method-assign,assignment]

    with serving(tmp_path, change=broken) as found:
        answer = found.get("/v1/metrics")

        assert (answer.status_code, answer.headers["Retry-After"]) == (503, retry_after)
        assert answer.json()["error"]["message"] == str(problem).splitlines()[0]


def test_a_fault_is_500_in_the_one_shape_and_tells_nothing(tmp_path: Path) -> None:
    def broken(app: App) -> None:
        def rows(*given: object) -> None:
            raise RuntimeError("with something secret")

        app.warehouse.rows = rows  # type: ignore[method-assign,assignment]

    with serving(tmp_path, change=broken) as found:
        answer = found.get("/v1/metrics")

        assert answer.status_code == 500
        assert answer.json() == {"error": {"message": "a fault of this program.", "next_step": "Look into its log.", "field": None}}
        assert found.get("/healthz").status_code == 200

"""`python -m benchmarks.backfill`: a year of all datasets, as the product brings it in, on a virtual clock, against the least that the pacing allows.

The client, its pacing, `App.backfill` and the warehouse are the product's own; the simulator answers in this process, with Toast's limits
on the same clock. The floor is the world's and the published intervals' alone: nothing of ours that plans or estimates has a say in it.
"""

from __future__ import annotations

import argparse
import json
import logging
import math
import os
import subprocess
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from datetime import UTC, date, datetime
from pathlib import Path
from unittest.mock import patch

from pydantic import SecretStr

from benchmarks import memory
from benchmarks.virtual import InProcess, VirtualClock
from restaurant_os.app import App, build_app
from restaurant_os.businessday import days_between
from restaurant_os.pipeline.backfill import history
from restaurant_os.pipeline.plans import Period
from restaurant_os.pipeline.sync import Unwatched
from restaurant_os.settings import Settings, load_without_file
from restaurant_os.simulator import listing
from restaurant_os.simulator import world as worlds
from restaurant_os.simulator.call import Simulator
from restaurant_os.simulator.server import Options, build

LOCATIONS, WEEKS = 13, 52
PROFILES = ("careful", "documented")
#: Of the one that is printed beside: its locations fall out of step, so that each week of each is a commit of its own.
WEEKS_BESIDE = 13
#: Of the ratio for `careful`.
MOST = 1.05
#: A share of the simulator's usual 250 parties a day: a date then is one page of orders, and it could be no fewer.
DEMAND = 0.05
#: How many the simulator keeps in memory, which is ours here: enough for the dates that are being asked.
STORIES = 1_000
#: All dates are closed everywhere by then.
NOW = datetime(2026, 3, 3, 12, tzinfo=UTC)
DATASETS = ("orders", "cash", "labor")
PAGE = 100
DAYS_A_WEEK = 7

#: The simulator's names of the endpoints -> what they are called in the table of intervals.
ENDPOINTS = {
    "ordersBulk": "orders",
    "cashEntries": "cash",
    "cashDeposits": "cash",
    "timeEntries": "labor",
    "shifts": "labor",
    "employees": "labor",
    "jobs": "labor",
}
#: Seconds between two calls of a location: by endpoint, and '' for any two. The user's own table; what Toast publishes (ordersBulk 5 in a
#: second, all 20 in a second and 10,000 in 15 minutes), each a little apart so that a window which begins anywhere holds no more.
INTERVALS: Mapping[str, Mapping[str, float]] = {
    "careful": {"orders": 12.0, "cash": 3.0, "labor": 3.0, "": 0.0},
    "documented": {"orders": 0.21, "": 0.092},
}
#: (GUID of the location, the simulator's name of the endpoint) -> calls.
Calls = Mapping[tuple[str, str], int]


@dataclass(frozen=True, slots=True)
class Result:
    """What one profile took. `seconds`, `floor`: virtual; `real`: of the whole run. `mib`: the most resident memory."""

    profile: str
    seconds: float
    floor: float
    needed: dict[str, int]
    made: dict[str, int]
    refused: int
    orders: int
    real: float
    mib: float

    @property
    def ratio(self) -> float:
        return self.seconds / self.floor


# --- the floor --------------------------------------------------------------------------------------------------------


def orders_held(simulator: Simulator, dates: Sequence[date]) -> dict[str, list[int]]:
    """How many orders the API has, by location and date."""
    at = simulator.clock.world()
    guids = [restaurant.guid for restaurant in simulator.world.restaurants]
    return {guid: [len(simulator.world.by_business_date(guid, day, at)) for day in dates] for guid in guids}


def needed(held: Mapping[str, Sequence[int]]) -> Calls:
    """The calls without which the dates cannot be had, by what the world holds and how the API may be asked (reference: 3.1, 4, 5).

    Orders in pages of 100, one at least for each date; cash by one date, entries and deposits; punches a date a call, the schedule a week a
    call, employees and jobs once.
    """
    calls: Counter[tuple[str, str]] = Counter()
    for guid, orders in held.items():
        calls[guid, "ordersBulk"] = sum(max(1, math.ceil(count / PAGE)) for count in orders)
        calls[guid, "cashEntries"] = calls[guid, "cashDeposits"] = calls[guid, "timeEntries"] = len(orders)
        calls[guid, "shifts"] = math.ceil(len(orders) / DAYS_A_WEEK)
        calls[guid, "employees"] = calls[guid, "jobs"] = 1
    return calls


def floor(calls: Calls, intervals: Mapping[str, float]) -> float:
    """The least seconds from the first call to the last: locations side by side, endpoints of a location side by side."""
    paced: Counter[tuple[str, str]] = Counter()
    for (guid, endpoint), count in calls.items():
        paced[guid, ENDPOINTS[endpoint]] += count
        paced[guid, ""] += count
    return max((count - 1) * intervals.get(name, 0.0) for (_, name), count in paced.items())


# --- the run ----------------------------------------------------------------------------------------------------------


def run(profile: str, *, locations: int, weeks: int, demand: float, answer_seconds: float, folder: Path) -> Result:
    """One backfill into a new warehouse in `folder`."""
    began = time.monotonic()
    with patch.object(worlds, "_STORIES_KEPT", STORIES), patch.object(listing, "KEPT_BYTES", 0), VirtualClock(NOW) as clock:
        api = build(Options(locations=locations, days=weeks * DAYS_A_WEEK, demand=demand), seconds=clock.epoch)
        simulator: Simulator = api.state.simulator
        transport = InProcess(api, clock=clock, seconds=answer_seconds)
        app = build_app(_settings(simulator, profile, folder), clock=clock, transport=transport, token_folder=folder / "tokens")
        dates = days_between(simulator.world.first_day, simulator.world.last_day)
        seconds = _bring(app, history(dates[0], dates[-1]), clock)
        mib = sum(memory._high_water_kib(pid) for pid in (os.getpid(), *memory._children(os.getpid()))) / 1024
        held = orders_held(simulator, dates)
        calls = needed(held)
        orders = sum(map(sum, held.values()))
        [(landed,)] = app.warehouse.rows("SELECT count(*) FROM fact_orders")
        assert landed == orders, f"{landed} orders landed, not {orders}"
        _, log = simulator.calls.since(0)
        return Result(
            profile=profile,
            seconds=seconds,
            floor=floor(calls, INTERVALS[profile]),
            needed=dict(_by_endpoint(calls)),
            made=dict(Counter(str(call["endpoint"]) for call in log)),
            refused=sum(call["status"] != 200 for call in log),
            orders=orders,
            real=time.monotonic() - began,
            mib=mib,
        )


def _settings(simulator: Simulator, profile: str, folder: Path) -> Settings:
    locations = [
        {"name": one.location_name, "toast_guid": one.guid, "timezone": one.timezone, "closeout_hour": one.closeout_hour}
        for one in simulator.world.restaurants
    ]
    found = load_without_file(
        folder,
        warehouse=f"duckdb:///{folder / 'warehouse.duckdb'}",
        toast={"base_url": "http://simulator", "pacing": profile},
        locations=locations,
    )
    [client] = simulator.tokens.clients.values()
    return found.model_copy(update={"toast_client_id": SecretStr(client.id), "toast_client_secret": SecretStr(client.secret)})


def _bring(app: App, period: Period, clock: VirtualClock) -> float:
    """Bring the dates in, all of them; gives the virtual seconds it took."""
    whole = app.backfill(DATASETS, app.locations(), period)
    began = clock.monotonic()
    results = whole.run(lambda dataset: Unwatched())
    seconds = clock.monotonic() - began
    failed = [str(result.error) for own in results.values() for result in own if result.error]
    missing = whole.missing(results)
    assert not failed, failed
    assert not missing, missing
    return seconds


def _by_endpoint(calls: Calls) -> Counter[str]:
    found: Counter[str] = Counter()
    for (_, endpoint), count in calls.items():
        found[endpoint] += count
    return found


# --- in processes of their own ----------------------------------------------------------------------------------------


def measure(*, quick: bool) -> list[Result]:
    """Each profile in a process of its own, side by side: their memory is theirs alone, and virtual time does not care who else runs."""
    sizes = [(2, 3), (2, 3)] if quick else [(LOCATIONS, WEEKS), (LOCATIONS, WEEKS_BESIDE)]
    running = [_started(profile, locations, weeks) for profile, (locations, weeks) in zip(PROFILES, sizes, strict=True)]
    answers = [process.communicate()[0] for process in running]
    if any(process.returncode for process in running):
        raise RuntimeError("a backfill ended with an error, which stands above")
    return [Result(**json.loads(answer)) for answer in answers]


def _started(profile: str, locations: int, weeks: int) -> subprocess.Popen[str]:
    size = ["--locations", str(locations), "--weeks", str(weeks)]
    return subprocess.Popen(
        [sys.executable, "-m", "benchmarks.backfill", "--json", "--profile", profile, *size], stdout=subprocess.PIPE, text=True
    )


def show(results: Sequence[Result], *, quick: bool) -> dict[str, float]:
    """Print what was found; gives what results.json keeps. A quick one is too short to be judged: a week is asked twice in any."""
    head = "".join(f"{name:>9}" for name in ("ratio", "calls", "needed", "refused", "orders"))
    print(f"\n{'backfill':<14}{'virtual':>10}{'floor':>10}{head}{'real':>8}{'MiB':>7}")
    for one in results:
        calls = f"{sum(one.made.values()):>9,}{sum(one.needed.values()):>9,}{one.refused:>9,}{one.orders:>9,}"
        print(f"{one.profile:<14}{one.seconds:>8,.0f} s{one.floor:>8,.0f} s{one.ratio:>9.3f}{calls}{one.real:>6.0f} s{one.mib:>7.0f}")
        beside = {name: count - one.needed.get(name, 0) for name, count in one.made.items() if count != one.needed.get(name, 0)}
        print(f"{'':<14}beside what is needed: " + (", ".join(f"{name} {count:+,}" for name, count in beside.items()) or "none"))
    ratio = next(one.ratio for one in results if one.profile == "careful")
    print("(MiB: the most resident memory, the simulator and its world included)")
    bar = "" if quick else f"   bar: at most {MOST}{'' if ratio <= MOST else ', MISSED'}"
    print(f"{'backfill_vs_floor':<28}{ratio:>8.3f}{bar}")
    return {"backfill_vs_floor": round(ratio, 3)}


def main() -> int:
    parser = argparse.ArgumentParser(prog="benchmarks.backfill", description=__doc__)
    parser.add_argument("--profile", choices=PROFILES, default="careful")
    parser.add_argument("--locations", type=int, default=LOCATIONS)
    parser.add_argument("--weeks", type=int, default=WEEKS)
    parser.add_argument("--demand", type=float, default=DEMAND, help="share of the usual parties (default: %(default)s)")
    parser.add_argument("--answer-seconds", type=float, default=0.0, help="virtual seconds that each answer of the API takes")
    parser.add_argument("--json", action="store_true")
    options = vars(parser.parse_args())
    as_json = options.pop("json")
    logging.disable(logging.WARNING)
    with tempfile.TemporaryDirectory(prefix="restaurant-os-bench-") as folder:
        result = run(**options, folder=Path(folder))
    print(json.dumps(asdict(result), indent=None if as_json else 2))
    if not as_json:
        print(f"ratio {result.ratio:.4f}")
    return 0


if __name__ == "__main__":
    sys.exit(main())

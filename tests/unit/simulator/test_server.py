"""The simulator as a process and behind a real socket."""

from __future__ import annotations

import re
import signal
import socket
import subprocess
import sys
import time as real_time
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import date
from pathlib import Path
from typing import cast

import httpx
import pytest

from restaurant_os.simulator.__main__ import arguments
from restaurant_os.simulator.errors import OptionError
from restaurant_os.simulator.server import Options, application, build, running
from simulator_fakes import NORTH, ORDERS, Time, World, simulated

COMMAND = [sys.executable, "-m", "restaurant_os.simulator", "--locations", "1", "--days", "1"]


@pytest.fixture
def base_url(world: World, time: Time) -> Iterator[str]:
    time.now = real_time.time()
    with running(application(simulated(world, time)), Options(port=0)) as url:
        yield url


@contextmanager
def logged_in(base_url: str) -> Iterator[httpx.Client]:
    body = {"clientId": "demo-client", "clientSecret": "demo-secret", "userAccessType": "TOAST_MACHINE_CLIENT"}
    with httpx.Client(base_url=base_url, headers={"Toast-Restaurant-External-ID": NORTH}, timeout=5) as client:
        token = client.post("/authentication/v1/authentication/login", json=body).json()["token"]["accessToken"]
        client.headers["Authorization"] = f"Bearer {token}"
        yield client


def test_a_client_pages_through_a_day_over_a_socket(base_url: str) -> None:
    with logged_in(base_url) as client:
        url: str | None = "/orders/v2/ordersBulk?businessDate=20260301"
        guids: list[str] = []
        while url:
            answer = client.get(url)
            guids += [order["guid"] for order in answer.json()]
            url = answer.links.get("next", {}).get("url")

    assert len(set(guids)) == len(guids) == ORDERS
    assert answer.headers.get_list("date") == [answer.headers["date"]]
    assert "server" not in answer.headers


def test_a_timeout_drops_the_connection_and_a_cut_breaks_the_body(base_url: str) -> None:
    with logged_in(base_url) as client:
        path = "/orders/v2/ordersBulk?businessDate=20260301"
        client.post("/simulator/faults", json={"timeout": {"every": 1, "limit": 1, "seconds": 0.2}})
        began = real_time.monotonic()
        with pytest.raises(httpx.RemoteProtocolError):
            client.get(path)
        held = real_time.monotonic() - began
        client.post("/simulator/faults", json={"cut_body": {"every": 1, "limit": 1}})
        with pytest.raises(httpx.RemoteProtocolError, match="peer closed connection without sending complete message body"):
            client.get(path)

        assert held >= 0.2
        assert client.get(path).status_code == 200


def test_the_process_says_where_it_listens_and_stops_when_told() -> None:
    with subprocess.Popen(
        [*COMMAND, "--port", "0", "--seed", "3", "--last-day", "2026-03-01"], stdout=subprocess.PIPE, text=True
    ) as process:
        assert process.stdout
        line = process.stdout.readline()
        found = re.fullmatch(
            r"Toast simulator listening on (http://127\.0\.0\.1:\d+) \(1 location, 1 day to 2026-03-01, seed 3; client demo-client\)\n",
            line,
        )
        try:
            assert found, line
            with httpx.Client(base_url=found[1]) as client:
                described = client.get("/simulator").json()
        finally:
            process.send_signal(signal.SIGTERM)
        rest = process.stdout.read()

    assert (described["first_day"], described["last_day"]) == ("2026-03-01", "2026-03-01")
    assert process.returncode == 0
    assert rest == ""


def refused(*options: str) -> str:
    done = subprocess.run([*COMMAND, *options], capture_output=True, text=True, timeout=30, check=False)
    assert (done.returncode, done.stdout) == (1, "")
    assert done.stderr.count("\n") == 1
    return done.stderr


def test_a_taken_port_is_one_message() -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]

        assert f"cannot listen on 127.0.0.1 port {port}: Address already in use" in refused("--port", str(port))


def test_wrong_options_are_one_message(tmp_path: Path) -> None:
    path = tmp_path / "faults.toml"
    path.write_text("[nonsense]\nrate = 1\n")

    assert "unknown fault 'nonsense'" in refused("--faults", str(path))
    assert "clock speed must be above 0" in refused("--clock-speed", "0")
    assert "absent.toml" in refused("--clients", str(tmp_path / "absent.toml"))


def test_every_option_can_be_given() -> None:
    line = "--port 1 --host ::1 --locations 2 --days 3 --seed 4 --last-day 2026-03-01 --clock-speed 60 --faults f --clients c"

    assert arguments(line.split()) == Options(1, "::1", 2, 3, 4, date(2026, 3, 1), 60.0, Path("f"), Path("c"))
    assert arguments([]) == Options()


@pytest.mark.parametrize("wrong", [Options(port=70000), Options(locations=0), Options(days=0), Options(clock_speed=-1)])
def test_options_out_of_range_are_refused(wrong: Options) -> None:
    with pytest.raises(OptionError):
        build(wrong)


def test_by_default_history_has_ended_and_the_api_clock_is_real() -> None:
    now = 1_772_467_200.0  # 2026-03-02 16:00 UTC
    simulator = build(Options(locations=4, days=2), seconds=Time(now)).state.simulator
    clock, world = simulator.clock, simulator.world

    assert clock.api().timestamp() == now
    assert clock.world() == world.history_end <= clock.api()
    assert world.last_day in (date(2026, 2, 28), date(2026, 3, 1))


def test_with_a_last_day_the_api_clock_starts_at_the_end_of_history() -> None:
    simulator = build(Options(locations=1, days=1, last_day=date(2025, 11, 2))).state.simulator

    assert (simulator.clock.api() - simulator.world.history_end).total_seconds() < 5


def test_a_living_world_starts_now() -> None:
    now = 1_772_467_200.0
    time = Time(now)
    clock = build(Options(locations=1, days=1, clock_speed=60), seconds=time).state.simulator.clock
    time.now += 10

    assert clock.world() == clock.api()
    assert cast(float, clock.api().timestamp()) == now + 600

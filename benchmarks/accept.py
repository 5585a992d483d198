"""Webhooks: what it costs to have an event on disk before its 2xx, and how soon it is in the tables.

Servers and the generator of load are processes of their own, on the same cores. Events are signed orders of the size that Toast's have; each is
sent once.
"""

from __future__ import annotations

import json
import os
import statistics
import subprocess
import sys
import tempfile
import time
import uuid
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from functools import cache
from itertools import islice
from pathlib import Path
from urllib.request import urlopen

sys.path.insert(0, str(Path(__file__).parents[1] / "tests"))

import msgspec

from benchmarks.load import Result, request, write_requests
from benchmarks.pages import generate
from fsync_counting import build, preloaded
from live_events import SECRET, LiveEvent, Tills
from live_service import NO_ACCOUNT, free_port, settings_of
from restaurant_os.warehouse.duckdb import empty_file

#: As many requests wait for an answer at once.
CONNECTIONS = 64
EVENTS, ROUNDS = 6_000, 5
STEADY_PER_SECOND, STEADY_SECONDS = 1_000, 4
#: A disk that never stalls: memory, with the slow disk's wait for every fsync.
EVEN_DISK, EVEN_SECONDS = Path("/dev/shm"), 15  # noqa: S108
SLOW_MICROSECONDS = 2_000
LIVE_PER_SECOND, LIVE_SECONDS, LIVE_LOCATIONS = 300, 30, 1_000
#: Of an event of an order that lives; the others are the simulator's own, of about as many.
BYTES = 11_000
#: What the disk itself does: writes of so many bytes within a file of so many.
DISK_SECONDS, WRITTEN, DISK_BYTES = 6, 30_000, 32 << 20
SECONDS_TO_START = 30.0


@dataclass(frozen=True)
class Figures:
    """Requests a second by contestant in each round; milliseconds; seconds. Of the disk that never stalls: empty where there is none."""

    rates: dict[str, list[float]]
    steady_ms: list[list[float]]
    even_ms: list[float]
    disk_ms: list[float]
    slow_rates: dict[str, float]
    live_ms: list[float]
    lags: list[float]


def measure(folder: Path, *, quick: bool) -> Figures:
    folder.mkdir()
    disk = in_ms(disk_seconds(folder / "disk", 1 if quick else DISK_SECONDS))
    events, rounds, seconds = (600, 1, 2) if quick else (EVENTS, ROUNDS, STEADY_SECONDS)
    rates: dict[str, list[float]] = {"kept": [], "nothing": []}
    steady: list[list[float]] = []
    with server(folder / "kept", "kept") as kept, server(folder / "nothing", "nothing") as nothing:
        ports = {"kept": kept, "nothing": nothing}
        for number in range(rounds + 1):
            for how, port in ports.items():
                seen = load(folder, port, requests(events, seed=number), CONNECTIONS)
                if number:
                    rates[how].append(seen.rate)
        for number in range(rounds):
            seen = load(folder, kept, requests(STEADY_PER_SECOND * seconds, seed=100 + number), CONNECTIONS, STEADY_PER_SECOND)
            steady.append(in_ms(seen.seconds))
    slow: dict[str, float] = {}
    even: list[float] = []
    if shim := build(folder):
        for how in ("kept", "alone"):
            env = preloaded(shim, microseconds=SLOW_MICROSECONDS)
            with server(folder / f"slow-{how}", how, env) as port:
                seen = load(folder, port, requests(events // 4 or 1, seed=200), CONNECTIONS)
                slow[how] = seen.rate
        if EVEN_DISK.is_dir():
            even = at_an_even_disk(folder, preloaded(shim, microseconds=SLOW_MICROSECONDS), 2 if quick else EVEN_SECONDS)
    own = folder / "live"
    with server(own, "worker", locations=LIVE_LOCATIONS) as port:
        live = load(folder, port, live_requests(LIVE_PER_SECOND * (3 if quick else LIVE_SECONDS), seed=300), CONNECTIONS, LIVE_PER_SECOND)
        time.sleep(3)
    lags: list[float] = json.loads((own / "lags.json").read_text())
    return Figures(rates, steady, even, disk, slow, in_ms(live.seconds), lags)


def at_an_even_disk(folder: Path, env: dict[str, str], seconds: int) -> list[float]:
    """Milliseconds of answers at the steady rate: what the service itself adds, whatever the machine's disk does meanwhile."""
    with tempfile.TemporaryDirectory(dir=EVEN_DISK) as own, server(Path(own) / "even", "kept", env) as port:
        seen = load(folder, port, requests(STEADY_PER_SECOND * seconds, seed=250), CONNECTIONS, STEADY_PER_SECOND)
    return in_ms(seen.seconds)


def show(found: Figures, *, quick: bool) -> dict[str, float]:
    """Print it; the ratios and figures by name."""
    kept, nothing = (statistics.median(found.rates[how]) for how in ("kept", "nothing"))
    results = {
        "accept_vs_no_write": round(kept / nothing, 3),
        "accept_p99_ms": round(statistics.median(percentile(own, 99) for own in found.steady_ms), 1),
    }
    print(
        f"\nevents of {BYTES / 1000:.0f} KB accepted, {CONNECTIONS} connections: {kept:,.0f}/s on disk, {nothing:,.0f}/s without the write"
    )
    if found.slow_rates:
        results["accept_vs_commit_each_slow_disk"] = round(found.slow_rates["kept"] / found.slow_rates["alone"], 2)
        rates = ", ".join(f"{how} {rate:,.0f}/s" for how, rate in found.slow_rates.items())
        print(f"with 2 ms more for every fsync: {rates}")
    results["event_in_tables_p95_s"] = round(percentile(found.lags, 95), 3)
    print(f"at {STEADY_PER_SECOND:,}/s, in rounds of {STEADY_SECONDS} s: " + "; ".join(f"{spread(own)} ms" for own in found.steady_ms))
    if found.even_ms:
        results["accept_p99_even_disk_ms"] = round(percentile(found.even_ms, 99), 1)
        print(f"at {STEADY_PER_SECOND:,}/s where an fsync takes 2 ms and none stalls: {spread(found.even_ms)} ms")
    print(
        f"a write of 30 KB and its fdatasync on that disk, nothing else running: {spread(found.disk_ms)}, at most {max(found.disk_ms):.0f} ms"
    )
    print(
        f"{LIVE_PER_SECOND}/s over {LIVE_LOCATIONS:,} locations: answers {spread(found.live_ms)} ms; in the tables after {spread(found.lags)} s"
    )
    bars = {
        "accept_vs_no_write": ("at least", 0.55),
        "accept_p99_ms": ("under", 20),
        "accept_p99_even_disk_ms": ("under", 20),
        "accept_vs_commit_each_slow_disk": ("at least", 5),
        "event_in_tables_p95_s": ("at most", 1),
    }
    for name, value in results.items():
        sign, bar = bars[name]
        met = value >= bar if sign == "at least" else value <= bar
        print(f"{name:<34}{value:>8.2f}   bar: {sign} {bar}{'' if met or quick else ', MISSED'}")
    return results


def disk_seconds(file: Path, seconds: float) -> list[float]:
    """How long the disk takes to make a write safe that changes no file's length."""
    handle = os.open(file, os.O_RDWR | os.O_CREAT, 0o600)
    found: list[float] = []
    try:
        os.pwrite(handle, bytes(DISK_BYTES), 0)
        os.fsync(handle)
        give_up = time.perf_counter() + seconds
        while (began := time.perf_counter()) < give_up:
            os.pwrite(handle, os.urandom(WRITTEN), len(found) * WRITTEN % (DISK_BYTES - WRITTEN))
            os.fdatasync(handle)
            found.append(time.perf_counter() - began)
            time.sleep(0.004)
    finally:
        os.close(handle)
        file.unlink()
    return found


def spread(values: Sequence[float]) -> str:
    return ", ".join(f"p{share} {percentile(values, share):.3g}" for share in (50, 95, 99))


def percentile(values: Sequence[float], share: int) -> float:
    ordered = sorted(values)
    return ordered[min(len(ordered) - 1, len(ordered) * share // 100)]


def in_ms(seconds: Sequence[float]) -> list[float]:
    return [one * 1000 for one in seconds]


@cache
def simulated() -> list[bytes]:
    """Orders as Toast sends them."""
    pages = [page for shop in generate(locations=2, days=2).shops for page in shop.pages]
    return [bytes(order) for page in pages for order in msgspec.json.decode(page, type=list[msgspec.Raw])]


def requests(count: int, *, seed: int) -> list[bytes]:
    """Signed events of the simulator's orders, ready to be sent; each event's guid once."""
    orders = simulated()
    now = datetime.now(UTC)
    made = []
    for number in range(count):
        guid, at = str(uuid.UUID(int=(seed << 64) + number, version=4)), f"{now:%Y-%m-%dT%H:%M:%S}.000Z"
        kind = '"eventCategory":"order_updated","eventType":"order_updated"'
        head = f'{{"timestamp":"{at}",{kind},"guid":"{guid}","details":{{"restaurantGuid":"{guid}","order":'
        body = head.encode() + orders[number % len(orders)] + b"}}"
        event = LiveEvent(guid, guid, guid, 0, body, at)
        made.append(request("/webhooks/toast", body, event.headers()))
    return made


def live_requests(count: int, *, seed: int) -> list[bytes]:
    """Signed events of orders that live, of many locations."""
    now = datetime.now(UTC)
    tills = Tills(seed, location_guids(LIVE_LOCATIONS), (now - timedelta(hours=5)).date(), now, sizes=((BYTES, 1.0),))
    events = islice(tills.events(count * 2, duplicates=0, reordered=0, malformed=0), count)
    return [request("/webhooks/toast", event.body, event.headers()) for event in events]


def location_guids(count: int) -> list[str]:
    return [str(uuid.UUID(int=number, version=4)) for number in range(1, count + 1)]


def load(folder: Path, port: int, ready: Sequence[bytes], connections: int, per_second: int | None = None) -> Result:
    """What the generator saw."""
    file = folder / "requests"
    write_requests(file, ready)
    rate = [str(per_second)] if per_second else []
    command = [sys.executable, "-m", "benchmarks.load", str(port), str(file), str(connections), *rate]
    ended = subprocess.run(command, capture_output=True, cwd=Path(__file__).parents[1], check=False)
    assert ended.returncode == 0, ended.stderr.decode()[-2000:]
    found = Result(**json.loads(ended.stdout))
    assert not found.refused, f"answers other than 200: {found.refused}"
    return found


@contextmanager
def server(folder: Path, how: str, env: dict[str, str] | None = None, locations: int = 13) -> Iterator[int]:
    """The service in a process of its own; gives its port."""
    folder.mkdir(parents=True)
    guids = location_guids(locations)
    (folder / "restaurant-os.toml").write_text(settings_of(guids))
    (folder / "warehouse.duckdb").write_bytes(empty_file())
    port = free_port()
    command = [sys.executable, "-m", "benchmarks.accept_server", how, str(folder), str(port)]
    variables = {**os.environ, "TOAST_WEBHOOK_SECRETS": SECRET, **NO_ACCOUNT, **(env or {})}
    with (folder / "log").open("wb") as log:
        process = subprocess.Popen(command, env=variables, stdout=log, stderr=log, cwd=Path(__file__).parents[1])
    try:
        _await(port, process, folder / "log")
        yield port
    finally:
        process.terminate()
        process.wait(30)


def _await(port: int, process: subprocess.Popen[bytes], log: Path) -> None:
    give_up = time.monotonic() + SECONDS_TO_START
    while True:
        try:
            with urlopen(f"http://127.0.0.1:{port}/healthz", timeout=5):
                return
        except OSError:
            if process.poll() is not None or time.monotonic() > give_up:
                raise AssertionError(log.read_text()[-2000:]) from None
            time.sleep(0.05)

"""One process at a time; the threads of one have their turn together."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest

from fake_time import FakeClock
from restaurant_os.clock import SystemClock
from restaurant_os.errors import BusyError
from restaurant_os.turns import SharedTurns, turn


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "folder" / "one.lock"


@pytest.fixture
def taken(path: Path) -> Iterator[ExitStack]:
    """The turn, as another process has it until the stack is closed."""
    with ExitStack() as ends:
        ends.enter_context(turn(path, "theirs", clock=FakeClock(), wait_seconds=0))
        yield ends


def is_free(path: Path) -> bool:
    try:
        with turn(path, "a look", clock=FakeClock(), wait_seconds=0):
            return True
    except BusyError:
        return False


def test_the_first_takes_it_and_the_last_gives_it_back(path: Path) -> None:
    """However their times overlap; then it can be taken anew."""
    turns, clock = SharedTurns(), FakeClock()
    one, other = ExitStack(), ExitStack()

    for _ in range(2):
        one.enter_context(turns.turn(path, "a sync", clock=clock, wait_seconds=0))
        other.enter_context(turns.turn(path, "a sync", clock=clock, wait_seconds=0))
        held = [is_free(path)]
        one.close()
        held.append(is_free(path))
        other.close()
        held.append(is_free(path))
        assert held == [False, False, True]


def test_turns_of_different_names_are_apart(path: Path) -> None:
    turns, clock = SharedTurns(), FakeClock()
    with turns.turn(path, "a sync", clock=clock, wait_seconds=0):
        assert is_free(path.with_name("other.lock"))


def test_an_error_within_gives_it_back(path: Path) -> None:
    with pytest.raises(RuntimeError), SharedTurns().turn(path, "a sync", clock=FakeClock(), wait_seconds=0):
        raise RuntimeError

    assert is_free(path)


def test_whoever_waits_in_vain_hears_who_has_it_and_may_have_it_later(path: Path, taken: ExitStack) -> None:
    turns, clock = SharedTurns(), FakeClock()

    with (
        pytest.raises(BusyError, match=r"sync of North: process \d+ is doing it already; waited 5 s"),
        turns.turn(path, "sync of North", clock=clock, wait_seconds=5),
    ):
        raise AssertionError("it was taken")
    assert 5 <= clock.elapsed < 5.5
    taken.close()
    with turns.turn(path, "sync of North", clock=clock, wait_seconds=0):
        assert not is_free(path)
    assert is_free(path)


def test_threads_that_wait_together_give_up_together(path: Path, taken: ExitStack) -> None:
    """Three datasets of a location wait as long as one would, not one after another."""
    turns, clock = SharedTurns(), SystemClock()
    waited: list[float] = []

    def wait() -> None:
        began = clock.monotonic()
        with pytest.raises(BusyError), turns.turn(path, "a sync", clock=clock, wait_seconds=0.6):
            raise AssertionError("it was taken")
        waited.append(clock.monotonic() - began)

    threads = [threading.Thread(target=wait) for _ in range(3)]
    for one in threads:
        one.start()
    for one in threads:
        one.join()

    assert len(waited) == 3
    assert max(waited) < 1.2


def test_threads_share_it_and_no_other_has_it_meanwhile(path: Path) -> None:
    """Whoever looks while any of them is inside finds it taken."""
    turns, clock = SharedTurns(), SystemClock()
    inside, all_in = threading.Barrier(4), threading.Event()

    def work() -> None:
        with turns.turn(path, "a sync", clock=clock, wait_seconds=0):
            inside.wait(10)
            all_in.wait(10)

    threads = [threading.Thread(target=work) for _ in range(3)]
    for one in threads:
        one.start()
    inside.wait(10)
    held = is_free(path)
    all_in.set()
    for one in threads:
        one.join()

    assert (held, is_free(path)) == (False, True)

"""A replica that has ended on this machine is known to be dead, and no other."""

from __future__ import annotations

import subprocess
import sys

from restaurant_os.live.replicas import is_dead, new_name

NAME = "import restaurant_os.live.replicas as r; print(r.new_name())"


def test_a_living_replica_is_not_dead() -> None:
    """This process, by any name of its."""
    assert [is_dead(new_name()) for _ in range(2)] == [False, False]


def test_one_that_has_ended_is_dead() -> None:
    """A process that told its name and is gone."""
    name = subprocess.run([sys.executable, "-c", NAME], capture_output=True, text=True, check=True).stdout.strip()

    assert is_dead(name)


def test_nothing_is_known_of_one_elsewhere() -> None:
    """Nor of a name that is none of ours."""
    _, process, chance = new_name().rsplit("/", 2)

    assert [is_dead(name) for name in (f"another-host/99999999/{chance}", "", "x", "a/b/c", f"/{process}/{chance}")] == [False] * 5

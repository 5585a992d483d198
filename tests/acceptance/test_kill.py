"""A sync that is killed with SIGKILL and run again ends where an undisturbed one does."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import pytest

from killing import InCommit, Moment, after, halves, kill_at, left_behind, while_spilling
from restaurant_desk import Desk, desk
from toast_simulator import LAST_DAY, Toast, simulating
from warehouse_reading import daily_sales, ledger, orders

#: Each of the three restaurants is a commit of its own.
FIRST_DAY = LAST_DAY - timedelta(days=1)
SPAN = ("--from", FIRST_DAY.isoformat(), "--to", LAST_DAY.isoformat())


@pytest.fixture
def toast() -> Iterator[Toast]:
    with simulating(locations=3, days=2) as running:
        yield running


@pytest.mark.parametrize(
    "moment",
    [after(0.5), while_spilling(8), InCommit(4), InCommit(4, 0.03)],
    ids=["while it starts", "while pages wait for their commit", "as a commit begins", "within a commit"],
)
def test_a_killed_span_run_again_ends_like_an_undisturbed_one(tmp_path: Path, toast: Toast, moment: Moment) -> None:
    """Every table is equal, days and ledger agree at the instant of the kill, and nothing is left behind."""
    undisturbed = desk(tmp_path / "undisturbed", toast)
    undisturbed.sync(FIRST_DAY, LAST_DAY)
    disturbed = desk(tmp_path / "disturbed", toast)
    killed = kill_at(disturbed, moment, *SPAN)
    landed, said = halves(disturbed, tmp_path / "copy")
    again = disturbed.run("sync", "orders", *SPAN)

    assert killed.is_killed
    assert landed == said
    assert (again.returncode, left_behind(disturbed)) == (0, [])
    assert orders(disturbed.warehouse) == orders(undisturbed.warehouse)
    assert ledger(disturbed.warehouse) == ledger(undisturbed.warehouse)


def test_a_killed_sync_of_changes_run_again_loses_no_change(tmp_path: Path) -> None:
    """The mark moves only with the data: what was read and not committed is asked again."""
    with simulating(locations=2, days=1) as toast:
        toast.advance(timedelta(minutes=1))
        undisturbed = desk(tmp_path / "undisturbed", toast)
        undisturbed.sync(LAST_DAY, LAST_DAY + timedelta(days=9))
        toast.advance(timedelta(days=1))
        disturbed = copy_of(undisturbed, "disturbed")
        undisturbed.sync()
        killed = kill_at(disturbed, InCommit(2))
        again = disturbed.run("sync", "orders")

        assert killed.is_killed
        assert (again.returncode, left_behind(disturbed)) == (0, [])
        assert orders(disturbed.warehouse) == orders(undisturbed.warehouse)
        assert daily_sales(disturbed.warehouse) == toast.books()


def copy_of(group: Desk, name: str) -> Desk:
    """The same settings and warehouse in another folder."""
    shutil.copytree(group.folder, group.folder.with_name(name))
    return replace(group, folder=group.folder.with_name(name))

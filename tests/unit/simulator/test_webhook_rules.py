"""When an event is sent, sent again, and not sent: by a clock turned by hand and a receiver that is a function."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

import pytest

from restaurant_os.simulator.envelopes import Event, Subscription
from restaurant_os.simulator.postman import Answer
from restaurant_os.simulator.sending import Customer, Sending

NOW = datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC)
GOOD = Answer(200)


@dataclass
class Desk:
    """A sender with one subscription, whose receiver gives `answers` in turn and then `always`."""

    answers: list[Answer] = field(default_factory=list)
    always: Answer = GOOD
    sent: list[tuple[float, str, str]] = field(default_factory=list)  #: when, the event's guid, the attempt

    def __post_init__(self) -> None:
        self.sending = Sending(self._post, lambda: "now")
        self.customer = Customer(Subscription("one", "http://127.0.0.1:1/", "menus", "s"))
        self.sending.customers["one"] = self.customer

    async def _post(self, url: str, headers: Mapping[str, str], body: bytes) -> Answer:
        self.sent.append((self.sending.now, json.loads(body)["guid"], headers["Toast-Attempt-Number"]))
        return self.answers.pop(0) if self.answers else self.always

    def add(self, *guids: str, due: float | None = None) -> None:
        for guid in guids:
            self.sending.add(self.customer, event(guid), self.sending.now if due is None else due)

    def at(self, *seconds: float) -> None:
        """Let the clock stand at each of these seconds, and all that is due be done."""

        async def live() -> None:
            for now in seconds:
                self.sending.now = now
                await self.sending.settled()

        asyncio.run(live())

    def counts(self) -> dict[str, int]:
        return {name: self.customer.counts[name] for name in ("attempts", "resends", "delivered", "failed", "withheld")}


def event(guid: str) -> Event:
    return Event(guid, "menus", "menus_updated", "r", None, NOW, NOW, NOW, dict)


def answer(status: int | None) -> Answer:
    return Answer(status, "" if status else "timeout")


@pytest.mark.parametrize("status", [None, 404, 429, 500, 503])
def test_what_fails_is_sent_again_after_five_and_ten_more_minutes_and_then_given_up(status: int | None) -> None:
    desk = Desk(always=answer(status))
    desk.add("a")

    desk.at(0, 299.9, 300, 899.9, 900, 10_000)

    assert desk.sent == [(0, "a", "1"), (300, "a", "2"), (900, "a", "3")]
    assert desk.counts() == {"attempts": 3, "resends": 2, "delivered": 0, "failed": 1, "withheld": 0}
    assert desk.sending.waiting == 0


@pytest.mark.parametrize("status", [301, 302, 307, 308, 400, 401, 403, 410, 413, 422])
def test_a_redirect_and_any_other_refusal_are_final(status: int) -> None:
    desk = Desk(always=answer(status))
    desk.add("a")

    desk.at(0, 10_000)

    assert desk.sent == [(0, "a", "1")]
    assert desk.counts() == {"attempts": 1, "resends": 0, "delivered": 0, "failed": 1, "withheld": 0}


@pytest.mark.parametrize("status", [200, 201, 202, 204, 299])
def test_every_2xx_is_good(status: int) -> None:
    desk = Desk(always=answer(status))
    desk.add("a")

    desk.at(0, 10_000)

    assert desk.counts() == {"attempts": 1, "resends": 0, "delivered": 1, "failed": 0, "withheld": 0}


def test_a_resend_that_is_answered_ends_it() -> None:
    desk = Desk(answers=[answer(500)])
    desk.add("a")

    desk.at(0, 300, 10_000)

    assert desk.sent == [(0, "a", "1"), (300, "a", "2")]
    assert desk.counts() == {"attempts": 2, "resends": 1, "delivered": 1, "failed": 0, "withheld": 0}


def test_after_fifty_errors_within_five_minutes_it_pauses_for_one() -> None:
    desk = Desk(always=answer(400))
    desk.add(*[f"e{n}" for n in range(49)])
    desk.at(0)
    before = desk.customer.health.status(0)
    desk.add("last")
    desk.at(10)
    desk.add("in the pause")
    desk.at(69.9)
    desk.add("after it", due=70)
    desk.always = GOOD
    desk.at(70)

    assert before == "active"
    assert [guid for _, guid, _ in desk.sent[49:]] == ["last", "after it"]
    assert desk.counts()["withheld"] == 1
    assert [notice["notice"] for notice in desk.sending.notices] == ["paused"]


def test_errors_five_minutes_apart_do_not_add_up() -> None:
    desk = Desk(always=answer(400))
    desk.add(*[f"e{n}" for n in range(49)])
    desk.at(0)
    desk.add(*[f"f{n}" for n in range(49)], due=300)
    desk.at(300)

    assert desk.customer.health.status(300) == "active"
    assert desk.counts()["attempts"] == 98


def test_a_resend_that_falls_into_a_pause_is_not_made() -> None:
    desk = Desk(answers=[answer(500)], always=answer(400))
    desk.add("a")
    desk.at(0)
    desk.add(*[f"e{n}" for n in range(50)], due=290)
    desk.at(290, 300, 400)

    assert [sent for sent in desk.sent if sent[1] == "a"] == [(0, "a", "1")]
    assert desk.counts()["withheld"] == 1


def stopped() -> Desk:
    desk = Desk(always=answer(400))
    for nth in range(9):
        desk.add(*[f"{nth}.{n}" for n in range(50)], due=nth * 61)
        desk.at(nth * 61)
    return desk


def test_nine_pauses_within_ten_minutes_stop_it_until_it_is_restarted() -> None:
    desk = stopped()
    desk.add("never", due=5_000)
    desk.at(5_000)
    status, notices = desk.customer.health.status(5_000), [str(notice["notice"]) for notice in desk.sending.notices]
    desk.always = GOOD
    desk.customer.health.restart()
    desk.add("again")
    desk.at(5_000)

    assert [status, *notices] == ["stopped", *["paused"] * 8, "stopped"]
    assert desk.sent[-1] == (5_000.0, "again", "1")
    assert desk.counts() == {"attempts": 451, "resends": 0, "delivered": 1, "failed": 450, "withheld": 1}


def test_pauses_spread_over_more_than_ten_minutes_do_not_stop_it() -> None:
    desk = Desk(always=answer(400))
    for nth in range(12):
        desk.add(*[f"{nth}.{n}" for n in range(50)], due=nth * 80)
        desk.at(nth * 80)

    assert desk.customer.health.status(12 * 80) == "active"
    assert len(desk.sending.notices) == 12


def test_another_subscription_goes_on_while_one_is_stopped() -> None:
    desk = stopped()
    other = Customer(Subscription("two", "http://127.0.0.1:2/", "menus", "s"))
    desk.sending.customers["two"] = other
    desk.always = GOOD
    desk.sending.add(other, event("b"), desk.sending.now)
    desk.at(600)

    assert other.counts == {"attempts": 1, "resends": 0, "delivered": 1}


def test_what_is_due_while_sending_is_off_is_never_sent_even_when_the_clock_leaps_over_it() -> None:
    desk = Desk()
    desk.sending.off.begins, desk.sending.off.ends = 100, 200
    desk.add("before", due=99)
    desk.add("in it", due=150)
    desk.add("after it", due=200)
    desk.at(1_000)

    assert [guid for _, guid, _ in desk.sent] == ["before", "after it"]
    assert desk.counts()["withheld"] == 1


def test_a_deleted_subscription_is_sent_nothing_more() -> None:
    desk = Desk(answers=[answer(500)])
    desk.add("a")
    desk.at(0)
    desk.sending.remove("one")
    desk.at(300)

    assert desk.sent == [(0, "a", "1")]
    assert desk.sending.totals()["attempts"] == 1


def test_at_most_sixteen_are_under_way_at_once() -> None:
    most, under_way = 0, 0

    async def slow(url: str, headers: Mapping[str, str], body: bytes) -> Answer:
        nonlocal most, under_way
        under_way += 1
        most = max(most, under_way)
        await asyncio.sleep(0)
        under_way -= 1
        return GOOD

    desk = Desk()
    desk.sending._post = slow
    desk.add(*[f"e{n}" for n in range(100)])
    desk.at(0)

    assert (most, desk.counts()["delivered"]) == (16, 100)


def test_a_fault_of_ours_is_raised_and_not_swallowed() -> None:
    async def broken(url: str, headers: Mapping[str, str], body: bytes) -> Answer:
        raise ZeroDivisionError

    desk = Desk()
    desk.sending._post = broken
    desk.add("a")

    with pytest.raises(ZeroDivisionError):
        desk.at(0)


def test_the_log_says_what_every_attempt_came_to() -> None:
    desk = Desk(answers=[answer(None), answer(200)])
    desk.add("a")
    desk.at(0, 300)

    shown: list[dict[str, Any]] = [{name: row[name] for name in ("n", "guid", "attempt", "answer", "outcome")} for row in desk.sending.log]
    assert shown == [
        {"n": 1, "guid": "a", "attempt": 1, "answer": "timeout", "outcome": "to be resent"},
        {"n": 2, "guid": "a", "attempt": 2, "answer": 200, "outcome": "delivered"},
    ]

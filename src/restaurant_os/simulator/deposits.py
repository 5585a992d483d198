"""The bank deposits for one business day: made the morning after, late, in two parts, corrected, or never."""

from __future__ import annotations

from collections.abc import Callable

from restaurant_os.simulator.businessdays import MINUTE
from restaurant_os.simulator.cash import Deposit, TillDay
from restaurant_os.simulator.catalog import Ref
from restaurant_os.simulator.dice import Dice, Weighted

Expected = Callable[[int], int]  #: the cash that the books of the day say there is, as they stand at an instant (ms)

_COURSES = Weighted([("plain", 78.0), ("two parts", 6.0), ("corrected", 6.0), ("undo undone", 2.0), ("late", 4.0), ("none", 4.0)])


class Depositor:
    """Plans the deposits of one day before anything is counted, so that chance does not depend on how much there is."""

    def __init__(self, day: TillDay, seed: int) -> None:
        self.day = day
        self.dice = Dice(f"{seed}/deposits/{day.shop.restaurant.index}/{day.ordinal}")
        self.course = _COURSES.draw(self.dice)
        morning = 3 if self.course == "late" else 1
        self.made = day.at(9, 20, days=morning) + self.dice.upto(100 * MINUTE)
        self._off_by = self.dice.pick((-1, 1)) * self.dice.pick((1, 25, 100, 500, 2_000)) if self.dice.chance(0.2) else 0

    def deposits(self, expected: Expected) -> list[Deposit]:
        """What is deposited in the end, in the order in which it is made."""
        if self.course == "none":
            return []
        amount = expected(self.made) + self._off_by
        if amount <= 0:
            return []  # nothing to take to the bank
        match self.course:
            case "two parts":
                first = amount * self.dice.between(30, 70) // 100
                return self._in_two(first, amount - first)
            case "corrected":
                return self._corrected(amount)
            case "undo undone":
                return self._undo_undone(amount)
            case _:
                return [self._make(amount, 0)]

    def _make(self, amount: int, minutes: int, undoes: str | None = None) -> Deposit:
        dice = self.dice
        employee: Ref | None = dice.pick(self.day.shop.managers)
        guid = dice.guid()
        return Deposit(guid, amount, self.made + minutes * MINUTE, None if dice.chance(0.02) else employee, undoes)

    def _in_two(self, first: int, second: int) -> list[Deposit]:
        parts = [self._make(first, 0), self._make(second, self.dice.between(5, 400))]
        return [deposit for deposit in parts if deposit.amount > 0]

    def _corrected(self, amount: int) -> list[Deposit]:
        """Typed wrong, undone, and made again; some of that only the day after."""
        wrong = self._make(max(amount + self.dice.pick((-9_000, 9_000, 27_000, 45)), 1), 0)
        minutes = self.dice.between(3, 90) + (24 * 60 if self.dice.chance(0.3) else 0)
        return [wrong, self._make(wrong.amount, minutes, wrong.guid), self._make(amount, minutes + self.dice.between(1, 40))]

    def _undo_undone(self, amount: int) -> list[Deposit]:
        """Undone by mistake, and that undone too: the first stands after all."""
        first = self._make(amount, 0)
        undo = self._make(amount, self.dice.between(3, 60), first.guid)
        return [first, undo, self._make(amount, 60 + self.dice.between(1, 60), undo.guid)]

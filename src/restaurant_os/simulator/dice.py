"""Chance, seeded: every draw of the simulated world comes from here.

Only `random()` and `getrandbits()` are used, which give the same numbers on every Python version for the same seed.
"""

from __future__ import annotations

from bisect import bisect
from collections.abc import Iterable, Sequence
from itertools import accumulate
from random import Random
from typing import Generic, TypeVar

T = TypeVar("T")


class Dice(Random):
    """A random generator with the few quick draws the world needs."""

    def upto(self, n: int) -> int:
        """An integer in [0, n)."""
        return int(self.random() * n)

    def between(self, low: int, high: int) -> int:
        """An integer in [low, high], both ends included."""
        return low + int(self.random() * (high - low + 1))

    def chance(self, share: float) -> bool:
        """True in this share (0 to 1) of the draws."""
        return self.random() < share

    def pick(self, options: Sequence[T]) -> T:
        return options[int(self.random() * len(options))]

    def guid(self) -> str:
        """A string in the shape of a version 4 UUID."""
        h = f"{self.getrandbits(128):032x}"
        return f"{h[:8]}-{h[8:12]}-4{h[13:16]}-{'89ab'[int(h[16], 16) & 3]}{h[17:20]}-{h[20:]}"


class Weighted(Generic[T]):
    """A table of options with weights, drawn from in logarithmic time."""

    def __init__(self, options: Iterable[tuple[T, float]]) -> None:
        rows = list(options)
        self.options = [option for option, _ in rows]
        self._edges = list(accumulate(weight for _, weight in rows))

    def draw(self, dice: Random) -> T:
        return self.options[bisect(self._edges, dice.random() * self._edges[-1])]

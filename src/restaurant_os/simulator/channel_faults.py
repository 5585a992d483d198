"""What goes wrong at a channel when it is told to, and how much a channel takes at once."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal

from restaurant_os.simulator.errors import OptionError

Channel = Literal["slack", "slack-bot", "discord"]
CHANNELS: tuple[Channel, ...] = ("slack", "slack-bot", "discord")
FAULTS = ("429", "500", "404", "slow", "cut", "redirect")
_LONGEST = 366 * 24 * 60 * 60.0


@dataclass(slots=True)
class ChannelFault:
    """What goes wrong at a channel, for so many calls or until an instant of real time (epoch seconds)."""

    channel: Channel
    kind: str
    times: int | None = None
    until: float | None = None
    seconds: float = 1.0  #: the Retry-After of a 429, or how long an answer is held
    happened: int = 0

    def is_over(self, now: float) -> bool:
        return (self.times is not None and self.happened >= self.times) or (self.until is not None and now >= self.until)


def fault_of(asked: Mapping[str, object], now: float) -> ChannelFault:
    """A fault from JSON.

    Raises:
        OptionError: it is none.
    """
    known = ("channel", "kind", "times", "for_seconds", "seconds")
    if unknown := sorted(set(asked) - set(known)):
        raise OptionError(f"unknown {unknown[0]}; known are {', '.join(known)}")
    channel, kind, times = asked.get("channel"), str(asked.get("kind")), asked.get("times")
    if channel not in CHANNELS:
        raise OptionError(f"channel must be one of {', '.join(CHANNELS)}, not '{channel}'")
    if kind not in FAULTS:
        raise OptionError(f"kind must be one of {', '.join(FAULTS)}, not '{kind}'")
    if times is not None and (isinstance(times, bool) or not isinstance(times, int) or times < 1):
        raise OptionError("times must be a whole number from 1")
    lasts, seconds = _seconds(asked, "for_seconds"), _seconds(asked, "seconds")
    own = next(own for own in CHANNELS if own == channel)
    return ChannelFault(own, kind, times, None if lasts is None else now + lasts, 1.0 if seconds is None else seconds)


def _seconds(asked: Mapping[str, object], name: str) -> float | None:
    value = asked.get(name)
    if value is not None and (isinstance(value, bool) or not isinstance(value, int | float) or not 0 <= value <= _LONGEST):
        raise OptionError(f"{name} must be a number from 0 to {_LONGEST:.0f}")
    return None if value is None else float(value)


class Bucket:
    """So many at once, and so many a second."""

    def __init__(self, most: float, a_second: float) -> None:
        self.most, self._a_second = most, a_second
        self._left: dict[str, tuple[float, float]] = {}

    def take(self, who: str, now: float) -> float:
        """Seconds until the next one may come; 0: this one may."""
        left, at = self._left.get(who, (self.most, now))
        left = min(self.most, left + max(0.0, now - at) * self._a_second)
        if left < 1:
            self._left[who] = left, now
            return (1 - left) / self._a_second
        self._left[who] = left - 1, now
        return 0.0

    def left(self, who: str) -> int:
        return int(self._left.get(who, (self.most, 0.0))[0])

    def full_after(self, who: str) -> float:
        """Seconds until all may come at once again."""
        return (self.most - self._left.get(who, (self.most, 0.0))[0]) / self._a_second

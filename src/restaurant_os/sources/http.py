"""One HTTP call: sent, retried while that may help, its failures put in our words.

What may succeed later (429, 5xx, a time-out, a cut body) is tried again with growing waits, or after the wait the API
names. What will not (400, 403, 404) fails at once.
"""

from __future__ import annotations

import random
import threading
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from email.utils import parsedate_to_datetime
from typing import TypeVar

import httpx
import tenacity

from restaurant_os import __version__
from restaurant_os.clock import Clock
from restaurant_os.errors import RetryableError
from restaurant_os.text import printable

T = TypeVar("T")
#: A wait the API names is obeyed up to here; its longest window is 15 minutes (Toast: apiRateLimiting).
LONGEST_NAMED_WAIT = 900.0
#: Attempts at a server that never answered yet.
FIRST_ATTEMPTS = 4


@dataclass(frozen=True, slots=True)
class RetryPolicy:
    """`attempts` in all; the wait doubles from `first_wait` to `longest_wait` seconds, with up to a quarter of chance added."""

    attempts: int = 8
    first_wait: float = 0.5
    longest_wait: float = 60.0

    def wait(self, attempt: int, error: RetryableError) -> float:
        """Seconds to wait after the `attempt`-th failure, counted from 1."""
        grown: float = min(self.first_wait * 2 ** (attempt - 1), self.longest_wait) * random.uniform(1.0, 1.25)
        if error.retry_after is None:
            return grown
        return min(max(error.retry_after, 0.05), LONGEST_NAMED_WAIT) + random.uniform(0.0, 0.25)


class Http:
    """An httpx client that knows what the server's clock says.

    Records are stamped by the server's clock, and a window must not end in its future: `now()` is our clock moved by the least
    that the server was ever seen ahead of it, so that an answer whose clock jumps forward moves nothing.
    """

    def __init__(
        self,
        base_url: str,
        clock: Clock,
        *,
        timeout: float,
        transport: httpx.BaseTransport | None = None,
        named_by: str = "`[toast] base_url`",
    ) -> None:
        self.clock = clock
        self.base_url = base_url
        #: Where a person wrote the address.
        self.named_by = named_by
        #: Server time less ours, the least seen since it was last learnt; None before the first answer that told it.
        self.skew: timedelta | None = None
        #: The same by the last answer alone.
        self.last_skew: timedelta | None = None
        self.has_answered = False
        self._lock = threading.Lock()
        self._client = httpx.Client(
            base_url=base_url,
            timeout=httpx.Timeout(timeout, connect=min(timeout, 10.0)),
            transport=transport,
            headers={"User-Agent": f"restaurant-os/{__version__}"},
            limits=httpx.Limits(max_connections=64, max_keepalive_connections=32),
        )

    def now(self) -> datetime:
        return self.served(self.clock.now())

    def served(self, ours: datetime) -> datetime:
        """An instant of our clock on the server's, by what is known of it now."""
        return ours + (self.skew or timedelta(0))

    def send(self, method: str, path: str, **options: object) -> httpx.Response:
        """One exchange, whatever the status.

        Raises:
            RetryableError: no whole answer came.
        """
        try:
            response = self._client.request(method, path, **options)  # type: ignore[arg-type]
        except (httpx.TimeoutException, httpx.NetworkError, httpx.RemoteProtocolError, httpx.DecodingError) as problem:
            raise RetryableError(
                f"{method} {self.base_url}{path}: no whole answer ({type(problem).__name__}: {printable(problem, 160)}).",
                next_step=f"Check the network and the address {self.named_by}; then run the command again: what is in stays in.",
            ) from None
        except httpx.UnsupportedProtocol as problem:
            raise RetryableError(
                f"{method} {self.base_url}{path}: {printable(problem, 160)}.", next_step=f"Check {self.named_by}."
            ) from None
        self.has_answered = True
        self._note_clock(response)
        return response

    def _note_clock(self, response: httpx.Response) -> None:
        try:
            served = parsedate_to_datetime(response.headers["date"]).astimezone(UTC)
        except (KeyError, ValueError, TypeError):
            return
        with self._lock:
            skew = self.last_skew = served - self.clock.now()
            self.skew = skew if self.skew is None else min(self.skew, skew)

    def go_by(self, skews: Sequence[timedelta | None]) -> None:
        """Forget what was seen of the clock before these."""
        told = [skew for skew in skews if skew is not None]
        if told:
            with self._lock:
                self.skew = min(told)

    def close(self) -> None:
        self._client.close()


def retried(call: Callable[[], T], policy: RetryPolicy, http: Http, on_wait: Callable[[RetryableError, float], None]) -> T:
    """`call()`, repeated after every RetryableError until it succeeds or the policy's attempts are used up.

    A server that never answered is given up sooner: its address is probably wrong.
    """

    def wait(state: tenacity.RetryCallState) -> float:
        error = state.outcome.exception() if state.outcome else None
        return policy.wait(state.attempt_number, error) if isinstance(error, RetryableError) else 0.0

    def before_sleep(state: tenacity.RetryCallState) -> None:
        error = state.outcome.exception() if state.outcome else None
        if isinstance(error, RetryableError):
            on_wait(error, state.upcoming_sleep)

    retrying = tenacity.Retrying(
        retry=tenacity.retry_if_exception_type(RetryableError),
        stop=lambda state: state.attempt_number >= (policy.attempts if http.has_answered else min(policy.attempts, FIRST_ATTEMPTS)),
        wait=wait,
        sleep=http.clock.sleep,
        before_sleep=before_sleep,
        reraise=True,
    )
    return retrying(call)

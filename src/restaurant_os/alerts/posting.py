"""One call to a channel's address, and what its failures mean. The address is a secret: no error and no log holds more of it than its host."""

from __future__ import annotations

import json
import logging
import time
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from typing import Any

import httpx

from restaurant_os import __version__
from restaurant_os.errors import DeadChannelError, InDoubtError, RateLimitedError, RequestError, RestaurantOSError, RetryableError

#: Seconds for each step of a call, and for all of its answer.
STEP_SECONDS, ANSWER_SECONDS = 10.0, 20.0
#: An answer says little; of a longer one the rest is not read.
MOST_BYTES = 64 << 10
#: A wait that a channel names is obeyed up to here: later it is asked again.
LONGEST_WAIT = 3600.0
#: Such a status is the address's fault, and of every message that would go there.
DEAD = frozenset({301, 302, 303, 307, 308, 401, 403, 404, 405, 410})

for _name in ("httpx", "httpcore"):  # they log whole addresses
    logging.getLogger(_name).setLevel(logging.WARNING)


@dataclass(frozen=True, slots=True)
class Answer:
    status: int
    headers: httpx.Headers
    body: bytes

    @property
    def document(self) -> dict[str, Any]:
        """The JSON object that it is; {} where it is none."""
        with suppress(ValueError, RecursionError):
            found = json.loads(self.body)
            return found if isinstance(found, dict) else {}
        return {}

    def seconds(self, header: str) -> float | None:
        """A wait named by a header, in seconds or as a date; None: none that can be read."""
        text = self.headers.get(header, "").strip()
        with suppress(ValueError):
            return _bounded(float(text))
        with suppress(ValueError, TypeError):
            return _bounded((parsedate_to_datetime(text).astimezone(UTC) - datetime.now(UTC)).total_seconds())
        return None


def _bounded(seconds: float) -> float | None:
    return min(max(seconds, 0.0), LONGEST_WAIT) if seconds == seconds else None


class Caller:
    """Calls one host. `channel`: as an error calls it; `set_by`: where its address is set."""

    def __init__(self, channel: str, set_by: str, *, transport: httpx.BaseTransport | None = None) -> None:
        self.channel = channel
        self.set_by = set_by
        self._client = httpx.Client(
            timeout=STEP_SECONDS,
            transport=transport,
            follow_redirects=False,
            headers={"User-Agent": f"restaurant-os/{__version__}", "Accept-Encoding": "identity"},
            # a connection that was kept may be dead, and what is lost on it is in doubt
            limits=httpx.Limits(max_connections=4, max_keepalive_connections=0),
        )

    def call(
        self,
        method: str,
        url: str | httpx.URL,
        body: object = None,
        *,
        headers: Mapping[str, str] | None = None,
        most_bytes: int = MOST_BYTES,
    ) -> Answer:
        """One exchange, whatever the status.

        Raises:
            RetryableError: it cannot be reached; nothing was sent.
            InDoubtError: it was sent, and no whole answer came in time.
        """
        content = None if body is None else json.dumps(body, ensure_ascii=False).encode("utf-8", "replace")
        own = {**({} if body is None else {"Content-Type": "application/json; charset=utf-8"}), **(headers or {})}
        until = time.monotonic() + ANSWER_SECONDS
        try:
            with self._client.stream(method, url, content=content, headers=own) as response:
                received = b""
                for chunk in response.iter_bytes():
                    received += chunk
                    if len(received) > most_bytes:
                        break
                    if time.monotonic() > until:
                        raise httpx.ReadTimeout("the answer does not end")
                return Answer(response.status_code, response.headers, received[:most_bytes])
        except (httpx.ConnectError, httpx.ConnectTimeout, httpx.PoolTimeout, httpx.ProxyError) as problem:
            raise RetryableError(
                f"{self.channel}: it cannot be reached ({type(problem).__name__}); nothing was sent.",
                next_step=f"It is tried again. Check the network and {self.set_by}.",
            ) from None
        except (httpx.UnsupportedProtocol, httpx.InvalidURL):
            raise DeadChannelError(f"{self.channel}: its address is no URL.", next_step=f"Correct {self.set_by}.") from None
        except httpx.HTTPError as problem:
            raise InDoubtError(
                f"{self.channel}: no whole answer came ({type(problem).__name__}); whether the message arrived is not known.",
                next_step="It is tried again, marked as a possible repeat.",
            ) from None

    def refusal(self, answer: Answer, words: str = "", wait: float | None = None) -> RestaurantOSError:
        """What a status that is no success means. `words`: the channel's own, without secrets; `wait`: in seconds, as its answer names it."""
        said = f"{self.channel}: it answered {answer.status}{f' ({words})' if words else ''}"
        if answer.status == 429:
            named = [one for one in (answer.seconds("retry-after"), None if wait is None else _bounded(wait)) if one is not None]
            return RateLimitedError(f"{said}; too many messages.", next_step="It is tried again.", retry_after=max(named, default=None))
        if answer.status == 504:
            return InDoubtError(
                f"{said}; whether the message arrived is not known.", next_step="It is tried again, marked as a possible repeat."
            )
        if answer.status >= 500 or answer.status in (408, 425):
            return RetryableError(f"{said}.", next_step="It is tried again.", retry_after=answer.seconds("retry-after"))
        if answer.status in DEAD:
            return self.dead(f"{said}{'; a redirect is not followed' if answer.status < 400 else ''}.")
        return RequestError(f"{said}; this message is refused.", next_step="Other messages go on.", status=answer.status)

    def dead(self, said: str) -> DeadChannelError:
        return DeadChannelError(said, next_step=f"Nothing is sent there any more. Make a new address and put it into {self.set_by}.")

"""What the service answers when it refuses: one shape for every status, with the next step."""

from __future__ import annotations

import json
import math
from collections.abc import Mapping
from typing import Any

from restaurant_os.errors import (
    FullError,
    LockedError,
    OperationsError,
    RestaurantOSError,
    RetryableError,
    UsageError,
)
from restaurant_os.text import printable

Headers = list[tuple[bytes, bytes]]
#: Seconds after which to try again: a store that cannot be written, a warehouse that another process holds, and any other trouble with it.
STORE_AGAIN, HELD_AGAIN, WAREHOUSE_AGAIN = 5.0, 2.0, 30.0
#: The longest text of an answer that may come from outside.
MOST_CHARACTERS = 500


class AnswerError(RestaurantOSError):
    """An answer that is no success. `field`: what of the request is wrong. `retry_after`: in seconds. `closes`: no more is read of the
    connection."""

    def __init__(
        self,
        status: int,
        message: str,
        next_step: str,
        *,
        field: str | None = None,
        retry_after: float | None = None,
        headers: Mapping[str, str] | None = None,
        closes: bool = False,
    ) -> None:
        super().__init__(message, next_step=next_step)
        self.status = status
        self.field = field
        self.retry_after = retry_after
        self.headers = headers or {}
        self.closes = closes

    @property
    def document(self) -> dict[str, Any]:
        """The body, as it is and as the OpenAPI document shows it."""
        message, next_step = (printable(text, MOST_CHARACTERS) for text in (self.message, self.next_step))
        return {"error": {"message": message, "next_step": next_step, "field": self.field}}

    @property
    def body(self) -> bytes:
        return as_json(self.document)

    @property
    def all_headers(self) -> Headers:
        """With the body's length, so that the connection may go on."""
        found = dict(self.headers)
        if self.retry_after is not None:
            found["Retry-After"] = str(max(1, math.ceil(self.retry_after)))
        if self.closes:
            found["Connection"] = "close"
        return json_headers(self.body) + [(name.lower().encode(), value.encode()) for name, value in found.items()]


def as_json(document: object) -> bytes:
    """Text that cannot be UTF-8 (half of a surrogate pair) is written with an escape."""
    return json.dumps(document, ensure_ascii=True, separators=(",", ":")).encode()


def json_headers(body: bytes) -> Headers:
    """What every answer in JSON carries: it is nobody's to keep or to guess at."""
    return [
        (b"content-type", b"application/json"),
        (b"content-length", str(len(body)).encode()),
        (b"cache-control", b"no-store"),
        (b"x-content-type-options", b"nosniff"),
    ]


def answer_of(problem: RestaurantOSError) -> AnswerError:
    """The answer that an error of ours amounts to."""
    if isinstance(problem, AnswerError):
        return problem
    if isinstance(problem, UsageError):
        return AnswerError(422, problem.message, problem.next_step)
    if isinstance(problem, FullError):
        return unavailable(problem, problem.retry_after or STORE_AGAIN)
    if isinstance(problem, (OperationsError, RetryableError)):
        return unavailable(problem, STORE_AGAIN)
    return unavailable(problem, HELD_AGAIN if isinstance(problem, LockedError) else WAREHOUSE_AGAIN)


def unavailable(problem: RestaurantOSError, retry_after: float) -> AnswerError:
    return AnswerError(503, problem.message, problem.next_step, retry_after=retry_after)


# --- what the gate refuses, one function for each, so that the OpenAPI document shows what is sent ---------------------


def no_key() -> AnswerError:
    return AnswerError(
        401,
        "no valid key came with this request.",
        "Make one with `restaurant-os keys create` and send it as `Authorization: Bearer KEY` or `X-API-Key: KEY`.",
        headers={"WWW-Authenticate": "Bearer"},
    )


def not_a_trial(why: str) -> AnswerError:
    return AnswerError(
        401,
        f"no key came with this request, and the trial without one is only for this machine itself: {why}.",
        "Make a key with `restaurant-os keys create` and send it as `Authorization: Bearer KEY`, or ask http://127.0.0.1 directly.",
        headers={"WWW-Authenticate": "Bearer"},
    )


def wrong_scope(wanted: str) -> AnswerError:
    return AnswerError(
        403, f"this key has no scope {wanted}.", f"Make one that has: `restaurant-os keys create --name NAME --scope {wanted}`."
    )


def keys_unknown() -> AnswerError:
    return AnswerError(
        503,
        "the keys cannot be read at the moment, so nobody is let in.",
        "Try again; if it stays so, `restaurant-os keys list` on the server says why.",
        retry_after=STORE_AGAIN,
    )


def no_route() -> AnswerError:
    return AnswerError(404, "there is no such address.", "GET /docs lists those there are.")


def wrong_method(allowed: str) -> AnswerError:
    return AnswerError(405, f"this address answers {allowed} alone.", f"Send it with {allowed}.", headers={"Allow": allowed})


def slow() -> AnswerError:
    return AnswerError(408, "the body took longer than 10 s to come.", "Send it again, faster.", closes=True)


def too_large(most: int, *, is_polled: bool = False) -> AnswerError:
    step = "Send less." if not is_polled else "Nothing is lost: the orders that changed are asked from Toast soon."
    return AnswerError(413, f"the body is over {most:,} bytes.", step)


def not_json() -> AnswerError:
    return AnswerError(415, "the body is not said to be JSON.", "Send it with `Content-Type: application/json`.")


def compressed() -> AnswerError:
    return AnswerError(415, "the body is compressed.", "Send it as it is, without `Content-Encoding`.")


def busy() -> AnswerError:
    return AnswerError(503, "too much is asked at once.", "Try again in a moment.", retry_after=1)


def stopping() -> AnswerError:
    return AnswerError(503, "the service is stopping.", "Try again when it has started again.", retry_after=STORE_AGAIN, closes=True)


def fault() -> AnswerError:
    return AnswerError(500, "a fault of this program.", "Look into its log.")

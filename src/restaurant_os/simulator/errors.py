"""Errors: what a caller of the API gets, and what a person who starts the simulator gets."""

from __future__ import annotations

from collections.abc import Mapping

import msgspec

#: The codes Toast documents. Others are not published, so an error without one here carries 0.
BAD_REQUEST_CODE = 10025
UNKNOWN_PATH_CODE = 10003


class OptionError(ValueError):
    """An option, a clients file or a faults setting that cannot be used. The message is one line, for a person."""


class ToastError(Exception):
    """Ends a request with Toast's error object. `message` is what a client may show; `hint` becomes developerMessage."""

    def __init__(
        self, status: int, message: str, *, code: int = 0, hint: str | None = None, headers: Mapping[str, str] | None = None
    ) -> None:
        super().__init__(message)
        self.status = status
        self.message = message
        self.code = code
        self.hint = hint
        self.headers = dict(headers or {})


def bad_request(message: str, hint: str | None = None) -> ToastError:
    """A 400: a missing or malformed parameter."""
    return ToastError(400, message, code=BAD_REQUEST_CODE, hint=hint)


def error_body(error: ToastError, request_id: str) -> bytes:
    """Toast's error object as JSON. Source: dev:apiResponsesAndErrors."""
    return msgspec.json.encode(
        {
            "status": error.status,
            "code": error.code,
            "message": error.message,
            "messageKey": None,
            "fieldName": None,
            "link": None,
            "requestId": request_id,
            "developerMessage": error.hint,
            "errors": [],
            "canRetry": None,
        }
    )

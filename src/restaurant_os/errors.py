"""Every error the product raises, branching by what the caller does next.

RestaurantOSError
├── UsageError               the person asked for something impossible: fix the command or the settings (exit code 2)
│   └── SettingsError
├── RetryableError           may succeed later; carries how long to wait
│   ├── RateLimitedError
│   ├── FullError            the disk or the queue has no room for more events
│   └── InDoubtError         no whole answer came: nobody knows whether it was done
├── FatalError               will not succeed by waiting: a person must act (exit code 1)
│   ├── CredentialsError
│   ├── AccessError          a scope or a location is missing
│   ├── RequestError         the API calls the request itself wrong
│   ├── DeadChannelError     a channel takes no message any more, by its own word
│   ├── BusyError            another process is doing the very same
│   ├── OperationsError      the store of events, keys and leases
│   └── WarehouseError
│       ├── LockedError      another process holds the file, or a lock
│       ├── AwayError        it cannot be reached, or takes nothing from us now: no fault of what was brought
│       ├── DiskFullError    nothing more can be written
│       └── QueryError       the person's SQL failed or is not allowed
├── RejectedRecordError      one record cannot be read: quarantine it and go on
└── StoppedError             asked to stop between two steps; everything committed stays
"""

from __future__ import annotations

from dataclasses import dataclass


class RestaurantOSError(Exception):
    """`message` says where, what was found and what was expected; `next_step` what to do about it."""

    exit_code = 1

    def __init__(self, message: str, *, next_step: str = "") -> None:
        super().__init__(message)
        self.message = message
        self.next_step = next_step

    def __str__(self) -> str:
        return f"{self.message}\n{self.next_step}" if self.next_step else self.message


class UsageError(RestaurantOSError):
    exit_code = 2


class SettingsError(UsageError):
    pass


class RetryableError(RestaurantOSError):
    """`retry_after` is in seconds; None leaves the wait to the caller's backoff."""

    def __init__(self, message: str, *, next_step: str = "", retry_after: float | None = None) -> None:
        super().__init__(message, next_step=next_step)
        self.retry_after = retry_after


class RateLimitedError(RetryableError):
    pass


class FullError(RetryableError):
    pass


class InDoubtError(RetryableError):
    pass


class FatalError(RestaurantOSError):
    pass


class CredentialsError(FatalError):
    pass


class AccessError(FatalError):
    pass


class RequestError(FatalError):
    """`status`: of the answer that said so; 0 where there was none."""

    def __init__(self, message: str, *, next_step: str = "", status: int = 0) -> None:
        super().__init__(message, next_step=next_step)
        self.status = status


class DeadChannelError(FatalError):
    pass


class BusyError(FatalError):
    pass


class OperationsError(FatalError):
    pass


class WarehouseError(FatalError):
    pass


class LockedError(WarehouseError):
    pass


class AwayError(WarehouseError):
    pass


class DiskFullError(WarehouseError):
    pass


class QueryError(WarehouseError):
    pass


class StoppedError(RestaurantOSError):
    pass


@dataclass(frozen=True, slots=True)
class Place:
    """Where in a record a fault sits: the record's own id when it is known, the field, and what was wrong with it."""

    record_guid: str | None
    field: str
    reason: str


class RejectedRecordError(RestaurantOSError):
    def __init__(self, place: Place) -> None:
        super().__init__(f"{place.field}: {place.reason}" if place.field else place.reason)
        self.place = place

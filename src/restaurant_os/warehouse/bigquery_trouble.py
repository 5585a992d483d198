"""What BigQuery and Google's client say when something fails, in our words.

All of it is a WarehouseError. What is no fault of the rows that were brought (no credentials, no permission, a quota, no answer) is an AwayError: then
they wait, and none of them is blamed.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import requests
from google.api_core import exceptions as api
from google.auth import exceptions as auth

from restaurant_os.errors import AwayError, WarehouseError
from restaurant_os.text import printable

#: What a transaction is told that met another one, or a statement of its own (BigQuery's documentation on transactions and on DML).
OVERTAKEN = re.compile(r"concurrent update|conflicts? with|transaction conflict|could not serialize", re.IGNORECASE)
#: Of a script of ours: the rows it was made from are no longer those that are stored.
FETCH_ANEW = "restaurant-os: somebody else committed in between"
#: Reasons that pass by themselves, in an answer or in a job that failed.
PASSING = frozenset(
    {"backendError", "internalError", "jobBackendError", "jobInternalError", "jobRateLimitExceeded", "rateLimitExceeded", "badGateway"}
)
LASTING = frozenset({"bytesBilledLimitExceeded", "quotaExceeded", "accessDenied", "invalidQuery", "notFound"})
LIMITS = frozenset({"rateLimitExceeded", "jobRateLimitExceeded", "quotaExceeded"})
NOTHING_HALF = "Whatever was under way is in as a whole, or not at all."
#: Which role holds what, beside the projects' owners. From BigQuery's page on access control.
ROLES = (
    (re.compile(r"bigquery\.jobs\."), "roles/bigquery.jobUser on the project"),
    (re.compile(r"bigquery\.datasets\.create"), "roles/bigquery.user on the project, or make the dataset yourself"),
    (re.compile(r"bigquery\."), "roles/bigquery.dataEditor on the dataset (roles/bigquery.dataViewer is enough to read)"),
)
#: What Google refuses before BigQuery looks at a permission of its own: how it says so, what that is, and what to do.
NOT_BIGQUERYS = (
    (
        re.compile(r"has not been used in project|it is disabled", re.IGNORECASE),
        "the BigQuery API is not enabled in the project",
        "Enable it: `gcloud services enable bigquery.googleapis.com --project PROJECT`; it takes a few minutes to count.",
    ),
    (
        re.compile(r"serviceusage|quota project", re.IGNORECASE),
        "these credentials may not use the project that pays for the call",
        "Grant them roles/serviceusage.serviceUsageConsumer on that project, or name another: `gcloud auth application-default set-quota-project PROJECT`.",
    ),
    (
        re.compile(r"organization's policy|VPC Service Controls|vpcServiceControls", re.IGNORECASE),
        "a rule of the organization keeps this machine from the project",
        "Ask whoever runs its VPC Service Controls to let these credentials in from here.",
    ),
)


class OvertakenError(Exception):
    """Somebody else committed first: what was worked out has to be worked out anew. Stays within the warehouse."""


def reason_of(problem: BaseException) -> str:
    """Google's name for what went wrong; empty where it gave none."""
    try:
        return str(problem.errors[0]["reason"])  # type: ignore[attr-defined]
    except (AttributeError, IndexError, KeyError, TypeError):
        return ""


def is_overtaken(problem: BaseException) -> bool:
    return isinstance(problem, api.GoogleAPICallError) and (FETCH_ANEW in str(problem) or OVERTAKEN.search(str(problem)) is not None)


def is_passing(problem: BaseException) -> bool:
    """Whether the same job may succeed when it is run again. The client takes reasons that it does not know for failures of the server."""
    if reason_of(problem) in LASTING:
        return False
    return isinstance(problem, api.ServerError | api.TooManyRequests) or reason_of(problem) in PASSING


def our_error(problem: BaseException, label: str, most_gib: float) -> WarehouseError:
    """An error of Google's client in our words; its own, cut and made printable, stands in it. `label`: of the warehouse."""
    said = _said(problem)
    if isinstance(problem, auth.DefaultCredentialsError):
        return AwayError(
            f"warehouse {label}: no credentials for Google Cloud were found. Nothing was read or written.",
            next_step="Run `gcloud auth application-default login`, or name the key file of a service account in GOOGLE_APPLICATION_CREDENTIALS.",
        )
    if isinstance(problem, auth.RefreshError | api.Unauthorized):
        return AwayError(
            f"warehouse {label}: Google refused the credentials ({said}). {NOTHING_HALF}",
            next_step="Run `gcloud auth application-default login` again, or give the service account another key.",
        )
    reason = reason_of(problem)
    if isinstance(problem, api.TooManyRequests) or reason in LIMITS:
        return AwayError(
            f"warehouse {label}: BigQuery's quota or rate limit is reached ({said}). {NOTHING_HALF}",
            next_step="Run this again later. A quota that is reached every day can be raised in the Cloud console, under IAM, Quotas.",
        )
    if isinstance(problem, api.Forbidden):
        return _forbidden(said, label)
    if reason == "bytesBilledLimitExceeded" or "bytes billed" in said:
        return WarehouseError(
            f"warehouse {label}: a query would read more than the {most_gib:g} GiB that one may ({said}). It was not run, and cost nothing.",
            next_step="Ask for fewer days, or raise `most_gib_a_query` under [bigquery] in the settings.",
        )
    if reason == "resourcesExceeded":
        return WarehouseError(
            f"warehouse {label}: a query needs more than BigQuery gives one ({said}). {NOTHING_HALF}",
            next_step="Ask for fewer days, or bring it in in smaller spans: it does not pass by waiting.",
        )
    if isinstance(problem, api.NotFound):
        return WarehouseError(
            f"warehouse {label}: {said}. {NOTHING_HALF}",
            next_step="Check `warehouse` in the settings, and `location` under [bigquery]; `restaurant-os migrate` makes what is missing.",
        )
    if isinstance(problem, api.GoogleAPICallError) and not isinstance(problem, api.ServerError):
        return WarehouseError(
            f"warehouse {label}: BigQuery refused: {said}. {NOTHING_HALF}",
            next_step="`restaurant-os doctor` checks the warehouse and says more.",
        )
    return AwayError(
        f"warehouse {label}: BigQuery does not answer, or not whole ({said}). {NOTHING_HALF}",
        next_step="Check the network and status.cloud.google.com, then run the same again: what is in stays in.",
    )


def elsewhere(label: str, found: str, wanted: str) -> WarehouseError:
    """The dataset is in another location than the settings say: no job can reach it from there."""
    return AwayError(
        f"warehouse {label}: the dataset is in {printable(found, 60)}, the settings say {wanted}. Nothing was read or written.",
        next_step=f'Write `location = "{printable(found, 60)}"` under [bigquery], or name a dataset that is not there yet: it is made in {wanted}.',
    )


def expiring(label: str) -> WarehouseError:
    """Tables that are made in the dataset would be gone after a while, or their old partitions: so are those of a project that was a sandbox."""
    return AwayError(
        f"warehouse {label}: the dataset has a default expiration, so that history would be deleted by itself. Nothing was read or written.",
        next_step="Take it away: `bq update --default_table_expiration 0 --default_partition_expiration 0 PROJECT:DATASET`; tables that are there keep their "
        "own (`bq update --expiration 0 PROJECT:DATASET.TABLE`).",
    )


def _forbidden(said: str, label: str) -> WarehouseError:
    if "billing has not been enabled" in said.lower() or "free tier" in said.lower():
        return AwayError(
            f"warehouse {label}: the project has no billing account, and BigQuery lets none without one change tables ({said}). {NOTHING_HALF}",
            next_step="Link a billing account to the project in the Cloud console; small groups stay within the free amount.",
        )
    found = re.search(r"bigquery\.[A-Za-z]+\.[A-Za-z]+", said)
    if found is None:
        for pattern, what, step in NOT_BIGQUERYS:
            if pattern.search(said):
                return AwayError(f"warehouse {label}: {what} ({said}). {NOTHING_HALF}", next_step=step)
    missing = found[0] if found else "a permission"
    role = next((role for pattern, role in ROLES if pattern.match(missing)), ROLES[-1][1])
    return AwayError(
        f"warehouse {label}: {missing} is missing ({said}). {NOTHING_HALF}",
        next_step=f"Grant whoever these credentials are {role}; it takes a minute or two to count.",
    )


def _said(problem: BaseException) -> str:
    """The message without what the client puts around it: the method and the address that it called, and the job's own."""
    found = getattr(problem, "message", None) or str(problem) or type(problem).__name__
    first = str(found).strip().splitlines()[0]
    first = re.sub(r"^(GET|POST|PUT|PATCH|DELETE) https?://\S+?: ", "", first)
    first = re.sub(r"; reason: .*$", "", first)
    return printable(re.sub(r"https?://\S+", "an address of Google's", first), 300).rstrip(". ")


@contextmanager
def as_our_errors(label: str, most_gib: float) -> Iterator[None]:
    try:
        yield
    except (api.GoogleAPIError, auth.GoogleAuthError, requests.RequestException, ConnectionError, TimeoutError) as problem:
        raise our_error(_innermost(problem), label, most_gib) from problem


def _innermost(problem: BaseException) -> BaseException:
    """The client wraps what it repeated in vain."""
    cause: Any = getattr(problem, "cause", None)
    return cause if isinstance(problem, api.RetryError) and isinstance(cause, BaseException) else problem

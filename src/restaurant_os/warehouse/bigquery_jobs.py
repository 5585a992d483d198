"""Jobs of BigQuery: queries, scripts and loads, each run once whatever becomes of its answer; and what they cost.

A job that changes something has an id made of the run, what it does, a hash of its content and the attempt. When its answer is lost and it is sent again,
BigQuery answers 409, Conflict: then the job is fetched. Done, it counts; failed in a way that passes, the next attempt has an id of its own.
"""

from __future__ import annotations

import hashlib
import io
import logging
import random
import threading
from collections.abc import Callable, Sequence
from concurrent import futures
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from decimal import Decimal
from typing import Any, Literal, TypeVar

import pyarrow as pa
import pyarrow.parquet as pq
from google.api_core import exceptions as api
from google.cloud import bigquery as google

from restaurant_os.errors import StoppedError
from restaurant_os.warehouse.bigquery_schema import staged_fields
from restaurant_os.warehouse.bigquery_trouble import is_passing

log = logging.getLogger("restaurant_os.warehouse")
Purpose = Literal["commit", "read", "migrate"]
#: On every job of ours, with its purpose: by it the bill can be told apart.
OWN_LABEL = "restaurant_os"
#: How often a job is run that failed in a way that passes.
ATTEMPTS = 4
FIRST_PAUSE_SECONDS, LONGEST_PAUSE_SECONDS = 0.2, 8.0
#: A request without an answer is given up after so many seconds, and sent again while the retry rules say so.
CALL_SECONDS = 120.0
#: Between two looks whether a load is done: it takes seconds.
LOOK_SECONDS = 0.5
#: A stage that nobody dropped is gone after this.
STAGE_LIVES = timedelta(days=1)
KINDS: tuple[tuple[type, str], ...] = (
    (bool, "BOOL"),
    (int, "INT64"),
    (float, "FLOAT64"),
    (Decimal, "NUMERIC"),
    (datetime, "TIMESTAMP"),
    (date, "DATE"),
    (str, "STRING"),
)
T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Cost:
    """What jobs of one purpose took, in bytes; BigQuery rounds what it bills up."""

    jobs: int = 0
    bytes_processed: int = 0
    bytes_billed: int = 0

    def plus(self, other: Cost) -> Cost:
        return Cost(self.jobs + other.jobs, self.bytes_processed + other.bytes_processed, self.bytes_billed + other.bytes_billed)

    def minus(self, other: Cost) -> Cost:
        return self.plus(Cost(-other.jobs, -other.bytes_processed, -other.bytes_billed))


class Jobs:
    """`labels`: on every job and stage. `most_bytes`: what no query may read more than. `wait_seconds`: for how long what got no answer is asked again.
    `stopping`: once it is set nothing is waited for any more."""

    def __init__(
        self,
        client: google.Client,
        dataset: google.DatasetReference,
        *,
        labels: dict[str, str],
        most_bytes: int,
        wait_seconds: float,
        stopping: threading.Event,
    ) -> None:
        self.client = client
        self.dataset = dataset
        self.labels = labels
        self.most_bytes = most_bytes
        self.wait_seconds = wait_seconds
        self.stopping = stopping
        #: The client's own rules, for as long as the settings let us wait.
        self.retry = google.DEFAULT_RETRY.with_timeout(max(wait_seconds, 1.0))
        self._counting = threading.Lock()
        self._spent: dict[Purpose, Cost] = {}
        self._written: dict[Purpose, Cost] = {}

    # --- queries --------------------------------------------------------------------------------------------------

    def ask(self, sql: str, parameters: Sequence[Any] = (), purpose: Purpose = "read") -> google.QueryJob:
        """A query under way. It changes nothing, so that it may be sent again under any id."""
        config = self._config(purpose)
        config.query_parameters = [_parameter(value) for value in parameters]
        return self.client.query(sql, job_config=config, retry=self.retry, timeout=CALL_SECONDS)

    def result(self, job: google.QueryJob, purpose: Purpose = "read") -> google.table.RowIterator:
        """Waits for the rows of a job."""
        try:
            found: google.table.RowIterator = self._waited(job)
        finally:
            self._count(job, purpose)
        return found

    def rows(self, sql: str, parameters: Sequence[Any] = (), purpose: Purpose = "read") -> list[tuple[Any, ...]]:
        return [row.values() for row in self.result(self.ask(sql, parameters, purpose), purpose)]

    def script(self, sql: str, run: str, name: str, purpose: Purpose, **named: Any) -> list[tuple[Any, ...]]:
        """Statements that change something, run once; the rows of the last one. `run` names this piece of work, and no other.

        Raises:
            google.api_core.exceptions.GoogleAPICallError: it failed, and changed nothing if it is one transaction.
        """

        def start(job_id: str) -> google.QueryJob:
            config = self._config(purpose)
            config.query_parameters = [_parameter(value, key) for key, value in named.items()]
            return self.client.query(sql, job_config=config, job_id=job_id, job_retry=None, retry=self.retry, timeout=CALL_SECONDS)

        def finish(job: google.QueryJob) -> list[tuple[Any, ...]]:
            try:
                found = self._waited(job, job_retry=None)
            finally:
                self._count(job, purpose)
            return [row.values() for row in found]

        return self._once(f"{run}-{name}-{_hash(sql.encode(), repr(sorted(named.items())).encode())}", start, finish)

    # --- loads ----------------------------------------------------------------------------------------------------

    def stage(self, rows: pa.Table, name: str) -> None:
        """Load rows into a table that is made for them, uniquely named, and expires."""
        table = google.Table(self.dataset.table(name), schema=staged_fields(rows.schema))
        table.expires = datetime.now().astimezone() + STAGE_LIVES
        table.labels = self.labels
        self.client.create_table(table, exists_ok=True, retry=self.retry, timeout=CALL_SECONDS)
        out = io.BytesIO()
        pq.write_table(rows, out, coerce_timestamps="us")
        content = out.getvalue()
        base = f"{name}-{_hash(content)}"

        def start(job_id: str) -> google.LoadJob:
            config = google.LoadJobConfig(
                source_format=google.SourceFormat.PARQUET,
                schema=staged_fields(rows.schema),
                write_disposition=google.WriteDisposition.WRITE_TRUNCATE,
                create_disposition=google.CreateDisposition.CREATE_NEVER,
                labels={**self.labels, OWN_LABEL: "commit"},
            )
            return self.client.load_table_from_file(
                io.BytesIO(content), table.reference, size=len(content), job_id=job_id, job_config=config, timeout=CALL_SECONDS
            )

        self._once(base, start, self.loaded)

    def loaded(self, job: google.LoadJob) -> None:
        """Wait until the rows of a load are in.

        Raises:
            StoppedError: `stopping` was set meanwhile.
        """
        # The job's own `result` takes an outage for a job that is not done yet, and would wait for ever.
        while not job.done(retry=self.retry, timeout=CALL_SECONDS):
            if self.stopping.wait(LOOK_SECONDS):
                raise _stopped()
        job.result(retry=self.retry, timeout=CALL_SECONDS)

    def drop(self, name: str) -> None:
        self.client.delete_table(self.dataset.table(name), not_found_ok=True, retry=self.retry, timeout=CALL_SECONDS)

    # --- once -----------------------------------------------------------------------------------------------------

    def _once(self, base: str, start: Callable[[str], Any], finish: Callable[[Any], T]) -> T:
        """Start a job and wait for it; one that failed in a way that passes is run again under the id of the next attempt."""
        attempt = 1
        while True:
            try:
                return finish(self._started(f"{base}-{attempt}", start))
            except api.GoogleAPICallError as problem:
                if attempt == ATTEMPTS or not is_passing(problem):
                    raise
            self.pause(attempt)
            attempt += 1

    def _waited(self, job: google.QueryJob, **how: Any) -> Any:
        """What a query comes to. A connection that dies without a word is asked anew, and a stop is heard.

        Raises:
            StoppedError: `stopping` was set meanwhile. What the job does is done all the same, or not at all.
        """
        while True:
            try:
                return job.result(retry=self.retry, timeout=CALL_SECONDS, **how)
            except futures.TimeoutError:
                if self.stopping.is_set():
                    raise _stopped() from None

    def _started(self, job_id: str, start: Callable[[str], Any]) -> Any:
        """A job, or the one of this id that is there already: its answer was lost."""
        try:
            return start(job_id)
        except api.Conflict:
            found = self.client.get_job(job_id, location=self.client.location, retry=self.retry, timeout=CALL_SECONDS)
            log.info("a job's answer was lost, and the job found", extra={"job": job_id, "state": found.state})
            return found

    def pause(self, attempt: int) -> None:
        """Between two tries, longer each time; the half of it by chance, so that two who met do not meet again.

        Raises:
            StoppedError: `stopping` was set meanwhile.
        """
        most = min(LONGEST_PAUSE_SECONDS, FIRST_PAUSE_SECONDS * 2 ** (attempt - 1))
        if self.stopping.wait(random.uniform(most / 2, most)):
            raise StoppedError("warehouse: stopped while it waited for BigQuery; what was committed is in.")

    # --- what it cost ---------------------------------------------------------------------------------------------

    def _config(self, purpose: Purpose) -> google.QueryJobConfig:
        return google.QueryJobConfig(
            default_dataset=self.dataset,
            labels={**self.labels, OWN_LABEL: purpose},
            maximum_bytes_billed=self.most_bytes,
            use_legacy_sql=False,
        )

    def _count(self, job: google.QueryJob, purpose: Purpose) -> None:
        with self._counting:
            self._spent[purpose] = self._spent.get(purpose, Cost()).plus(
                Cost(1, job.total_bytes_processed or 0, job.total_bytes_billed or 0)
            )

    def spent(self, purpose: Purpose) -> Cost:
        """Since this process began."""
        with self._counting:
            return self._spent.get(purpose, Cost())

    def costs(self) -> dict[Purpose, Cost]:
        """What was spent and is not written down yet."""
        with self._counting:
            left = {purpose: cost.minus(self._written.get(purpose, Cost())) for purpose, cost in self._spent.items()}
            return {purpose: cost for purpose, cost in left.items() if cost.jobs}

    def written_down(self, costs: dict[Purpose, Cost]) -> None:
        """These are in the dataset now."""
        with self._counting:
            for purpose, cost in costs.items():
                self._written[purpose] = self._written.get(purpose, Cost()).plus(cost)


def _stopped() -> StoppedError:
    return StoppedError("warehouse: stopped while BigQuery was at work; what was committed is in.")


def _hash(*contents: bytes) -> str:
    digest = hashlib.sha256()
    for content in contents:
        digest.update(content)
    return digest.hexdigest()[:24]


def _kind(value: Any) -> str:
    return next((kind for python, kind in KINDS if isinstance(value, python)), "STRING")


def _parameter(value: Any, name: str | None = None) -> google.ScalarQueryParameter | google.ArrayQueryParameter:
    if isinstance(value, list | tuple):
        return google.ArrayQueryParameter(name, _kind(value[0]) if value else "STRING", list(value))
    return google.ScalarQueryParameter(name, _kind(value), value)

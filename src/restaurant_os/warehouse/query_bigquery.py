"""A person's SQL against BigQuery: asked first what it would do and read, then run only if it selects, within a bound of bytes.

It is read-only by what the dry run says of it; whoever must not write at all is given roles/bigquery.dataViewer (docs/warehouses.md).
"""

from __future__ import annotations

import concurrent.futures
import time
from collections.abc import Iterator
from contextlib import contextmanager

import pyarrow as pa
from google.api_core import exceptions as api
from google.cloud import bigquery as google

from restaurant_os.errors import QueryError
from restaurant_os.settings import BigQuerySettings
from restaurant_os.text import amount, printable
from restaurant_os.warehouse.bigquery import GIB, BigQueryWarehouse

#: What a dry run may say of a statement.
READING = "SELECT"
#: How long the dry run may take beside the time of the query.
DRY_SECONDS = 30.0
#: BigQuery says so of a table that is not there, beside that it must not be read.
IS_PERHAPS_NOT_THERE = "perhaps it does not exist"
TOO_LONG = "Ask for fewer days, or give more time with --timeout."


def query_bigquery(place: str, settings: BigQuerySettings, sql: str, *, most_rows: int, seconds: float) -> tuple[pa.Table, bool, int]:
    """The rows of `sql`, at most `most_rows`; whether there were more; and the bytes that it read, by which it is billed.

    Raises:
        QueryError: the SQL is wrong, not allowed, would read more than `settings.most_gib_a_query`, or took longer than `seconds`.
    """
    warehouse = BigQueryWarehouse(place, settings)
    most_bytes = int(settings.most_gib_a_query * GIB)
    try:
        with warehouse._errors():
            config = google.QueryJobConfig(default_dataset=warehouse.dataset, labels=dict(settings.labels), use_legacy_sql=False)
            _check(warehouse.client, sql, config, most_bytes, settings.most_gib_a_query)
            config.maximum_bytes_billed = most_bytes
            return _run(warehouse.client, sql, config, most_rows, seconds)
    finally:
        warehouse.close()


def _check(client: google.Client, sql: str, config: google.QueryJobConfig, most_bytes: int, most_gib: float) -> None:
    """What it is, and what it would read. Costs nothing."""
    with _faults_of_the_question():
        dry = client.query(sql, job_config=_dry(config), timeout=DRY_SECONDS)
    if dry.statement_type != READING:
        raise QueryError(
            "query: one statement that reads was expected, such as a SELECT.", next_step='For example: query "SELECT * FROM daily_sales".'
        )
    if (dry.total_bytes_processed or 0) > most_bytes:
        raise QueryError(
            f"query: it would read {amount(dry.total_bytes_processed or 0)}, more than the {most_gib:g} GiB that one may. It was not run, and cost nothing.",
            next_step="Ask for fewer columns and days (business_date BETWEEN ...), or raise `most_gib_a_query` under [bigquery] in the settings.",
        )


def _dry(config: google.QueryJobConfig) -> google.QueryJobConfig:
    return google.QueryJobConfig(
        default_dataset=config.default_dataset, labels=config.labels, use_legacy_sql=False, dry_run=True, use_query_cache=False
    )


def _run(client: google.Client, sql: str, config: google.QueryJobConfig, most_rows: int, seconds: float) -> tuple[pa.Table, bool, int]:
    until = time.monotonic() + seconds
    with _faults_of_the_question():
        job = client.query(sql, job_config=config, job_retry=None, timeout=DRY_SECONDS)
        try:
            found = job.result(timeout=max(0.1, until - time.monotonic()), max_results=most_rows + 1, job_retry=None)
            table = found.to_arrow(create_bqstorage_client=False)
        except (concurrent.futures.TimeoutError, TimeoutError):
            job.cancel(timeout=DRY_SECONDS)
            raise QueryError(f"query: stopped after {seconds:g} s.", next_step=TOO_LONG) from None
    return table.slice(0, most_rows), table.num_rows > most_rows, int(job.total_bytes_processed or 0)


@contextmanager
def _faults_of_the_question() -> Iterator[None]:
    """What BigQuery says of the SQL, as our error; any other problem goes through."""
    try:
        yield
    except (api.BadRequest, api.NotFound, api.Forbidden) as problem:
        if isinstance(problem, api.Forbidden) and IS_PERHAPS_NOT_THERE not in str(problem):
            raise
        said = printable(str(problem.errors[0].get("message") if problem.errors else problem.message), 500)
        raise QueryError(
            f"query: {said}", next_step="See the tables and columns in docs/tables.md; BigQuery's own SQL is spoken."
        ) from None

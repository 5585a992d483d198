"""A warehouse in BigQuery: where one machine is outgrown.

What a commit makes of stored rows is worked out here (`mirror.py`) from slices that queries fetch. What is to be written goes up as Parquet in free load jobs,
each into a stage of its own, and one script merges every table with its stage in one transaction. The script is refused where somebody else wrote since the
slices were fetched; then they are fetched anew. So nobody holds a lock, and nothing is half there whatever happens in between.
"""

from __future__ import annotations

import contextlib
import logging
import re
import threading
import time
import uuid
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from datetime import UTC, datetime
from decimal import Decimal
from functools import cached_property
from typing import Any, TypeVar

import pyarrow as pa
from google.api_core import exceptions as api
from google.auth import exceptions as auth
from google.auth.credentials import AnonymousCredentials
from google.cloud import bigquery as google

from restaurant_os.boundaries import crossing
from restaurant_os.errors import LockedError, SettingsError, StoppedError
from restaurant_os.settings import BIGQUERY_SCHEME, BigQuerySettings
from restaurant_os.tables import LOADED_AT, PLACES, READ_SEQUENCES, TableSpec
from restaurant_os.text import printable
from restaurant_os.warehouse import Changes, Commit, Ids, Writing
from restaurant_os.warehouse.bigquery_jobs import Cost, Jobs, Purpose
from restaurant_os.warehouse.bigquery_merge import Stage, State, costs_noted, numbered, script, stages
from restaurant_os.warehouse.bigquery_schema import BILLS, STATE, TAKEN, Migration, state_of
from restaurant_os.warehouse.bigquery_trouble import OvertakenError, as_our_errors, elsewhere, expiring, is_overtaken
from restaurant_os.warehouse.dialect import spoken
from restaurant_os.warehouse.mirror import Mirrors, folded, mirrored
from restaurant_os.warehouse.queue import CommitQueue
from restaurant_os.warehouse.slices import Ask

log = logging.getLogger("restaurant_os.warehouse")
ADDRESS = re.compile(r"^bigquery://(?P<project>[a-z0-9.:-]{4,63})/(?P<dataset>[A-Za-z0-9_]{1,1024})/?$")
LOOPBACK = re.compile(r"^http://(127\.0\.0\.1|localhost|\[::1\]):\d+$")
GIB = 2**30
#: So many stages are loaded, or dropped, side by side: each takes BigQuery seconds.
STAGES_AT_ONCE = 4
#: So many ids go with one query: a request may have 10 MB.
MOST_IDS = 50_000
#: Locations that are polled at the same time land together, if they are done within this of each other.
GATHER_SECONDS = 2.0
#: However long a try takes, so many are made before it is said that others come before us.
FEWEST_TRIES = 3
T = TypeVar("T")


class BigQueryWarehouse:
    """`place`: bigquery://project/dataset. `wait_seconds`: for how long what others overtook is tried again, and what got no answer. `stopping`: once it is
    set nothing is waited for any more.

    Raises (when made):
        SettingsError: `place` cannot be read.
    """

    def __init__(
        self,
        place: str,
        settings: BigQuerySettings,
        *,
        wait_seconds: float = 30.0,
        now: Callable[[], datetime] | None = None,
        stopping: threading.Event | None = None,
    ) -> None:
        found = ADDRESS.match(place)
        if not found:
            raise SettingsError(
                f"warehouse: '{printable(place, 80)}' cannot be read, {BIGQUERY_SCHEME}project/dataset was expected.",
                next_step="Write the project's id and the dataset's name, as in bigquery://our-project/restaurants.",
            )
        if settings.api_endpoint and not LOOPBACK.match(settings.api_endpoint):
            raise SettingsError(
                f"settings: bigquery.api_endpoint is '{printable(settings.api_endpoint, 80)}', an address of this machine was expected.",
                next_step="Leave `api_endpoint` out: Google's own is used then.",
            )
        self.dataset = google.DatasetReference(found["project"], found["dataset"])
        self.label = f"bigquery {found['project']}.{found['dataset']}"
        self.settings = settings
        self.lands_every_seconds = settings.lands_every_seconds
        self.wait_seconds = wait_seconds
        self.now = now or (lambda: datetime.now(UTC))
        self.stopping = stopping or threading.Event()
        self._mirrors = Mirrors()
        # Where live state lands at once, as in tests, nobody waits for others either.
        self._queue = CommitQueue(self._land, gather_seconds=min(GATHER_SECONDS, settings.lands_every_seconds))
        #: One at a time in a process: who writes would only overtake the other, and be paid for.
        self._writing, self._taking = threading.Lock(), threading.Lock()
        self._opening = threading.Lock()
        self._is_ready = False

    # --- the protocol ---------------------------------------------------------------------------------------------

    def commit(self, commit: Commit) -> Changes:
        return self._queue.commit(commit)

    def next_read(self, restaurant_guid: str) -> int:
        name = READ_SEQUENCES.name
        # One row stands for a lock: of two who touch it at once one is refused, and tries again.
        statements = f"""DECLARE taken INT64;
BEGIN TRANSACTION;
UPDATE {TAKEN} SET reads = reads + 1 WHERE TRUE;
MERGE INTO {name} AS T USING (SELECT @guid AS restaurant_guid) AS S ON T.restaurant_guid = S.restaurant_guid
WHEN MATCHED THEN UPDATE SET last = T.last + 1, {LOADED_AT} = @at
WHEN NOT MATCHED THEN INSERT (restaurant_guid, last, {LOADED_AT}) VALUES (S.restaurant_guid, 1, @at);
SET taken = (SELECT last FROM {name} WHERE restaurant_guid = @guid);
COMMIT TRANSACTION;
SELECT taken;"""
        with self._ready(), self._taking:
            return self._until_alone(lambda run: self._taken(statements, run, restaurant_guid))

    def _taken(self, statements: str, run: str, restaurant_guid: str) -> int:
        [(last,)] = self.jobs.script(statements, run, "next-read", "commit", guid=restaurant_guid, at=self.now())
        return int(last)

    def fold_ledger(self, before: datetime) -> int:
        def attempt(run: str) -> int:
            state = self._state()
            writing, gone = folded(self._fetch, before, mirrors=self._mirrors)
            self._write(writing, state, run)
            return gone

        with self._ready(), self._writing:
            return self._until_alone(attempt)

    def rows(self, sql: str, parameters: Sequence[Any] = ()) -> list[tuple[Any, ...]]:
        [found] = self.answers((sql, parameters))
        return found

    def answers(self, *questions: tuple[str, Sequence[Any]]) -> list[list[tuple[Any, ...]]]:
        with self._ready():
            if len(questions) == 1:
                return self._asked(questions)
            return self._until_alone(lambda run: self._of_one_instant(questions))

    def _of_one_instant(self, questions: Sequence[tuple[str, Sequence[Any]]]) -> list[list[tuple[Any, ...]]]:
        """Each question is a job that sees what is there when it begins, so nobody may have written between the first and the last."""
        before = self._state("read")
        found = self._asked(questions)
        if self._state("read") != before:
            raise OvertakenError
        return found

    def _asked(self, questions: Sequence[tuple[str, Sequence[Any]]]) -> list[list[tuple[Any, ...]]]:
        under_way = [self.jobs.ask(spoken(sql, "bigquery"), parameters) for sql, parameters in questions]
        return [[tuple(map(_as_ours, row.values())) for row in self.jobs.result(job)] for job in under_way]

    def stamp(self) -> object | None:
        """Whether somebody committed is not to be had without asking."""
        return None

    def columns(self) -> dict[str, list[str]]:
        with self._ready():
            items = list(self.client.list_tables(self.dataset, retry=self.jobs.retry))
            with ThreadPoolExecutor(STAGES_AT_ONCE) as pool:
                tables = list(pool.map(lambda item: self.client.get_table(item.reference, retry=self.jobs.retry), items))
            return {table.table_id: [field.name for field in table.schema] for table in tables}

    def migrate(self, *, plan: bool = False) -> list[str]:
        with self._errors():
            return self._migrate(plan, by_hand=True)

    def fetch(self, spec: TableSpec, where: str = "TRUE", ids: Ids | None = None) -> pa.Table:
        with self._ready():
            return self._fetch(spec, where, ids)

    def write(self, writing: Writing) -> None:
        with self._ready(), self._writing:
            self._until_alone(lambda run: self._write(writing, self._state(), run))

    def close(self) -> None:
        self._mirrors.close()
        with self._opening:
            if "client" in self.__dict__:
                self._write_costs_down()
                self.client.close()  # type: ignore[no-untyped-call]
                del self.__dict__["client"]
                self.__dict__.pop("jobs", None)
            self._is_ready = False

    # --- what it costs --------------------------------------------------------------------------------------------

    def bill(self, since: datetime) -> dict[str, Cost]:
        """By purpose, what our queries cost since an instant: those of every process, as they are written down with its next commit or when it ends, and
        this one's own. Loads are free."""
        sql = f"""SELECT purpose, SUM(jobs), SUM(bytes_processed), SUM(bytes_billed) FROM {BILLS} WHERE written_at >= ? GROUP BY purpose"""
        with self._ready():
            found = {purpose: Cost(int(jobs), int(read), int(billed)) for purpose, jobs, read, billed in self.jobs.rows(sql, [since])}
        for purpose, cost in self.jobs.costs().items():
            found[purpose] = found.get(purpose, Cost()).plus(cost)
        return found

    def _write_costs_down(self) -> None:
        """What was billed since the last commit. That it could not be written down keeps nobody from going."""
        costs = {purpose: cost for purpose, cost in self.jobs.costs().items() if cost.bytes_billed}
        if not costs or not self._is_ready or self.stopping.is_set():
            return
        try:
            self.jobs.script(f"{costs_noted(costs)};", uuid.uuid4().hex[:16], "bill", "commit")
        except (StoppedError, api.GoogleAPIError, auth.GoogleAuthError, OSError) as problem:
            log.info("what queries cost was not written down", extra={"problem": printable(problem, 200)})

    # --- a commit -------------------------------------------------------------------------------------------------

    def _land(self, commit: Commit) -> Changes:
        loaded_at = self.now()

        def attempt(run: str) -> Changes:
            state = self._state()
            writing, changes = mirrored(commit, self._fetch, loaded_at, mirrors=self._mirrors, at_once=self._fetch_all)
            self._write(writing, state, run)
            return changes

        with self._ready(), self._writing, crossing("merge"):
            before = self.jobs.spent("commit")
            changes = self._until_alone(attempt)
            self._tell(commit, self.jobs.spent("commit").minus(before))
            return changes

    def _tell(self, commit: Commit, own: Cost) -> None:
        log.info(
            "committed to BigQuery",
            extra={"dataset": commit.dataset, "jobs": own.jobs, "bytes_processed": own.bytes_processed, "bytes_billed": own.bytes_billed},
        )

    def _state(self, purpose: Purpose = "commit") -> State:
        writes, sequence, _ = state_of(self.jobs.rows(f"SELECT writes, sequence, fingerprint FROM {STATE}", purpose=purpose))
        return State(writes, sequence)

    def _write(self, writing: Writing, state: State, run: str) -> None:
        """Raises OvertakenError: somebody else wrote since `state`; nothing of ours is in."""
        rows, last = numbered(writing, state)
        staged = stages(writing, rows)
        if not staged and not writing.statements:
            if self._state() != state:
                raise OvertakenError
            return
        costs = self.jobs.costs()
        statements = script(writing, staged, run, state, last, costs)
        try:
            _side_by_side(lambda stage: self.jobs.stage(stage.rows, stage.name(run)), staged)
            self.jobs.script(statements, run, "write", "commit")
        except api.GoogleAPICallError as problem:
            if is_overtaken(problem):
                raise OvertakenError from problem
            raise
        finally:
            self._drop(staged, run)
        self.jobs.written_down(costs)

    def _drop(self, staged: Sequence[Stage], run: str) -> None:
        """Stages go, whatever happened; one that cannot be dropped expires."""
        names = [stage.name(run) for stage in staged]
        try:
            _side_by_side(self.jobs.drop, names)
        except (api.GoogleAPIError, auth.GoogleAuthError, OSError) as problem:
            log.warning("stages were not dropped; they expire", extra={"stages": names, "problem": printable(problem, 200)})

    def _until_alone(self, attempt: Callable[[str], T]) -> T:
        """Tried again, each time as a run of its own, while others come before us.

        Raises:
            LockedError: they did for as long as we may wait.
        """
        give_up, tries = time.monotonic() + self.wait_seconds, 0
        while True:
            tries += 1
            try:
                return attempt(uuid.uuid4().hex[:16])
            except (OvertakenError, api.GoogleAPICallError) as problem:
                if not isinstance(problem, OvertakenError) and not is_overtaken(problem):
                    raise
                if time.monotonic() > give_up and tries >= FEWEST_TRIES:
                    raise LockedError(
                        f"warehouse {self.label}: others wrote to it each time that we were about to, {tries} times in {self.wait_seconds:g} s. "
                        "Nothing of this step was written.",
                        next_step="Run this again: what is already in stays in. Have one process write to a dataset; a longer wait: `wait_seconds`.",
                    ) from problem
            self.jobs.pause(tries)

    # --- fetching -------------------------------------------------------------------------------------------------

    def _fetch(self, spec: TableSpec, where: str = "TRUE", ids: Ids | None = None) -> pa.Table:
        [found] = self._fetch_all([(spec, where, ids)])
        return found

    def _fetch_all(self, asks: Sequence[Ask]) -> list[pa.Table]:
        """What several slices hold; all are under way before the first is waited for."""
        under_way = [[self.jobs.ask(*question, "commit") for question in _questions(*ask)] for ask in asks]
        found = []
        for (spec, _, _), jobs in zip(asks, under_way, strict=True):
            tables = [_arrow(self.jobs.result(job, "commit"), spec.schema) for job in jobs]
            found.append(pa.concat_tables(tables) if tables else spec.schema.empty_table())
        return found

    # --- the dataset ----------------------------------------------------------------------------------------------

    @cached_property
    def client(self) -> google.Client:
        """Of Google. Nothing is asked of it here but where credentials are."""
        own: dict[str, Any] = {"project": self.settings.project or self.dataset.project, "location": self.settings.location}
        if self.settings.api_endpoint:
            own |= {"credentials": AnonymousCredentials(), "client_options": {"api_endpoint": self.settings.api_endpoint}}  # type: ignore[no-untyped-call]
        return google.Client(**own)

    @cached_property
    def jobs(self) -> Jobs:
        return Jobs(
            self.client,
            self.dataset,
            labels=dict(self.settings.labels),
            most_bytes=int(self.settings.most_gib_a_query * GIB),
            wait_seconds=self.wait_seconds,
            stopping=self.stopping,
        )

    @contextmanager
    def _errors(self) -> Iterator[None]:
        with as_our_errors(self.label, self.settings.most_gib_a_query):
            yield

    @contextmanager
    def _ready(self) -> Iterator[None]:
        """With every table and view there, as this code has them. Looked at once in a process."""
        with self._errors():
            with self._opening:
                if not self._is_ready:
                    self._migrate(plan=False)
                    self._is_ready = True
            yield

    def _migrate(self, plan: bool, by_hand: bool = False) -> list[str]:
        is_there, found = self._found()
        migration = Migration(
            self.client,
            self.dataset,
            labels=dict(self.settings.labels),
            retry=self.jobs.retry,
            label=self.label,
            run_script=lambda statements: self.jobs.script(";\n".join(statements) + ";", uuid.uuid4().hex[:16], "migrate", "migrate"),
            plan=plan,
        )
        return migration.run(is_there=is_there, found=found, by_hand=by_hand)

    def _found(self) -> tuple[bool, str | None]:
        """Whether the dataset is there, and the fingerprint of the code that last made its tables.

        Raises:
            AwayError: it is in another location than the settings say, or deletes tables by itself.
        """
        try:
            own = self.client.get_dataset(self.dataset, retry=self.jobs.retry)
        except api.NotFound:
            return False, None
        if own.location and own.location.lower() != self.settings.location.lower():
            raise elsewhere(self.label, own.location, self.settings.location)
        if own.default_table_expiration_ms or own.default_partition_expiration_ms:
            raise expiring(self.label)
        try:
            return True, state_of(self.jobs.rows(f"SELECT writes, sequence, fingerprint FROM {STATE}"))[2]
        except (api.NotFound, api.Forbidden):
            # Of a table that is not there a query may say that it must not be read.
            with contextlib.suppress(api.NotFound):
                self.client.get_table(self.dataset.table(STATE), retry=self.jobs.retry)
                raise
        return True, None


def _side_by_side(do: Callable[[T], None], each: Sequence[T]) -> None:
    """The first problem is raised when all that had begun have ended; the others are not begun then."""
    with ThreadPoolExecutor(STAGES_AT_ONCE) as pool:
        list(pool.map(do, each))


def _questions(spec: TableSpec, where: str, ids: Ids | None) -> Iterator[tuple[str, list[Any]]]:
    """The queries of a slice, each with its parameters: ids go by the thousands, as one array."""
    sql = spoken(f"SELECT {', '.join(spec.names)} FROM {spec.name} WHERE ({where})", "bigquery")
    if ids is None:
        yield sql, []
        return
    column, values = ids
    for first in range(0, len(values), MOST_IDS):
        yield f"{sql} AND {column} IN UNNEST(?)", [list(values[first : first + MOST_IDS])]


def _arrow(rows: google.table.RowIterator, schema: pa.Schema) -> pa.Table:
    """Rows in exactly these types. They come as JSON; numbers with places are decimals, instants microseconds."""
    return rows.to_arrow(create_bqstorage_client=False).select(schema.names).cast(schema)


def _as_ours(value: Any) -> Any:
    """A NUMERIC comes with the places that its digits need; ours have four at least."""
    if type(value) is Decimal and isinstance(places := value.as_tuple().exponent, int) and places > -4:
        return value.quantize(PLACES)
    return value.astimezone(UTC) if type(value) is datetime and value.tzinfo else value

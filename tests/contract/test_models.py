"""The models of the merge, of days read whole, of histories, of the latest and of the folded ledger, on the engines that are not embedded.

They stand in `tests/integration`, with the claims of each; there they run on a file of DuckDB, with many examples. Here each example is the same,
on an engine whose tables are emptied first.
"""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import Phase, given, settings
from hypothesis import strategies as st

from engines_world import REAL, Engine
from integration import test_day_sets_model as day_sets
from integration import test_fold as folding
from integration import test_history_model as histories
from integration import test_latest_model as latest
from integration import test_merge_model as merges
from orders_histories import World, worlds
from property_profiles import MOST, PROVE, QUICK, most, profile
from restaurant_os.warehouse import LoadMode, SyncRun

pytestmark = [
    pytest.mark.parametrize("engine", ["postgres", "bigquery", *REAL], indirect=True),
    pytest.mark.timeout(0 if most > MOST[QUICK] else 900),
]
#: Of the examples of a model, by engine: a commit costs a second on BigQuery's double. Two at least, for the first one of any is the plainest.
SHARES = {"postgres": 0.02, "bigquery": 0.005} if profile == PROVE else {"postgres": 0.4, "bigquery": 0.25}


def examples_on(engine: Engine) -> settings:
    """A failing example is shown as it was found: to shrink it takes minutes here, and DuckDB's run of the same model mostly shows it smaller."""
    own = max(2, round(most * SHARES[engine.name]))
    return settings(settings.get_profile(profile), max_examples=own, phases=(Phase.explicit, Phase.generate))


def emptied(engine: Engine) -> Any:
    """A warehouse of the engine, whose clock the model turns."""
    engine.clear()
    return engine.open()


def test_any_delivery_ends_in_the_newest_version(engine: Engine) -> None:

    @examples_on(engine)
    @given(worlds())
    def holds(given: list[World]) -> None:
        merges.ends_in_the_newest_version(merges.Trial(emptied(engine)), given)

    holds()


def test_any_history_of_days_ends_as_the_model_says(engine: Engine) -> None:

    @examples_on(engine)
    @given(day_sets.COMMITS, st.sampled_from(["merge", "merge", "merge", "insert-only"]))
    def holds(commits: list[list[day_sets.Read]], mode: LoadMode) -> None:
        running = day_sets.Trial(emptied(engine))
        for reads in commits:
            running.commit(*reads, mode=mode)

    holds()


def test_any_history_of_reads_ends_as_the_model_says(engine: Engine) -> None:

    @examples_on(engine)
    @given(histories.COMMITS)
    def holds(commits: list[list[histories.Read]]) -> None:
        running = histories.Trial(emptied(engine))
        for reads in commits:
            running.commit(*reads)
        running.check_instants()

    holds()


def test_the_newest_stays_whatever_the_order_the_repetition_and_the_batches(engine: Engine) -> None:

    @examples_on(engine)
    @given(st.data(), latest.events)
    def holds(data: st.DataObject, posted: list[dict[str, Any]]) -> None:
        latest.stays_the_newest(emptied(engine), data, posted)

    holds()


def test_what_is_asked_of_a_folded_ledger_stays(engine: Engine) -> None:
    @examples_on(engine)
    @given(st.lists(st.one_of(folding.windows, folding.reads), min_size=1, max_size=14), st.integers(0, 60))
    def holds(runs: list[SyncRun], before: int) -> None:
        folding.answers_as_before(emptied(engine), runs, before)

    holds()

"""What is asked of a warehouse is understood by every engine, and answered alike."""

from __future__ import annotations

import re
from collections.abc import Iterator

import pytest

from asked_world import IS_IT_THERE, Asked, Question, asked_of_run, sites
from engines_alike import OTHERS, carried, differences
from restaurant_os.warehouse import Warehouse
from restaurant_os.warehouse.dialect import spoken

pytestmark = pytest.mark.timeout(600)  # the double of BigQuery takes its time over long views


# --- a translation ------------------------------------------------------------------------------------------------------


def test_parameters_are_as_many_and_in_their_order() -> None:
    asked = "WITH a AS (SELECT x FROM t WHERE y = ?) SELECT ?, '?' FROM a WHERE x IN (?, ?)"
    assert spoken(asked, "postgres") == "WITH a AS (SELECT x FROM t WHERE y = %s) SELECT %s, '?' FROM a WHERE x IN (%s, %s)"
    assert spoken(asked, "bigquery") == "WITH a AS (SELECT x FROM t WHERE y = ?) SELECT ?, '?' FROM a WHERE x IN (?, ?)"


def test_a_percent_sign_is_none_of_the_driver_s() -> None:
    assert spoken("SELECT a FROM t WHERE b LIKE 'x%' AND c = ?", "postgres") == "SELECT a FROM t WHERE b LIKE 'x%%' AND c = %s"


def test_parameters_that_would_change_places_are_refused() -> None:
    with pytest.raises(ValueError, match="do not keep their order"):
        spoken("SELECT strftime(?, ?) FROM t", "bigquery")


def test_two_statements_are_refused() -> None:
    with pytest.raises(ValueError, match="one statement"):
        spoken("SELECT 1; SELECT 2", "postgres")


def test_nulls_are_last_and_the_least_is_that_of_what_is_known() -> None:
    asked = "SELECT least(a, b) FROM t ORDER BY c, d DESC"
    assert spoken(asked, "postgres") == "SELECT LEAST(a, b) FROM t ORDER BY c, d DESC NULLS LAST"
    assert spoken(asked, "bigquery") == "SELECT (SELECT MIN(one) FROM UNNEST([a, b]) AS one) FROM t ORDER BY c NULLS LAST, d DESC"


# --- everything that is asked -------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def asked(tmp_path_factory: pytest.TempPathFactory) -> Asked:
    return asked_of_run(tmp_path_factory)


@pytest.fixture(scope="module", params=OTHERS)
def engines(
    request: pytest.FixtureRequest, asked: Asked, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[tuple[Warehouse, Warehouse]]:
    with carried(asked.path, request.param, tmp_path_factory) as both:
        yield both


def test_every_place_of_ours_that_asks_was_reached(asked: Asked) -> None:
    assert sites() - asked.sites == IS_IT_THERE


def test_every_kind_of_question_has_an_answer_to_compare(asked: Asked) -> None:
    """Questions that differ only in how many values they name are of one kind."""
    from restaurant_os.warehouse.duckdb import DuckDBWarehouse

    warehouse = DuckDBWarehouse(asked.path, idle_seconds=5)
    answered = {_kind(sql) for (sql, _), rows in zip(asked.questions, warehouse.answers(*asked.questions), strict=True) if rows}
    warehouse.close()
    assert {_kind(sql) for sql, _ in asked.questions} - answered == set()


def _kind(sql: str) -> str:
    return re.sub(r"\?(, \?)+", "?", sql)


def test_every_question_has_the_same_answer(engines: tuple[Warehouse, Warehouse], asked: Asked) -> None:
    """Two of each kind."""
    kinds: dict[str, list[Question]] = {}
    for question in asked.questions:
        kinds.setdefault(_kind(question[0]), []).append(question)
    questions = [question for own in kinds.values() for question in own[:2]]
    ours, others = (warehouse.answers(*questions) for warehouse in engines)
    found = {question: differences(*both)[:3] for question, *both in zip(questions, ours, others, strict=True)}
    assert {question: pairs for question, pairs in found.items() if pairs} == {}

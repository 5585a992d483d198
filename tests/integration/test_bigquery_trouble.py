"""What goes wrong with BigQuery is told in our words: what state things are in, and what to do."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

pytest.importorskip("google.cloud.bigquery", reason="the package google-cloud-bigquery is not installed")

from google.api_core import exceptions as api
from google.cloud import bigquery as google

from keeping import free_port
from orders_world import orders_commit
from restaurant_os.errors import AwayError, RestaurantOSError, SettingsError, WarehouseError
from restaurant_os.settings import BigQuerySettings
from restaurant_os.warehouse.bigquery import BigQueryWarehouse
from restaurant_os.warehouse.bigquery_trouble import is_overtaken, is_passing, our_error

LABEL = "bigquery ours.restaurants"


def refused(kind: type[api.GoogleAPICallError], said: str, reason: str) -> api.GoogleAPICallError:
    """As the client raises it."""
    address = "https://bigquery.googleapis.com/bigquery/v2/projects/ours/jobs?prettyPrint=false"
    return kind(f"POST {address}: {said}", errors=[{"reason": reason, "message": said}])


def told(problem: Exception) -> tuple[type[RestaurantOSError], str, str]:
    found = our_error(problem, LABEL, 100)
    return type(found), found.message, found.next_step


@pytest.mark.parametrize(
    ("problem", "kind", "message", "step"),
    [
        (
            refused(
                api.Forbidden,
                "Access Denied: Project ours: User does not have bigquery.jobs.create permission in project ours.",
                "accessDenied",
            ),
            AwayError,
            "bigquery.jobs.create is missing",
            "roles/bigquery.jobUser on the project",
        ),
        (
            refused(
                api.Forbidden,
                "Access Denied: Table ours:restaurants.fact_orders: Permission bigquery.tables.updateData denied on table",
                "accessDenied",
            ),
            AwayError,
            "bigquery.tables.updateData is missing",
            "roles/bigquery.dataEditor on the dataset",
        ),
        (
            refused(
                api.Forbidden,
                "BigQuery API has not been used in project 7 before or it is disabled. Enable it by visiting https://console.example/apis then retry.",
                "accessNotConfigured",
            ),
            AwayError,
            "the BigQuery API is not enabled in the project",
            "gcloud services enable bigquery.googleapis.com",
        ),
        (
            refused(
                api.Forbidden,
                "Caller does not have required permission to use project ours. Grant the caller the roles/serviceusage.serviceUsageConsumer role",
                "forbidden",
            ),
            AwayError,
            "may not use the project that pays for the call",
            "roles/serviceusage.serviceUsageConsumer on that project",
        ),
        (
            refused(api.Forbidden, "VPC Service Controls: Request is prohibited by organization's policy.", "vpcServiceControls"),
            AwayError,
            "a rule of the organization keeps this machine from the project",
            "VPC Service Controls to let these credentials in",
        ),
        (
            refused(
                api.BadRequest, "Resources exceeded during query execution: Not enough resources for query planning", "resourcesExceeded"
            ),
            WarehouseError,
            "a query needs more than BigQuery gives one",
            "smaller spans",
        ),
        (
            refused(api.Forbidden, "Access Denied: Project ours: User does not have bigquery.datasets.create permission", "accessDenied"),
            AwayError,
            "bigquery.datasets.create is missing",
            "roles/bigquery.user on the project",
        ),
        (
            refused(
                api.Forbidden,
                "Billing has not been enabled for this project. DML queries are not allowed in the free tier.",
                "billingNotEnabled",
            ),
            AwayError,
            "no billing account",
            "Link a billing account",
        ),
        (
            refused(api.Forbidden, "Exceeded rate limits: too many table update operations", "rateLimitExceeded"),
            AwayError,
            "rate limit",
            "later",
        ),
        (refused(api.Forbidden, "Quota exceeded: load jobs per day", "quotaExceeded"), AwayError, "quota", "Quotas"),
        (
            refused(
                api.BadRequest, "Query exceeded limit for bytes billed: 1048576. 10485760 or higher required.", "bytesBilledLimitExceeded"
            ),
            WarehouseError,
            "more than the 100 GiB",
            "`most_gib_a_query` under [bigquery]",
        ),
        (
            refused(api.NotFound, "Not found: Dataset ours:restaurants was not found in location US", "notFound"),
            WarehouseError,
            "not found in location US",
            "`location`",
        ),
        (
            refused(api.Unauthorized, "Invalid Credentials", "authError"),
            AwayError,
            "refused the credentials",
            "gcloud auth application-default login",
        ),
        (refused(api.ServiceUnavailable, "backend", "backendError"), AwayError, "does not answer", "status.cloud.google.com"),
    ],
    ids=[
        "jobs",
        "tables",
        "api",
        "payer",
        "perimeter",
        "resources",
        "datasets",
        "billing",
        "rate",
        "quota",
        "bytes",
        "location",
        "token",
        "away",
    ],
)
def test_each_refusal_says_what_to_do(problem: Exception, kind: type[RestaurantOSError], message: str, step: str) -> None:
    found, said, next_step = told(problem)
    assert found is kind
    assert said.startswith(f"warehouse {LABEL}: ")
    assert message in said
    assert step in next_step
    assert "https://" not in said, "an address of the API helps nobody"


def test_a_text_from_outside_writes_to_no_terminal() -> None:
    _, said, _ = told(refused(api.BadRequest, "Unrecognized name: \x1b[31mred", "invalidQuery"))
    assert "\x1b" not in said


@pytest.mark.parametrize(
    ("said", "expected"),
    [
        ("Transaction is aborted due to concurrent update against table ours:restaurants.fact_orders. Transaction ID: x", True),
        ("Could not serialize access to table ours:restaurants.fact_orders due to concurrent update", True),
        ("restaurant-os: somebody else committed in between", True),
        ("Syntax error: Unexpected end of script", False),
    ],
)
def test_who_was_overtaken_is_told_by_what_bigquery_says(said: str, expected: bool) -> None:
    problem = refused(api.BadRequest, said, "invalidQuery")
    assert (is_overtaken(problem), is_passing(problem)) == (expected, False)


@pytest.mark.parametrize(
    ("place", "settings", "found"),
    [
        ("bigquery://ours", {}, "'bigquery://ours' cannot be read"),
        ("bigquery://ours/rest-aurants", {}, "cannot be read"),
        ("bigquery://ours/restaurants", {"api_endpoint": "http://example.com:80"}, "bigquery.api_endpoint is 'http://example.com:80'"),
    ],
)
def test_an_address_that_cannot_be_read_is_refused(place: str, settings: dict[str, Any], found: str) -> None:
    with pytest.raises(SettingsError) as problem:
        BigQueryWarehouse(place, BigQuerySettings(**settings))
    assert found in problem.value.message


def test_a_server_that_is_away_is_told_within_the_wait() -> None:
    away = BigQueryWarehouse(
        "bigquery://ours/restaurants", BigQuerySettings(api_endpoint=f"http://127.0.0.1:{free_port()}"), wait_seconds=1
    )
    with pytest.raises(WarehouseError, match=r"bigquery ours.restaurants: BigQuery does not answer, or not whole"):
        away.commit(orders_commit([]))


def test_a_server_that_goes_while_a_load_is_waited_for_is_told_within_the_wait() -> None:
    away = BigQueryWarehouse(
        "bigquery://ours/restaurants", BigQuerySettings(api_endpoint=f"http://127.0.0.1:{free_port()}"), wait_seconds=1
    )
    stage = {"projectId": "ours", "datasetId": "restaurants", "tableId": "stage"}
    under_way = {
        "jobReference": {"projectId": "ours", "jobId": "a-load", "location": "US"},
        "status": {"state": "RUNNING"},
        "configuration": {"load": {"destinationTable": stage}},
    }
    with pytest.raises(api.RetryError):
        away.jobs.loaded(google.LoadJob.from_api_repr(under_way, away.client))


def test_missing_credentials_say_how_to_get_some(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("GOOGLE_APPLICATION_CREDENTIALS", "GOOGLE_CLOUD_PROJECT"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.setenv("CLOUDSDK_CONFIG", str(tmp_path))
    monkeypatch.setenv("NO_GCE_CHECK", "true")
    with pytest.raises(AwayError, match="no credentials for Google Cloud were found") as told:
        BigQueryWarehouse("bigquery://ours/restaurants", BigQuerySettings()).rows("SELECT 1")
    assert "gcloud auth application-default login" in told.value.next_step

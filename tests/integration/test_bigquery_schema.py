"""How a dataset of BigQuery is laid out, and brought up to date."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

pytest.importorskip("google.cloud.bigquery", reason="the package google-cloud-bigquery is not installed")

from google.cloud import bigquery as google

from bigquery_double import Reachable, double_of_this_run
from bigquery_world import opened, without_views
from restaurant_os.errors import AwayError, WarehouseError
from restaurant_os.tables import BY_NAME, FACT_ORDERS, TABLES
from restaurant_os.warehouse.bigquery import BigQueryWarehouse
from restaurant_os.warehouse.compiled import views

pytestmark = pytest.mark.timeout(600)


@pytest.fixture(scope="module")
def double(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Reachable]:
    with double_of_this_run(tmp_path_factory) as found:
        yield found


@pytest.fixture
def warehouse(double: Reachable) -> Iterator[BigQueryWarehouse]:
    """Of a dataset that is not there."""
    with double.dataset() as url:
        yield opened(double, url, labels={"team": "data"})


def layout(warehouse: BigQueryWarehouse, name: str) -> tuple[str | None, list[str] | None]:
    table = warehouse.client.get_table(warehouse.dataset.table(name))
    return table.time_partitioning and table.time_partitioning.field, table.clustering_fields


def test_everything_is_made_once_and_a_plan_says_so_before(warehouse: BigQueryWarehouse) -> None:
    name = warehouse.dataset.dataset_id
    expected = [f"make dataset {name} in US", *(f"make table {spec.name}" for spec in TABLES), "make table restaurant_os_bills"]
    expected += [f"make view {view}" for view in views("bigquery")]
    assert warehouse.migrate(plan=True) == expected
    assert [item.dataset_id for item in warehouse.client.list_datasets() if item.dataset_id == name] == []
    assert warehouse.migrate() == expected
    assert (warehouse.migrate(plan=True), warehouse.migrate()) == ([], [])
    assert warehouse.rows("SELECT count(*) FROM daily_profitability") == [(0,)]
    for table, parted, clustered in (
        ("fact_orders", "created_at", ["restaurant_guid", "business_date"]),
        ("fact_labor_shifts", "created_at", ["restaurant_guid", "business_date"]),
        ("fact_order_items", "business_date", ["restaurant_guid"]),
        ("fact_refunds", "business_date", ["restaurant_guid"]),
        ("daily_summaries", "date", ["restaurant_guid"]),
        ("dim_jobs", None, ["restaurant_guid"]),
    ):
        assert layout(warehouse, table) == (parted, clustered)
    items = warehouse.client.get_table(warehouse.dataset.table("fact_order_items"))
    assert (items.description, items.labels) == (BY_NAME["fact_order_items"].meaning, {"team": "data"})
    price = next(field for field in items.schema if field.name == "item_price")
    assert (price.field_type, price.precision, price.scale, price.mode) == ("NUMERIC", 18, 4, "NULLABLE")
    assert [field.name for field in items.schema if field.mode == "REQUIRED"] == ["order_guid", "selection_guid"]


def test_missing_columns_are_added_and_a_users_own_stay(warehouse: BigQueryWarehouse, monkeypatch: pytest.MonkeyPatch) -> None:
    without_views(monkeypatch)
    client, place = warehouse.client, warehouse.dataset.table("fact_orders")
    client.create_dataset(google.Dataset(warehouse.dataset))
    old = [google.SchemaField(name, "STRING") for name in ("order_guid", "restaurant_guid", "our_own")]
    client.create_table(google.Table(place, schema=old))
    steps = warehouse.migrate(plan=True)
    missing = [name for name in FACT_ORDERS.names if name not in ("order_guid", "restaurant_guid")]
    assert steps[0] == f"add to fact_orders: {', '.join(missing)}"
    assert warehouse.migrate() == steps
    assert [field.name for field in client.get_table(place).schema] == ["order_guid", "restaurant_guid", "our_own", *missing]


def test_a_column_of_another_type_is_refused(warehouse: BigQueryWarehouse, monkeypatch: pytest.MonkeyPatch) -> None:
    without_views(monkeypatch)
    warehouse.client.create_dataset(google.Dataset(warehouse.dataset))
    own = google.Table(warehouse.dataset.table("fact_orders"), schema=[google.SchemaField("order_guid", "INTEGER")])
    warehouse.client.create_table(own)
    with pytest.raises(WarehouseError, match='table "fact_orders", column "order_guid" is INTEGER, STRING was expected'):
        warehouse.migrate()


def test_a_dataset_elsewhere_is_told_apart(double: Reachable, warehouse: BigQueryWarehouse) -> None:
    own = google.Dataset(warehouse.dataset)
    own.location = "europe-west3"
    warehouse.client.create_dataset(own)
    with pytest.raises(AwayError, match="the dataset is in europe-west3, the settings say US") as told:
        warehouse.rows("SELECT 1")
    assert 'location = "europe-west3"' in told.value.next_step

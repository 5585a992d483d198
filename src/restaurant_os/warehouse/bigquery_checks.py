"""How a BigQuery dataset is reached and what may be done with it, for `doctor`. Costs nothing: a dry run, and questions about permissions."""

from __future__ import annotations

from contextlib import suppress
from dataclasses import dataclass

from google.api_core import exceptions as api
from google.cloud import bigquery as google

from restaurant_os.errors import AccessError, RestaurantOSError
from restaurant_os.settings import BigQuerySettings
from restaurant_os.tables import FACT_ORDERS
from restaurant_os.warehouse.bigquery import BigQueryWarehouse
from restaurant_os.warehouse.bigquery_trouble import as_our_errors

#: What a sync does to tables, stages of its own among them; that it may make those is in the same role.
NEEDED = ("bigquery.tables.getData", "bigquery.tables.updateData", "bigquery.tables.delete")
ASKED_SECONDS = 30.0


@dataclass(frozen=True, slots=True)
class Examined:
    """`location`: of the dataset; None where there is none. `refused`: what may not be done, and which role is missing."""

    location: str | None
    refused: RestaurantOSError | None = None


def examined(place: str, settings: BigQuerySettings) -> Examined:
    """
    Raises:
        RestaurantOSError: it cannot be reached; no query may be run; or the dataset is in another location than the settings say.
    """
    warehouse = BigQueryWarehouse(place, settings)
    try:
        with as_our_errors(warehouse.label, settings.most_gib_a_query):
            try:
                own = warehouse.client.get_dataset(warehouse.dataset, timeout=ASKED_SECONDS)
            except api.NotFound:
                return Examined(None)
            config = google.QueryJobConfig(dry_run=True, use_query_cache=False, default_dataset=warehouse.dataset, use_legacy_sql=False)
            warehouse.client.query("SELECT 1", job_config=config, timeout=ASKED_SECONDS)
            return Examined(str(own.location), _refused(warehouse))
    finally:
        warehouse.close()


def _refused(warehouse: BigQueryWarehouse) -> RestaurantOSError | None:
    held = None
    with suppress(api.NotFound, api.MethodNotImplemented, api.MethodNotAllowed):  # no table yet, or not Google's own API
        table = warehouse.dataset.table(FACT_ORDERS.name)
        held = warehouse.client.test_iam_permissions(table, NEEDED, timeout=ASKED_SECONDS)
    missing = [own for own in NEEDED if held is not None and own not in held.get("permissions", [])]
    if not missing:
        return None
    return AccessError(
        f"{' and '.join(missing)} is missing: nothing can be synced",
        next_step="Grant whoever these credentials are roles/bigquery.dataEditor on the dataset.",
    )

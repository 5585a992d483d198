"""What both dlt contestants share: the pipeline, and our tables as hints that a dlt user would write by hand."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import dlt

from restaurant_os.tables import COUNT, DATE, FLAG, INSTANT, LOADED_AT, MONEY, ORDER_TABLES, REAL, TEXT, TableSpec

os.environ["RUNTIME__DLTHUB_TELEMETRY"] = "false"
os.environ["RUNTIME__LOG_LEVEL"] = "ERROR"

TYPES: dict[Any, dict[str, Any]] = {
    MONEY: {"data_type": "decimal", "precision": 18, "scale": 4},
    INSTANT: {"data_type": "timestamp"},
    TEXT: {"data_type": "text"},
    DATE: {"data_type": "date"},
    FLAG: {"data_type": "bool"},
    COUNT: {"data_type": "bigint"},
    REAL: {"data_type": "double"},
}
DATASET = "orders"


def resources(rows: dict[str, list[Any]], *, hinted: bool) -> list[Any]:
    """A resource per table, merged on its key. `hinted`: say the columns' types too (Arrow brings its own)."""
    return [
        dlt.resource(
            rows[spec.name],
            name=spec.name,
            write_disposition="merge",
            primary_key=list(spec.key),
            columns=columns(spec) if hinted else {},
        )
        for spec in ORDER_TABLES
    ]


def columns(spec: TableSpec) -> Any:
    return {c.name: TYPES[c.type] | {"nullable": c.name not in spec.key} for c in spec.columns if c.name != LOADED_AT}


def run(found: list[Any], folder: Path, name: str) -> Path:
    file = folder / f"{name}.duckdb"
    pipeline = dlt.pipeline(
        pipeline_name=name, pipelines_dir=str(folder / "pipelines"), destination=dlt.destinations.duckdb(str(file)), dataset_name=DATASET
    )
    pipeline.run(found, loader_file_format="parquet").raise_on_failed_jobs()
    return file

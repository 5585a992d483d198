"""A function's HTTP side: a request of the platform's framework in, what that framework sends out."""

from __future__ import annotations

import json
import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING

from restaurant_os.cloud.handle import BAD, Document, handle
from restaurant_os.cloud.request import EXPIRES_HEADER, MOST_BYTES, TOKEN_HEADER

if TYPE_CHECKING:
    from flask import Request

HEADERS = {"Content-Type": "application/json; charset=utf-8", "Cache-Control": "no-store"}
METHODS = ("POST", "GET")


def respond(dataset: str, request: Request, folder: Path) -> tuple[str, int, dict[str, str]]:
    """Answer a request. `folder`: where main.py is, with restaurant-os.toml beside it."""
    began = time.monotonic()
    if request.method not in METHODS:
        error = {"field": "method", "message": f"method: {request.method} is not answered.", "next_step": "Send it with POST."}
        document, status = {"error": error}, BAD
    else:
        document, status = handle(
            dataset,
            request.stream.read(MOST_BYTES + 1),
            config=folder / "restaurant-os.toml",
            token=request.headers.get(TOKEN_HEADER),
            token_expires=request.headers.get(EXPIRES_HEADER),
            began=began,
        )
    sys.stdout.write(json.dumps(_line(dataset, document, status)) + "\n")
    sys.stdout.flush()
    return json.dumps(document, ensure_ascii=False) + "\n", status, HEADERS


def _line(dataset: str, document: Document, status: int) -> dict[str, object]:
    """One line of the function's log, as the platform reads it."""
    error = document.get("error")
    told = f": {error['message']}" if error else ""
    if "locations" in document:
        locations = document["locations"]
        told += (
            f": {len(locations)} locations, {document['failed']} failed, {document['left']} with something left, {document['seconds']} s"
        )
    return {"severity": "INFO" if status == 200 else "WARNING" if status < 500 else "ERROR", "message": f"{dataset} {status}{told}"}

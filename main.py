"""The entry points that the platforms name: four functions, and `app` for `uvicorn main:app`. Nothing is imported before the first use, so that an
instance starts at once and no function imports the web service."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from flask import Request

FOLDER = Path(__file__).resolve().parent
#: Where the package is when it was uploaded and not installed.
if (SOURCES := str(FOLDER / "src")) not in sys.path:
    sys.path.append(SOURCES)

Response = tuple[str, int, dict[str, str]]


def orders_daily(request: Request) -> Response:
    """Orders of one location or all."""
    return _respond("orders", request)


def cash_daily(request: Request) -> Response:
    """Cash entries and deposits."""
    return _respond("cash", request)


def labor_daily(request: Request) -> Response:
    """Punches and scheduled shifts."""
    return _respond("labor", request)


def config_weekly(request: Request) -> Response:
    """Restaurants, employees, jobs, menus and the other lists."""
    return _respond("config", request)


def __getattr__(name: str) -> Any:
    """`app`, the service, made when it is first asked for."""
    if name != "app":
        raise AttributeError(f"module 'main' has no attribute '{name}'")
    from restaurant_os.service.asgi import application

    globals()["app"] = made = application(FOLDER)
    return made


def _respond(dataset: str, request: Request) -> Response:
    from restaurant_os.cloud.web import respond

    return respond(dataset, request, FOLDER)

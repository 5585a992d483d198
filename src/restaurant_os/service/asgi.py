"""The application for a server of one's own: `uvicorn main:app`."""

from __future__ import annotations

import os
from pathlib import Path

from fastapi import FastAPI

from restaurant_os import terminal
from restaurant_os.app import build_app
from restaurant_os.errors import RestaurantOSError
from restaurant_os.service import log
from restaurant_os.service.api import build_api
from restaurant_os.service.running import Service
from restaurant_os.service.server import secrets_of
from restaurant_os.settings import FILE_NAME, load


def application(folder: Path) -> FastAPI:
    """The service by the settings that RESTAURANT_OS_CONFIG names, or of this folder, or of `folder`. Who may is asked of each request: where the
    server listens is not known.

    Settings that cannot be used end the process with our message.
    """
    beside = folder / FILE_NAME
    is_there = os.environ.get("RESTAURANT_OS_CONFIG") or Path(FILE_NAME).is_file() or not beside.is_file()
    try:
        settings = load(None if is_there else beside)
    except RestaurantOSError as problem:
        terminal.print_error(problem)
        raise SystemExit(problem.exit_code) from None
    lines = log.set_up(secrets_of(settings))
    return build_api(Service(build_app(settings)), lines.put)

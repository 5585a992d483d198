"""What every test shares: a cache folder of its own, no settings from the outside."""

from __future__ import annotations

import os
from pathlib import Path

import pytest


@pytest.fixture(autouse=True)
def own_environment(tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch) -> None:
    """No test reads the developer's settings, credentials or tokens, and none leaves a token behind."""
    for name in list(os.environ):
        if name.startswith(("RESTAURANT_OS_", "TOAST_")):
            monkeypatch.delenv(name)
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path_factory.mktemp("cache")))


REPOSITORY = Path(__file__).parents[1]

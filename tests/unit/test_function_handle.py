"""What a function answers when it cannot do its work, and how long it gives itself."""

from __future__ import annotations

import logging
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from restaurant_os.app import App
from restaurant_os.cloud.handle import _allowed, handle, in_the_cloud, load_settings
from restaurant_os.settings import load
from restaurant_os.sources.toast.token import Token

NOW = datetime(2026, 3, 10, 20, tzinfo=UTC)
PLACE = '[[locations]]\nname = "North"\ntoast_guid = "0f9d0c1e-1111-4a11-8a11-000000000001"\ntimezone = "America/New_York"\n'
SECRET = "a-very-secret-value"  # made up


@pytest.fixture
def config(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("TOAST_CLIENT_ID", "id")
    monkeypatch.setenv("TOAST_CLIENT_SECRET", SECRET)
    path = tmp_path / "restaurant-os.toml"
    path.write_text(PLACE)
    return path


def test_a_fault_of_ours_is_told_by_its_kind_and_its_secrets_by_nothing(config: Path, caplog: pytest.LogCaptureFixture) -> None:
    """The caller gets no traceback; the log has one, with the secrets blotted out."""

    def broken(*_: Any, **__: Any) -> App:
        raise RuntimeError(f"cannot use {SECRET} and the-shared-token")

    with caplog.at_level(logging.ERROR):
        document, status = handle("orders", b"", config=config, token="the-shared-token", token_expires="9999999999", build=broken)

    assert (status, set(document)) == (500, {"error"})
    assert document["error"]["message"] == "orders: a fault of this program (RuntimeError)."
    assert "RuntimeError: cannot use *** and ***" in caplog.text


def test_a_wrong_call_is_refused_before_the_settings_are_read(tmp_path: Path) -> None:
    document, status = handle("orders", b'{"start_date": "2025-01-01"}', config=tmp_path / "none.toml")

    assert (status, document["error"]["field"]) == (400, "end_date")


def test_without_locations_the_answer_says_so(tmp_path: Path) -> None:
    document, status = handle("orders", b"", config=tmp_path / "none.toml")

    assert (status, "no location is configured" in document["error"]["message"]) == (500, True)


def test_the_settings_are_those_named_by_the_environment_then_those_beside_main(
    config: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    other = tmp_path / "other.toml"
    other.write_text("wait_seconds = 7\n" + PLACE)

    assert load_settings(config).wait_seconds == 30
    monkeypatch.setenv("RESTAURANT_OS_CONFIG", str(other))
    assert load_settings(config).wait_seconds == 7


def test_a_call_stops_a_minute_before_its_time_is_up() -> None:
    """Or a quarter of little time; and before a shared token ends, which it may not replace."""
    assert _allowed(540, None, NOW) == 480
    assert _allowed(120, None, NOW) == 90
    assert _allowed(540, Token("shared", NOW + timedelta(minutes=6)), NOW) == 360 - 60 - 60
    assert _allowed(540, Token("shared", NOW + timedelta(hours=1)), NOW) == 480


def test_no_wait_outlasts_what_is_kept_back(config: Path) -> None:
    """Neither for an answer nor for the warehouse's file."""
    settings = in_the_cloud(load(config, toast={"timeout_seconds": 60}, wait_seconds=600))

    assert (settings.toast.timeout_seconds, settings.wait_seconds) == (30, 30)
    assert in_the_cloud(load(config, wait_seconds=5)).wait_seconds == 5

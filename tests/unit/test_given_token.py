"""A token that a caller shares: used while it lasts, never replaced, never written."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path

import pytest

from fake_time import START, FakeClock
from restaurant_os.errors import CredentialsError
from restaurant_os.sources.toast.token import GivenToken, Token, TokenStore


def given(folder: Path, clock: FakeClock) -> GivenToken:
    turns = TokenStore(folder, base_url="http://toast.invalid", client_id="id", client_secret="secret")
    return GivenToken(Token("shared", START + timedelta(hours=1)), clock.now, turns)


def test_it_lasts_until_its_last_minute(tmp_path: Path) -> None:
    """Then it is at an end: the caller must send another."""
    clock = FakeClock()
    token = given(tmp_path, clock)

    assert token.read().value == "shared"
    clock.elapsed = 59 * 60 + 1
    with pytest.raises(CredentialsError, match="has ended"):
        token.read()


def test_one_that_was_refused_is_not_used_again(tmp_path: Path) -> None:
    token = given(tmp_path, FakeClock())

    token.forget()

    with pytest.raises(CredentialsError, match="was refused"):
        token.read()


def test_nothing_of_it_is_written_and_turns_are_those_of_the_client(tmp_path: Path) -> None:
    clock = FakeClock()
    token = given(tmp_path, clock)

    token.write(Token("other", START))

    assert list(tmp_path.iterdir()) == []
    assert token.read().value == "shared"
    own = TokenStore(tmp_path, base_url="http://toast.invalid", client_id="id", client_secret="secret")
    assert token.turn_file("x") == own.turn_file("x")

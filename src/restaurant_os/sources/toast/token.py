"""One Toast token per client, kept between runs.

Toast hands out the same token until its last minute and asks for no more than two logins an hour (reference, section 1), so
a command that runs every five minutes must find the token of the last one. It is kept in the user's cache folder, readable
by its owner only, in a file named by a digest of the address, the client and its secret.
"""

from __future__ import annotations

import base64
import hashlib
import json
import os
import tempfile
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path

from restaurant_os.errors import CredentialsError

#: A new token is given only in the last minute of the old one (Toast: apiAuthTokenRefresh).
RENEW_BEFORE = timedelta(seconds=60)


@dataclass(frozen=True, slots=True)
class Token:
    value: str
    expires_at: datetime

    def is_fresh(self, now: datetime) -> bool:
        return now < self.expires_at - RENEW_BEFORE

    def scopes(self) -> frozenset[str] | None:
        """What the token's claims say it may do (reference, section 1); None where it is no JWT that says so. Not a check of the token."""
        try:
            middle = self.value.split(".")[1]
            claims = json.loads(base64.urlsafe_b64decode(middle + "=" * (-len(middle) % 4)))
            return frozenset(str(claims["scope"]).split())
        except (IndexError, ValueError, KeyError, TypeError):
            return None

    def __repr__(self) -> str:
        return f"Token(expires_at={self.expires_at.isoformat()})"


class TokenStore:
    """The token of one client, on disk."""

    def __init__(self, folder: Path, *, base_url: str, client_id: str, client_secret: str) -> None:
        digest = hashlib.sha256("\0".join((base_url, client_id, client_secret)).encode()).hexdigest()[:32]
        self.path = folder / f"toast-{digest}.json"

    def read(self) -> Token | None:
        try:
            found = json.loads(self.path.read_text())
            return Token(str(found["token"]), datetime.fromtimestamp(float(found["expires_at"]), UTC))
        except (OSError, ValueError, KeyError, TypeError, OverflowError):
            return None

    def write(self, token: Token) -> None:
        """Replace the file at once, never half. A folder that cannot be written costs only a login next time."""
        with suppress(OSError):
            self.path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
            handle, name = tempfile.mkstemp(dir=self.path.parent)  # made with mode 0600
            with os.fdopen(handle, "w") as file:
                json.dump({"token": token.value, "expires_at": token.expires_at.timestamp()}, file)
            Path(name).replace(self.path)

    def turn_file(self, what: str) -> Path:
        """The file whose turn one process at a time has for `what` with this client's token."""
        return self.path.with_name(f"{self.path.stem}-{what}.lock")

    def forget(self) -> None:
        with suppress(OSError):
            self.path.unlink()


class GivenToken(TokenStore):
    """The token a caller brought, for as long as it lasts: in memory alone, and never replaced by a login of ours.

    Its turns are those of the client it was given to, so that processes beside each other still take them one at a time.
    """

    def __init__(self, token: Token, now: Callable[[], datetime], turns: TokenStore) -> None:
        self.path = turns.path
        self._token = token
        self._now = now
        self._is_refused = False

    def read(self) -> Token:
        """The token.

        Raises:
            CredentialsError: it has ended, or Toast refused it.
        """
        if self._is_refused or not self._token.is_fresh(self._now()):
            why = "was refused by Toast" if self._is_refused else "has ended"
            raise CredentialsError(f"The token that came with the call {why}.", next_step="Call again with a new one, or with none.")
        return self._token

    def write(self, token: Token) -> None:
        """It stays with its caller."""

    def forget(self) -> None:
        self._is_refused = True


def default_folder() -> Path:
    """The user's cache folder."""
    return Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "restaurant-os"

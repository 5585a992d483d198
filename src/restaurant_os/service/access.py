"""Who may: keys of 256 bits with scopes, and a trial without any on this machine alone.

A key is told by the SHA-256 of its text; the text itself is shown once, when it is made, and is nowhere after. 256 bits of chance need no slow hash.
"""

from __future__ import annotations

import hashlib
import hmac
import ipaddress
import re
import secrets
import time
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from restaurant_os.operations import Key, Operations, Scope
from restaurant_os.service import answers
from restaurant_os.settings import Settings

PREFIX = "rok_"
#: 256 bits as base64url.
KEY = re.compile(r"rok_[A-Za-z0-9_-]{43}")
#: The keys are read this often, and nobody is let in by keys that are older than that: a key counts, and counts no more, within 5 s.
READ_EVERY, OLDEST = 1.5, 4.5
#: Without one, a name that this machine alone has.
LOCAL_HOST = re.compile(r"(?:localhost|127\.0\.0\.1|\[::1\])(?::\d{1,5})?", re.IGNORECASE)
TOLD_BY_PROXIES = ("forwarded", "x-real-ip", "via")
Header = Sequence[tuple[bytes, bytes]]


def new_key(name: str, scopes: Sequence[Scope], now: datetime) -> tuple[str, Key]:
    """A key's text, to be shown once, and what is kept of it."""
    text = PREFIX + secrets.token_urlsafe(32)
    return text, Key(key_id=secrets.token_hex(6), name=name, scopes=tuple(scopes), digest=digest(text), created_at=now)


def digest(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()


@dataclass
class Keyring:
    """The keys as they were last read. `refresh` blocks, and is for a thread of its own; all else is for the event loop."""

    operations: Callable[[], Operations]
    settings: Settings
    _keys: tuple[Key, ...] = ()
    _read_at: float = float("-inf")
    _digests: tuple[tuple[bytes, tuple[Scope, ...]], ...] = field(default=())

    def refresh(self) -> None:
        """
        Raises:
            OperationsError: the store cannot be read; the keys stay as they were, until they are too old.
        """
        began = time.monotonic()
        self._keys = tuple(self.operations().keys())
        self._digests = tuple((key.digest.encode(), key.scopes) for key in self._keys if key.revoked_at is None)
        self._read_at = began

    @property
    def is_fresh(self) -> bool:
        return time.monotonic() - self._read_at <= OLDEST

    @property
    def has_valid_key(self) -> bool:
        return bool(self._digests)

    @property
    def is_trial(self) -> bool:
        """No key was ever made (one that is revoked ended the trial for good), and nothing says that this is more than a trial."""
        return not self._keys and not beyond_trial(self.settings)

    def let_in(self, scope: Any, wanted: Scope) -> None:
        """
        Raises:
            AnswerError: 401 without a valid key, 403 where it lacks the scope, 503 where the keys are not known.
        """
        if not self.is_fresh:
            raise answers.keys_unknown()
        given = given_key(scope["headers"])
        if given is not None:
            found = self._scopes_of(given)
            if found is None:
                raise answers.no_key()
            if wanted not in found:
                raise answers.wrong_scope(wanted)
        elif not self.is_trial:
            raise answers.no_key()
        elif why := not_local(scope):
            raise answers.not_a_trial(why)

    def _scopes_of(self, text: str) -> tuple[Scope, ...] | None:
        """Every key is compared, each in constant time."""
        wanted = digest(text).encode() if KEY.fullmatch(text) else b""
        found = [scopes for known, scopes in self._digests if hmac.compare_digest(known, wanted)]
        return found[0] if found else None


def beyond_trial(settings: Settings) -> str:
    """What of the settings ends the trial, for a person; '' where nothing does."""
    named = {
        "TOAST_CLIENT_ID": settings.toast_client_id.get_secret_value(),
        "TOAST_CLIENT_SECRET": settings.toast_client_secret.get_secret_value(),
        "TOAST_WEBHOOK_SECRETS": settings.webhook_secrets,
        "service.public_url": settings.service.public_url,
    }
    return ", ".join(name for name, value in named.items() if value)


def given_key(headers: Header) -> str | None:
    """The text that came as a key, whatever it is; None where none did."""
    found: str | None = None
    for name, value in headers:
        if name == b"authorization":
            kind, _, rest = value.decode("latin-1").partition(" ")
            return rest.strip() if kind.lower() == "bearer" else ""
        if name == b"x-api-key" and found is None:
            found = value.decode("latin-1").strip()
    return found


def not_local(scope: Any) -> str:
    """Why a request is not one of this machine itself, as far as can be told; '' where it is."""
    if not is_loopback((scope.get("server") or ("",))[0]) or not is_loopback((scope.get("client") or ("",))[0]):
        return "this one came from or to another address"
    headers = scope["headers"]
    if any(name.decode("latin-1").startswith("x-forwarded-") or name.decode("latin-1") in TOLD_BY_PROXIES for name, _ in headers):
        return "this one came through a proxy"
    hosts = [value.decode("latin-1") for name, value in headers if name == b"host"]
    if len(hosts) != 1 or not LOCAL_HOST.fullmatch(hosts[0]):
        return "this one was meant for another host name"
    if scope["http_version"] != "1.1":
        return "this one is not HTTP/1.1"
    if scope["method"] == "POST" and not says_json(headers):
        return "this one is not application/json"
    return ""


def is_loopback(address: object) -> bool:
    try:
        found = ipaddress.ip_address(str(address).partition("%")[0])
    except ValueError:
        return False
    mapped = getattr(found, "ipv4_mapped", None)
    return bool((mapped or found).is_loopback)


def says_json(headers: Iterable[tuple[bytes, bytes]]) -> bool:
    found = [value for name, value in headers if name == b"content-type"]
    return len(found) == 1 and found[0].split(b";")[0].strip().lower() == b"application/json"

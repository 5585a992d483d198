"""API clients, and the tokens they get.

Source: dev:authentication, dev:apiAuthTokenRefresh, dev:apiScopes.
"""

from __future__ import annotations

import base64
import hashlib
import hmac
import secrets
import tomllib
import uuid
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

import msgspec

from restaurant_os.simulator.errors import OptionError, ToastError

ACCESS_TYPE = "TOAST_MACHINE_CLIENT"
TOKEN_LIFE_SECONDS = 24 * 60 * 60
#: In its last seconds of life a token is replaced at login; before that, login gives the same one again.
RENEWAL_SECONDS = 60

READ_SCOPES = frozenset(
    {
        "orders:read",
        "guest.pi:read",
        "delivery_info.address:read",
        "cashmgmt:read",
        "labor:read",
        "labor.employees:read",
        "menus:read",
        "config:read",
        "restaurants:read",
        "stock:read",
        "kitchen:read",
        "digital_schedule:read",
        "packaging:read",
        "device-details.info:read",
    }
)
_HEADER = {"alg": "HS256", "typ": "JWT"}
_ISSUER = "https://simulator.example.com/"
_CLAIM = "https://toasttab.com/"


@dataclass(frozen=True, slots=True)
class Client:
    """An API client. `locations` are the restaurant GUIDs connected to it; None means every one."""

    id: str
    secret: str
    name: str
    scopes: frozenset[str] = READ_SCOPES
    locations: frozenset[str] | None = None

    def __repr__(self) -> str:
        return f"Client(id={self.id!r})"

    def reaches(self, restaurant_guid: str) -> bool:
        return self.locations is None or restaurant_guid in self.locations


DEMO_CLIENT = Client(id="demo-client", secret="demo-secret", name="Demo client")  # the published demo secret


def read_clients(path: Path, restaurant_guids: Sequence[str]) -> list[Client]:
    """Read `[[clients]]` from a TOML file. A location is a GUID, an index into `restaurant_guids` from 0, or "ALL".

    Raises:
        OptionError: the file cannot be read or says something that cannot be.
    """
    try:
        content = tomllib.loads(path.read_text(encoding="utf-8"))
    except (OSError, UnicodeDecodeError, tomllib.TOMLDecodeError) as error:
        raise OptionError(f"clients file {path}: {error}") from error
    entries = content.get("clients")
    if set(content) != {"clients"} or not isinstance(entries, list) or not entries:
        raise OptionError(f"clients file {path}: expected [[clients]] tables and nothing else")
    clients = []
    for number, entry in enumerate(entries, start=1):
        try:
            clients.append(_client(entry, restaurant_guids))
        except OptionError as error:
            raise OptionError(f"clients file {path}, client {number}: {error}") from None
    if len({client.id for client in clients}) != len(clients):
        raise OptionError(f"clients file {path}: two clients have the same id")
    return clients


def _client(entry: object, restaurant_guids: Sequence[str]) -> Client:
    if not isinstance(entry, dict):
        raise OptionError("expected a table")
    if unknown := sorted(set(entry) - {"id", "secret", "name", "scopes", "locations"}):
        raise OptionError(f"unknown key {unknown[0]!r}")
    texts = {}
    for key in ("id", "secret", "name"):
        value = entry.get(key, entry.get("id") if key == "name" else None)
        if not isinstance(value, str) or not value:
            raise OptionError(f"{key} must be a text that is not empty")
        texts[key] = value
    scopes = entry.get("scopes", sorted(READ_SCOPES))
    if not isinstance(scopes, list) or not all(isinstance(scope, str) and ":" in scope for scope in scopes):
        raise OptionError('scopes must be a list of texts such as "orders:read"')
    locations = _locations(entry.get("locations", ["ALL"]), restaurant_guids)
    return Client(**texts, scopes=frozenset(scopes), locations=locations)


def _locations(value: object, restaurant_guids: Sequence[str]) -> frozenset[str] | None:
    if value == "ALL" or value == ["ALL"]:
        return None
    if not isinstance(value, list):
        raise OptionError('locations must be a list of GUIDs or indexes, or ["ALL"]')
    found = set()
    for item in value:
        if isinstance(item, int) and not isinstance(item, bool) and 0 <= item < len(restaurant_guids):
            found.add(restaurant_guids[item])
        elif isinstance(item, str) and item.lower() in restaurant_guids:
            found.add(item.lower())
        else:
            raise OptionError(f"no location {item!r}: give a GUID of this world or an index from 0 to {len(restaurant_guids) - 1}")
    return frozenset(found)


@dataclass(frozen=True, slots=True)
class Token:
    text: str
    expires: int  # epoch seconds, by the API clock


class Tokens:
    """Issues and checks tokens. Times are the API clock's, given by the caller."""

    def __init__(self, clients: Iterable[Client]) -> None:
        self.clients = {client.id: client for client in clients}
        self._key = secrets.token_bytes(32)
        self._current: dict[str, Token] = {}
        self._forgotten: set[str] = set()

    def login(self, client_id: str, client_secret: str, now: datetime) -> Token:
        """The client's token: the one it has, until the last minute of its life.

        Raises:
            ToastError: 401, the credentials are not known.
        """
        client = self.clients.get(client_id)
        known = client.secret if client else secrets.token_hex()
        if not hmac.compare_digest(known.encode(), client_secret.encode("utf-8", "surrogatepass")) or client is None:
            raise ToastError(401, "Bad client credentials")
        token = self._current.get(client_id)
        if token is None or token.expires - now.timestamp() <= RENEWAL_SECONDS:
            token = self._current[client_id] = self._issue(client, int(now.timestamp()))
        return token

    def check(self, text: str, now: datetime) -> Client:
        """Whose token this is.

        Raises:
            ToastError: 401, unless the signature is ours, the token is alive and the server has not forgotten it.
        """
        signed, _, signature = text.rpartition(".")
        if not hmac.compare_digest(self._sign(signed).encode(), signature.encode()) or text in self._forgotten:
            raise ToastError(401, "The access token is not known")
        claims = msgspec.json.decode(_unbase64(signed.partition(".")[2]), type=_Claims)
        if claims.exp <= now.timestamp():
            raise ToastError(401, "The access token has expired")
        return self.clients[claims.azp]

    def forget(self, client: Client) -> None:
        """Lose the client's token, so that it must log in again and gets another."""
        token = self._current.pop(client.id, None)
        if token is not None:
            self._forgotten.add(token.text)

    def _issue(self, client: Client, issued: int) -> Token:
        expires = issued + TOKEN_LIFE_SECONDS
        claims = {
            f"{_CLAIM}client_name": client.name,
            f"{_CLAIM}access_type": ACCESS_TYPE,
            f"{_CLAIM}type": "partner",
            f"{_CLAIM}partner_guid": str(uuid.uuid5(uuid.NAMESPACE_URL, _ISSUER + client.id)),
            "iss": _ISSUER,
            "sub": f"{client.id}@clients",
            "aud": f"{_ISSUER}v1/",
            "iat": issued,
            "exp": expires,
            "azp": client.id,
            "scope": " ".join(sorted(client.scopes)),
            "gty": "client-credentials",
        }
        # The key id differs each time, so that a token issued within the same second as a forgotten one is another token.
        header = {**_HEADER, "kid": secrets.token_hex(8)}
        signed = f"{_base64(msgspec.json.encode(header))}.{_base64(msgspec.json.encode(claims))}"
        return Token(text=f"{signed}.{self._sign(signed)}", expires=expires)

    def _sign(self, signed: str) -> str:
        return _base64(hmac.new(self._key, signed.encode("utf-8", "surrogateescape"), hashlib.sha256).digest())


class _Claims(msgspec.Struct):
    """What we need back from a token whose signature is ours."""

    azp: str
    exp: int


def _base64(content: bytes) -> str:
    return base64.urlsafe_b64encode(content).rstrip(b"=").decode("ascii")


def _unbase64(text: str) -> bytes:
    return base64.urlsafe_b64decode(text + "=" * (-len(text) % 4))

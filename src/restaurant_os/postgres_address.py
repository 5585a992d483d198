"""Where a Postgres is, and how it is spoken to: for the warehouse and for the store of operations alike."""

from __future__ import annotations

import os
from collections.abc import Mapping
from configparser import ConfigParser
from configparser import Error as ConfigParserError
from contextlib import suppress
from dataclasses import dataclass
from itertools import zip_longest
from pathlib import Path
from typing import Any

import psycopg
from psycopg.conninfo import conninfo_to_dict

from restaurant_os.text import printable

#: What to write instead of an address that cannot be read.
WRITE_IT_AS = (
    "Write it as postgresql://user:password@host:5432/database; in the password an @ is written %40, a / %2F, a : %3A, a ? %3F, a % %25."
)
#: A server that is gone without a word is noticed within about 15 seconds.
DEFAULTS: dict[str, Any] = {
    "connect_timeout": 5,
    "keepalives_idle": 5,
    "keepalives_interval": 3,
    "keepalives_count": 3,
    "tcp_user_timeout": 15_000,
    "application_name": "restaurant-os",
}
LOCAL_HOSTS = ("localhost", "127.0.0.1", "::1")


@dataclass(frozen=True, slots=True)
class PostgresAddress:
    """`parameters`: what libpq is given, with the secret. `label`: how a person would name it, without."""

    parameters: Mapping[str, Any]
    label: str

    @property
    def sslmode(self) -> str | None:
        """As it will be asked for; None leaves it to libpq."""
        mode: str | None = self.parameters.get("sslmode")
        return mode

    @property
    def user(self) -> str:
        """The role that the address names; '' where libpq chooses."""
        return str(self.parameters.get("user") or "")


def postgres_address(url: str) -> PostgresAddress:
    """What a URL says, and our own where it says nothing: a remote server is spoken to encrypted.

    Raises:
        ValueError: it cannot be read; it is not in the message, for it holds a secret.
    """
    try:
        given = conninfo_to_dict(url)
    except psycopg.Error:
        raise ValueError("the address of the Postgres cannot be read") from None
    if _is_misread(url, given):
        raise ValueError("the address of the Postgres cannot be read: an @, a / or a : stands where none may")
    hosts = str(given.get("host") or given.get("hostaddr") or os.environ.get("PGHOST") or "")
    encrypted = {"sslmode": "require"} if _is_remote(given) and "PGSSLMODE" not in os.environ else {}
    port, database = given.get("port", ""), given.get("dbname", "")
    label = printable(f"postgres {hosts or 'localhost'}{f':{port}' if port else ''}{f'/{database}' if database else ''}", 200)
    return PostgresAddress({**DEFAULTS, **encrypted, **given}, label)


def _is_remote(given: Mapping[str, Any]) -> bool:
    """Whether any server that libpq may turn to is not this machine. A service's own file says where it is, and may say how it is spoken to."""
    if service := str(given.get("service") or os.environ.get("PGSERVICE") or ""):
        return not _says_sslmode(service)
    hosts = str(given.get("host") or os.environ.get("PGHOST") or "")
    addresses = str(given.get("hostaddr") or os.environ.get("PGHOSTADDR") or "")
    pairs = zip_longest(hosts.split(","), addresses.split(","), fillvalue="")
    return not all(is_here(host, address) for host, address in pairs)


def _says_sslmode(service: str) -> bool:
    """Whether the file of services says it for this one; ours would stand before it, and may be the weaker."""
    folder = os.environ.get("PGSYSCONFDIR")
    files = [
        os.environ.get("PGSERVICEFILE") or Path("~/.pg_service.conf").expanduser(),
        *([Path(folder, "pg_service.conf")] if folder else []),
    ]
    services = ConfigParser(interpolation=None, strict=False, delimiters=("=",))
    with suppress(ConfigParserError, OSError, UnicodeDecodeError):
        services.read(files, encoding="utf-8")
    return services.has_option(service, "sslmode")


def is_here(host: str, hostaddr: str = "") -> bool:
    """Whether a host, as libpq names it, is this machine: by its usual names, or a socket. `hostaddr`: where the connection goes, whatever the name."""
    host = hostaddr or host
    return not host or host in LOCAL_HOSTS or host.startswith("/")


def _is_misread(url: str, given: Mapping[str, Any]) -> bool:
    """Whether a part of the password may stand in another's place: libpq ends the host at the first /, and the user at the first @."""
    shown = (given.get("host"), given.get("hostaddr"), given.get("dbname"))
    ports = str(given.get("port") or "").split(",")
    is_behind = "@" in url.partition("://")[2].partition("/")[2]
    return is_behind or any("@" in str(part) for part in shown) or not all(port.isdecimal() for port in ports if port)

"""What a replica of the service is called in the operations store, and which of them are known to be dead."""

from __future__ import annotations

import os
import secrets
import socket

#: Of a host's name: it is for people, and stands in logs.
MOST_LETTERS = 60


def new_name() -> str:
    """Of this process, as no other is called."""
    return f"{_host()}/{os.getpid()}/{secrets.token_hex(4)}"


def is_dead(name: str) -> bool:
    """Whether a replica ran on this machine and has ended. Of one elsewhere nothing is known: its leases run out.

    Where two machines have one name, a living one may be taken for dead: what it has is then done twice, which is doing it once.
    """
    host, _, process = name.rpartition("/")[0].rpartition("/")
    if host != _host() or not process.isdecimal():
        return False
    try:
        os.kill(int(process), 0)
    except ProcessLookupError:
        return True
    except (OSError, OverflowError):
        return False
    return False


def _host() -> str:
    return socket.gethostname()[:MOST_LETTERS]

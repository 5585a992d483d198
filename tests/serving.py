"""The service in a thread of the tests, on a free port, without the parts that run by themselves; and requests to it as bytes."""

from __future__ import annotations

import io
import json
import socket
import threading
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import httpx
from pydantic import SecretStr

from restaurant_os.app import App, build_app
from restaurant_os.live.meters import Meters
from restaurant_os.operations import Event, Scope
from restaurant_os.service import log
from restaurant_os.service.access import new_key
from restaurant_os.service.running import Part, Service
from restaurant_os.service.server import Server, address, bound
from restaurant_os.settings import Location, load
from restaurant_os.warehouse.duckdb import empty_file

#: The reference's vector: secret, timestamp, body and signature (Toast reference, section 7).
VECTOR_SECRET = "whsec-test"
VECTOR_TIMESTAMP = "2026-01-02T03:04:05.678Z"
VECTOR_BODY = (
    b'{"timestamp":"2026-01-02T03:04:05.678Z","eventCategory":"order_updated","eventType":"order_updated",'
    b'"guid":"11111111-2222-4333-8444-555555555555","details":{"restaurantGuid":"aaaaaaaa-bbbb-4ccc-8ddd-eeeeeeeeeeee",'
    b'"order":{"guid":"99999999-8888-4777-8666-555555555555"}}}'
)
VECTOR_SIGNATURE = "JyE2x1NKZjqpNE5PiemXRDKCVuiN/OrmEi9Je5DeNH8="
JSON = {"Content-Type": "application/json"}
SECONDS = 30.0


@dataclass
class Serving:
    """A running service. `lines`: its log so far."""

    service: Service
    url: str
    stream: io.BytesIO
    http: httpx.Client = field(init=False)

    def __post_init__(self) -> None:
        self.http = httpx.Client(base_url=self.url, timeout=SECONDS)

    @property
    def port(self) -> int:
        port: int = httpx.URL(self.url).port or 0
        return port

    def post(self, path: str, body: object, **headers: Any) -> httpx.Response:
        content = body if isinstance(body, bytes) else json.dumps(body).encode()
        return self.http.post(path, content=content, headers={**JSON, **headers})

    def get(self, path: str, **headers: str) -> httpx.Response:
        return self.http.get(path, headers=headers)

    def key(self, *scopes: Scope) -> dict[str, str]:
        """A new key that is in effect at once, as the header that carries it."""
        text, key = new_key("of a test", scopes or ("read", "write"), self.service.now())
        self.service.operations().add_key(key)
        self.service.keyring.refresh()
        return {"Authorization": f"Bearer {text}"}

    def events(self) -> list[Event]:
        """Everything that waits in the inbox."""
        return self.service.operations().claim("test", most=1000, most_bytes=1 << 30, seconds=60)

    def counted(self, name: str) -> dict[str, float]:
        """The values of a counter by its labels, those that were counted."""
        found = {}
        for family in self.service.meters.registry.collect():
            for sample in family.samples:
                if sample.name == f"restaurant_os_{name}_total":
                    found[" ".join(sample.labels.values())] = sample.value
        return found

    def lines(self) -> list[dict[str, Any]]:
        return [json.loads(line) for line in self.stream.getvalue().splitlines()]

    def raw(self, sent: bytes | Sequence[bytes], *, pause: float = 0.0, seconds: float = SECONDS) -> bytes:
        """What comes back for bytes, to the end of the connection."""
        with socket.create_connection(("127.0.0.1", self.port), timeout=seconds) as connection:
            try:
                for piece in [sent] if isinstance(sent, bytes) else sent:
                    connection.sendall(piece)
                    if pause:
                        time.sleep(pause)
            except (BrokenPipeError, ConnectionResetError):
                pass
            return received(connection)


def received(connection: socket.socket) -> bytes:
    found = b""
    try:
        while piece := connection.recv(65536):
            found += piece
    except ConnectionResetError:
        pass
    return found


def status_of(answer: bytes) -> int:
    return int(answer.split(b" ", 2)[1]) if answer else 0


@contextmanager
def serving(
    folder: Path,
    *,
    locations: Sequence[Location] = (),
    secrets: str = "",
    lines: str = "",
    account: Mapping[str, str] | None = None,
    change: Callable[[App], None] | None = None,
    parts: dict[str, Callable[[Meters], Part]] | None = None,
    host: str = "127.0.0.1",
) -> Iterator[Serving]:
    """A service over a folder of its own; `lines` are settings, `change` may replace what the app is made of."""
    folder.mkdir(parents=True, exist_ok=True)
    blocks = "".join(
        f'\n[[locations]]\nname = "{x.name}"\ntoast_guid = "{x.toast_guid}"\ntimezone = "{x.timezone}"\n'
        + (f'store_id = "{x.store_id}"\n' if x.store_id else "")
        for x in locations
    )
    (folder / "restaurant-os.toml").write_text(f'warehouse = "duckdb:///warehouse.duckdb"\n{lines}\n{blocks}')
    (folder / "warehouse.duckdb").write_bytes(empty_file())
    given = {"toast_webhook_secrets": SecretStr(secrets)} | {name: SecretStr(value) for name, value in (account or {}).items()}
    app = build_app(load(folder / "restaurant-os.toml").model_copy(update=given), token_folder=folder / "tokens")
    if change:
        change(app)
    stream = io.BytesIO()
    written = log.Lines(stream)
    service = Service(app, parts=parts or {})
    listeners = bound(host, 0)
    server = Server(service, written)
    thread = threading.Thread(target=server.run, args=(listeners,), name="serving")
    thread.start()
    try:
        found = Serving(service, address(listeners[0]), stream)
        await_(lambda: server.started or not thread.is_alive())
        assert thread.is_alive(), stream.getvalue()
        try:
            yield found
        finally:
            found.http.close()
    finally:
        server.should_exit = True
        thread.join(SECONDS)
        written.close()
    assert not thread.is_alive()


def await_(is_so: Callable[[], object], seconds: float = SECONDS) -> None:
    """Wait until something is so; a failure says that it never was."""
    give_up = time.monotonic() + seconds
    while not is_so():
        assert time.monotonic() < give_up, "it never came to be so"
        time.sleep(0.02)

"""The OpenAPI document says what the service does: asked whatever it allows and much that it does not, nothing is undocumented and no fault of ours."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from restaurant_os.service.gate import RULES
from restaurant_os.settings import Location
from serving import VECTOR_SECRET, Serving, serving

NORTH = Location(name="North", toast_guid="aaaaaaaa-bbbb-4ccc-8ddd-eeeeeeeeeeee", timezone="America/New_York", store_id="north-1")
#: Of what schemathesis checks, all that holds whatever the state: a store that is not configured is refused although its text is allowed.
CHECKS = (
    "not_a_server_error,status_code_conformance,content_type_conformance,response_headers_conformance,response_schema_conformance,"
    "negative_data_rejection,unsupported_method,allow_header_conformance,ignored_auth"
)


@pytest.fixture(scope="module")
def group(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Serving]:
    with serving(tmp_path_factory.mktemp("group"), locations=[NORTH], secrets=VECTOR_SECRET) as found:
        yield found


@pytest.fixture(scope="module")
def document(group: Serving) -> dict[str, Any]:
    found: dict[str, Any] = group.get("/openapi.json").json()
    return found


@pytest.mark.timeout(180)
def test_nothing_that_may_be_asked_has_an_undocumented_answer_or_a_fault(group: Serving, tmp_path: Path) -> None:
    """Seeded, with a key, for half a minute at most; a failure shows the requests."""
    key = group.key()["Authorization"]
    command = [str(Path(sys.executable).with_name("schemathesis")), "run", f"{group.url}/openapi.json", "-H", f"Authorization: {key}"]
    ran = subprocess.run(
        [*command, "--seed", "7", "--max-examples", "25", "--phases", "examples,coverage,fuzzing", "--checks", CHECKS, "--max-time", "30"],
        cwd=tmp_path,
        env={**os.environ, "NO_COLOR": "1"},
        capture_output=True,
        text=True,
        timeout=170,
        check=False,
    )

    assert ran.returncode == 0, ran.stdout[-6000:] + ran.stderr[-1000:]


def operations(document: dict[str, Any]) -> dict[str, dict[str, Any]]:
    return {f"{method.upper()} {path}": found for path, methods in document["paths"].items() for method, found in methods.items()}


def test_every_route_is_documented_with_who_may(document: dict[str, Any]) -> None:
    schemes = {name: sorted({key for one in found.get("security", []) for key in one}) for name, found in operations(document).items()}

    keyed = ["apiKey", "bearer"]
    assert schemes == {
        "POST /webhook/sales": keyed,
        "POST /webhook/labor": keyed,
        "POST /webhooks/toast": ["toastSignature"],
        "GET /v1/metrics": keyed,
        "GET /v1/locations": keyed,
        "GET /v1/status": keyed,
        "GET /v1/incidents": keyed,
        "POST /v1/incidents/{incident}/ack": keyed,
        "GET /metrics": keyed,
        "GET /healthz": [],
        "GET /readyz": [],
    }
    assert {rule.route for rule in RULES.values()} == set(document["paths"]) | {"/docs", "/openapi.json"}
    assert set(document["components"]["securitySchemes"]) == {"apiKey", "bearer", "toastSignature"}


def test_every_refusal_has_the_one_shape_and_examples(document: dict[str, Any]) -> None:
    for name, operation in operations(document).items():
        for status, found in operation["responses"].items():
            if status == "200":
                continue
            [content] = found["content"].values()
            assert content["schema"] == {"$ref": "#/components/schemas/Refusal"}, (name, status)
            for example in content["examples"].values():
                assert set(example["value"]["error"]) == {"message", "next_step", "field"}, (name, status)
                assert example["value"]["error"]["next_step"], (name, status)


def test_the_examples_of_requests_are_taken(group: Serving, document: dict[str, Any]) -> None:
    for path in ("/webhook/sales", "/webhook/labor"):
        example = document["paths"][path]["post"]["requestBody"]["content"]["application/json"]["example"]

        assert group.post(path, example, **group.key("write")).status_code == 200


def test_examples_of_refusals_are_what_is_answered(group: Serving, document: dict[str, Any]) -> None:
    """A few that can be had easily: none is made up."""
    sales = operations(document)["POST /webhook/sales"]["responses"]
    given = {
        401: group.post("/webhook/sales", {}),
        403: group.post("/webhook/sales", {}, **group.key("read")),
        413: group.post("/webhook/sales", b"x" * 100_000),
        415: group.post("/webhook/sales", {}, **{"Content-Type": "text/plain"}),
        422: group.post("/webhook/sales", {"store_id": "north-1", "date": "2026-02-30", "gross_sales": 1}, **group.key("write")),
        405: group.get("/webhook/sales"),
    }

    for status, answer in given.items():
        examples = [one["value"] for one in sales[str(status)]["content"]["application/json"]["examples"].values()]
        assert answer.status_code == status
        assert answer.json() in examples


def test_the_docs_page_is_served_and_names_the_document(group: Serving) -> None:
    page = group.get("/docs")

    assert (page.status_code, page.headers["Content-Type"]) == (200, "text/html; charset=utf-8")
    assert "/openapi.json" in page.text
    assert json.loads(group.get("/openapi.json").text)["info"]["title"] == "Restaurant OS"

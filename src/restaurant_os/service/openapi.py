"""What the OpenAPI document says beyond what FastAPI finds: answers of every status with real examples, who may, and the route that FastAPI
does not see."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from restaurant_os import __version__
from restaurant_os.service import answers, events, incidents, protocol
from restaurant_os.service.answers import AnswerError
from restaurant_os.service.gate import MOST_OTHER, MOST_SUMMARY, MOST_TOAST
from restaurant_os.service.summaries import AMOUNTS, EXAMPLES, Kind, wrong

Document = dict[str, Any]
JSON = "application/json"
TITLE = "Restaurant OS"
DESCRIPTION = """\
Sales and labor in, profitability out. Events are on disk before they are answered 200, and in the tables a moment later.

Every refusal has one shape: `{"error": {"message", "next_step", "field"}}`. Keys are made with `restaurant-os keys create`.
"""
TAGS = [
    {"name": "events", "description": "What stores and Toast send."},
    {"name": "reading", "description": "What it amounts to."},
    {"name": "alerts", "description": "What went beyond a rule's level, and who knows."},
    {"name": "operating", "description": "How the service is."},
]
OF_KEYS: list[Document] = [{"bearer": []}, {"apiKey": []}]
SCHEMES = {
    "bearer": {"type": "http", "scheme": "bearer", "description": "A key as `restaurant-os keys create` shows it once: `rok_...`."},
    "apiKey": {"type": "apiKey", "in": "header", "name": "X-API-Key", "description": "The same key in a header of its own."},
    "toastSignature": {
        "type": "apiKey",
        "in": "header",
        "name": "Toast-Signature",
        "description": "Base64 of HMAC-SHA256, with the subscription's secret, over the raw body followed by its `timestamp`.",
    },
}
REFUSAL = {
    "type": "object",
    "title": "Refusal",
    "required": ["error"],
    "properties": {
        "error": {
            "type": "object",
            "required": ["message", "next_step", "field"],
            "properties": {
                "message": {"type": "string", "description": "What was found, and what was expected."},
                "next_step": {"type": "string", "description": "What to do about it."},
                "field": {"type": ["string", "null"], "description": "The field or parameter that is wrong, where it is one."},
            },
        }
    },
}
TAKEN = {
    "type": "object",
    "title": "Taken",
    "required": ["status", "message"],
    "properties": {"status": {"const": "success"}, "message": {"type": "string"}},
}
MEANINGS = {
    400: "Not HTTP.",
    401: "No valid key, or no valid signature.",
    403: "The key lacks the scope.",
    404: "There is none.",
    405: "Another method is expected.",
    408: "The body took longer than 10 s.",
    409: "More than one is meant; nothing was changed.",
    413: "The body is too large.",
    415: "The body is not said to be JSON, or is compressed.",
    422: "Something in the request is wrong; `field` says what.",
    431: "The headers are too large.",
    503: "Not now; `Retry-After` says when to try again.",
}
HEADERS: dict[int, Document] = {
    401: {"WWW-Authenticate": {"description": "`Bearer`, where a key is expected.", "schema": {"type": "string"}}},
    405: {"Allow": {"description": "The method that is answered.", "schema": {"type": "string"}}},
    503: {"Retry-After": {"description": "In seconds.", "schema": {"type": "string", "pattern": "^[0-9]+$"}}},
}
FULL = AnswerError(503, "operations: the disk has less than its reserve left.", "Free some space.", retry_after=5)
HELD = AnswerError(503, "warehouse: another process holds the file.", "Try again.", retry_after=answers.HELD_AGAIN)


def refusals(*found: AnswerError) -> dict[int | str, Document]:
    """The answers that are refusals, by status."""
    made: dict[int | str, Document] = {}
    for answer in found:
        own = made.setdefault(
            answer.status,
            {
                "description": MEANINGS[answer.status],
                "content": {JSON: {"schema": {"$ref": "#/components/schemas/Refusal"}, "examples": {}}},
                **({"headers": HEADERS[answer.status]} if answer.status in HEADERS else {}),
            },
        )
        examples = own["content"][JSON]["examples"]
        examples[f"example {len(examples) + 1}"] = {"summary": answer.message, "value": answer.document}
    return made


def _of_all(most: int, method: str) -> Sequence[AnswerError]:
    return (
        protocol.no_http(),
        answers.wrong_method(method),
        answers.slow(),
        answers.too_large(most),
        answers.compressed(),
        protocol.headers_too_large(),
        answers.busy(),
        answers.stopping(),
    )


def _of_keyed(scope: str) -> Sequence[AnswerError]:
    return (answers.no_key(), answers.not_a_trial("this one came through a proxy"), answers.wrong_scope(scope), answers.keys_unknown())


def of_open() -> dict[int | str, Document]:
    return refusals(*_of_all(MOST_OTHER, "GET"))


def of_read() -> dict[int | str, Document]:
    return refusals(*_of_keyed("read"), *_of_all(MOST_OTHER, "GET"), HELD)


def of_question() -> dict[int | str, Document]:
    unknown = AnswerError(422, "location 'Nowhere' is not configured.", "Known are: North, East. Or say ALL.", field="location")
    return refusals(*_of_keyed("read"), *_of_all(MOST_OTHER, "GET"), unknown, HELD)


def of_summary(kind: Kind) -> dict[int | str, Document]:
    name = next(iter(AMOUNTS[kind]))
    return refusals(
        *_of_keyed("write"),
        *_of_all(MOST_SUMMARY, "POST"),
        answers.not_json(),
        wrong(name, "-1 is below 0 or over 1,000,000,000.", kind),
        wrong("date", "'2026-02-30' is no date, written as 2026-03-10.", kind),
        FULL,
    )


def of_acknowledgement() -> dict[int | str, Document]:
    return refusals(
        *_of_keyed("write"),
        *_of_all(MOST_OTHER, "POST"),
        answers.not_json(),
        incidents.unknown("4f1c09ab"),
        incidents.ambiguous("4f1c", 2),
        incidents.wrong("mute", "true or false was expected."),
        incidents.contested(),
    )


def acknowledgement_body() -> Document:
    return {"requestBody": incidents.body_of_ack(), "security": OF_KEYS}


def answered(description: str, schema: Document, example: object, kind: str = JSON) -> dict[int | str, Document]:
    return {200: {"description": description, "content": {kind: {"schema": schema, "example": example}}}}


def summary_body(kind: Kind) -> Document:
    amount = {"type": "number", "minimum": 0, "description": "Exact, with at most four decimal places."}
    schema = {
        "type": "object",
        "required": ["store_id", "date", *AMOUNTS[kind]],
        "additionalProperties": False,
        "properties": {
            "store_id": {
                "type": "string",
                "minLength": 1,
                "maxLength": 200,
                "description": "A location's store_id, name or toast_guid; where none is configured, up to 64 letters, digits, blanks or . _ : -",
            },
            "date": {"type": "string", "format": "date", "description": "The business date."},
            **{name: {**amount, "maximum": int(most)} for name, most in AMOUNTS[kind].items()},
        },
    }
    return {"requestBody": {"required": True, "content": {JSON: {"schema": schema, "example": EXAMPLES[kind]}}}, "security": OF_KEYS}


def taken(kind: Kind) -> dict[int | str, Document]:
    return answered("It is on disk.", TAKEN, {"status": "success", "message": f"{kind} of north-1 on 2026-03-10 kept"})


EVENT = {
    "timestamp": "2026-03-10T18:04:05.678Z",
    "eventCategory": "order_updated",
    "eventType": "order_updated",
    "guid": "11111111-2222-4333-8444-555555555555",
    "details": {
        "restaurantGuid": "aaaaaaaa-bbbb-4ccc-8ddd-eeeeeeeeeeee",
        "order": {"guid": "99999999-8888-4777-8666-555555555555"},
    },
}


def toast_operation() -> Document:
    """The route of Toast's webhooks, which FastAPI does not serve."""
    schema = {
        "type": "object",
        "required": ["timestamp"],
        "properties": {
            "timestamp": {"type": "string", "format": "date-time", "description": "Signed with the body; at most 24 hours old."},
            "eventCategory": {"type": "string"},
            "eventType": {"type": "string"},
            "guid": {"type": "string", "description": "The event's: one that is known is answered 200 and nothing is done."},
            "details": {"type": "object"},
        },
    }
    made = refusals(
        events.not_signed(),
        events.no_event(),
        events.too_old(),
        *_of_all(MOST_TOAST, "POST"),
        answers.too_large(MOST_TOAST, is_polled=True),
        answers.not_json(),
        FULL,
    )
    return {
        "tags": ["events"],
        "summary": "An event of Toast",
        "description": "Any of Toast's webhooks, signed. It is on disk before the answer, and its meaning in the tables a moment later.",
        "operationId": "toast",
        "security": [{"toastSignature": []}],
        "requestBody": {"required": True, "content": {JSON: {"schema": schema, "example": EVENT}}},
        "responses": _as_text({**answered("It is on disk, or was already.", TAKEN, {"status": "success", "message": "kept"}), **made}),
    }


def _as_text(responses: dict[int | str, Document]) -> Document:
    return {str(status): found for status, found in sorted(responses.items(), key=lambda item: str(item[0]))}


def responses() -> dict[str, dict[int | str, Document]]:
    """The answers of each route that FastAPI serves. It would leave out of examples what is null."""
    return {
        "/webhook/sales": {**taken("sales"), **of_summary("sales")},
        "/webhook/labor": {**taken("labor"), **of_summary("labor")},
        "/v1/metrics": {**answered("Rows of a view (docs/metrics.md).", ROWS, METRICS), **of_question()},
        "/v1/locations": {**answered("Every location.", ROWS, LOCATIONS), **of_read()},
        "/v1/status": {**answered("How the data stands.", OBJECT, STATUS), **of_question()},
        "/v1/incidents": {**answered("Incidents, the newest first.", ROWS, [INCIDENT]), **of_question()},
        "/v1/incidents/{incident}/ack": {**answered("The incident as it is now.", OBJECT, INCIDENT), **of_acknowledgement()},
        "/metrics": {**answered("Prometheus' text.", {"type": "string"}, PROMETHEUS, "text/plain"), **of_read()},
        "/healthz": {**answered("It is alive.", OBJECT, {"status": "alive"}), **of_open()},
        "/readyz": {**answered("It is ready.", OBJECT, READY), **of_open()},
    }


def completed(document: Document) -> Document:
    """FastAPI's document with what it does not know."""
    document["info"].update(version=__version__, description=DESCRIPTION)
    for path, found in responses().items():
        [operation] = document["paths"][path].values()
        operation["responses"] = _as_text(found)
    document["paths"]["/webhooks/toast"] = {"post": toast_operation()}
    components = document.setdefault("components", {})
    components["securitySchemes"] = SCHEMES
    components["schemas"] = {"Refusal": REFUSAL}
    return document


# --- answers as they were given by a service with two locations --------------------------------------------------------

OBJECT = {"type": "object"}
ROWS = {"type": "array", "items": OBJECT}
READY = {"status": "ready"}
LOCATIONS = [
    {
        "location": "North",
        "restaurant_guid": "0f9d0c1e-1111-4a11-8a11-000000000001",
        "store_id": "north-1",
        "timezone": "America/New_York",
        "closeout_hour": 4,
        "labor_source": "toast",
        "configured": True,
    }
]
METRICS = [
    {
        "location": "North",
        "restaurant_guid": "0f9d0c1e-1111-4a11-8a11-000000000001",
        "business_date": "2026-03-10",
        "net_sales": "5000.0000",
        "labor_hours": "62.5000",
        "labor_cost": "1187.5000",
        "labor_percent": 23.75,
    }
]
INCIDENT: Document = {
    "incident": "4f1c09ab77d2e3f0",
    "rule": "labor-percent",
    "location": "North",
    "restaurant_guid": "0f9d0c1e-1111-4a11-8a11-000000000001",
    "period": "2026-03-10",
    "subject": None,
    "subject_name": None,
    "state": "open",
    "value": 30.0,
    "worst": 30.0,
    "dollars": "250.00",
    "since": "2026-03-10T18:04:05.912000+00:00",
    "opened_at": "2026-03-10T18:04:05.912000+00:00",
    "ended_at": None,
    "acknowledged_at": "2026-03-10T18:10:00+00:00",
    "note": "sent two home",
    "muted_until": None,
    "messages": 1,
    "facts": {"labor": "30.0 %", "CPLH": "$20.00"},
    "drivers": [],
    "suggestion": None,
}
STATUS = {
    "days": [
        {
            "location": "North",
            "restaurant_guid": "0f9d0c1e-1111-4a11-8a11-000000000001",
            "dataset": "orders",
            "business_date": "2026-03-10",
            "state": "complete",
            "why": "",
            "rows": 214,
            "quarantined": 0,
            "last_read_at": "2026-03-11T09:00:01+00:00",
            "as_of": "2026-03-11T15:20:00+00:00",
        }
    ],
    "as_of": "2026-03-11T15:22:10+00:00",
    "known": [
        {
            "location": "North",
            "restaurant_guid": "0f9d0c1e-1111-4a11-8a11-000000000001",
            "dataset": "orders",
            "known_up_to": "2026-03-11T15:20:00+00:00",
            "behind_seconds": 130,
            "poll_minutes": 5,
            "is_late": False,
            "last_event_at": None,
        }
    ],
    "inbox": {"pending": 0, "claimed": 0, "quarantined": 0, "oldest_pending_at": None, "received": {}},
    "jobs": [],
    "open_incidents": 1,
    "channels": [
        {
            "channel": "slack",
            "disabled": None,
            "disabled_at": None,
            "not_before": None,
            "last_sent_at": "2026-03-11T15:21:05+00:00",
            "last_error": None,
        }
    ],
    "notes": [],
}
PROMETHEUS = '# TYPE restaurant_os_events_accepted_total counter\nrestaurant_os_events_accepted_total{route="toast"} 1.0\n'

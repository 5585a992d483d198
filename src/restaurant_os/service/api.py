"""The service's HTTP: FastAPI for what people ask, a bare route for what Toast sends, the gate before both."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from typing import Annotated, Any

from fastapi import FastAPI, Path, Query, Request, Response
from fastapi.exceptions import RequestValidationError
from fastapi.openapi.utils import get_openapi
from prometheus_client import CONTENT_TYPE_LATEST
from pydantic.json_schema import SkipJsonSchema
from starlette.exceptions import HTTPException
from starlette.routing import Route

from restaurant_os.errors import RestaurantOSError
from restaurant_os.reports import By, Grain
from restaurant_os.service import answers, openapi
from restaurant_os.service.answers import AnswerError, answer_of, as_json, json_headers
from restaurant_os.service.events import ToastEvents
from restaurant_os.service.gate import BODY, EVENTS, Gate
from restaurant_os.service.incidents import MOST, MOST_AT_ONCE, Incidents, State
from restaurant_os.service.log import now as instant_of_log
from restaurant_os.service.reads import Reads
from restaurant_os.service.running import Service
from restaurant_os.service.summaries import Kind, Summaries
from restaurant_os.text import printable

Place = Annotated[str, Query(min_length=1, max_length=200, description="ALL, a location's name, or its GUID.")]
From = Annotated[
    str | SkipJsonSchema[None],
    Query(alias="from", json_schema_extra={"format": "date"}, description="First business date, included; with `to`, or neither."),
]
To = Annotated[
    str | SkipJsonSchema[None], Query(alias="to", json_schema_extra={"format": "date"}, description="Last business date, included.")
]
LineOf = Callable[[dict[str, object]], None]
#: FastAPI's own traces and metrics would hold addresses as they were asked.
NO_TELEMETRY: Any = {"tracing": False, "metrics": False, "logs": False, "operation_spans": False, "auto_configure": False}


def build_api(service: Service, write: LineOf) -> FastAPI:
    """The application. `write`: takes a line of the access log."""
    reads = Reads(service)
    toast = ToastEvents(service.operations, service.settings, service.meters, service.now)

    @asynccontextmanager
    async def lifespan(api: FastAPI) -> AsyncIterator[None]:
        await asyncio.to_thread(service.open)
        with service.told():
            service.start()
            try:
                yield
            finally:
                reads.close()
                await asyncio.to_thread(service.finish_stop)

    api = FastAPI(
        title=openapi.TITLE,
        openapi_tags=openapi.TAGS,
        lifespan=lifespan,
        redoc_url=None,
        swagger_ui_oauth2_redirect_url=None,
        telemetry=NO_TELEMETRY,
        redirect_slashes=False,
    )
    _add_events(api, service, toast)
    _add_questions(api, reads)
    _add_incidents(api, Incidents(service, reads))
    _add_state(api, service, reads)
    api.exception_handler(RestaurantOSError)(_refused)
    api.exception_handler(RequestValidationError)(_invalid)
    api.exception_handler(HTTPException)(_unrouted)
    api.add_middleware(
        Gate,
        keyring=service.keyring,
        meters=service.meters,
        access_line=_access_line(write),
        too_large=toast.too_large,
    )
    _document(api)
    return api


def _access_line(write: LineOf) -> LineOf:
    def line(about: dict[str, object]) -> None:
        write({"at": instant_of_log(), "level": "info", "message": "request", **about})

    return line


def _document(api: FastAPI) -> None:
    def document() -> dict[str, Any]:
        if api.openapi_schema is None:
            made = get_openapi(title=api.title, version=api.version, routes=api.routes, tags=api.openapi_tags)
            api.openapi_schema = openapi.completed(made)
        return api.openapi_schema

    api.openapi = document  # type: ignore[method-assign]


# --- routes -------------------------------------------------------------------------------------------------------


def _add_events(api: FastAPI, service: Service, toast: ToastEvents) -> None:
    summaries = Summaries(service.operations, service.settings, service.meters, service.now)

    async def take(kind: Kind, request: Request) -> Response:
        answer, sequence = await summaries.take(kind, request.scope[BODY])
        request.scope[EVENTS] = sequence
        return _json(as_json(answer))

    async def sales(request: Request) -> Response:
        """The day's gross sales of a store. A later post of the same store and date replaces it."""
        return await take("sales", request)

    async def labor(request: Request) -> Response:
        """The day's labor hours and cost of a store. A later post of the same store and date replaces it."""
        return await take("labor", request)

    for kind, endpoint in (("sales", sales), ("labor", labor)):
        api.post(
            f"/webhook/{kind}",
            tags=["events"],
            summary=f"A day's {kind} of a store",
            operation_id=kind,
            response_class=Response,
            openapi_extra=openapi.summary_body(kind),  # type: ignore[arg-type]
        )(endpoint)
    api.router.routes.append(Route("/webhooks/toast", toast, methods=["POST"], include_in_schema=False))


def _add_questions(api: FastAPI, reads: Reads) -> None:
    keyed: Any = {"response_class": Response, "tags": ["reading"], "openapi_extra": {"security": openapi.OF_KEYS}}

    @api.get(
        "/v1/metrics",
        operation_id="metrics",
        **keyed,
    )
    async def metrics(
        grain: Annotated[Grain, Query(description="Hours of the business day, business dates, or report weeks.")] = "day",
        by: Annotated[By | SkipJsonSchema[None], Query(description="A split of days.")] = None,
        location: Place = "ALL",
        first: From = None,
        last: To = None,
    ) -> Response:
        """The same words and values as `restaurant-os metrics --json`. Without dates: the last days."""
        return _json(await reads.metrics(grain, by, location, first, last))

    @api.get(
        "/v1/locations",
        operation_id="locations",
        **keyed,
    )
    async def locations() -> Response:
        """The locations of the settings, then stores that posted summaries and that no location names."""
        return _json(await reads.locations())

    @api.get(
        "/v1/status",
        operation_id="status",
        **keyed,
    )
    async def status(location: Place = "ALL", first: From = None, last: To = None) -> Response:
        """What is complete, partial or missing, as `restaurant-os status --json` has it, with the inbox and the jobs."""
        return _json(await reads.status(location, first, last))


def _add_incidents(api: FastAPI, incidents: Incidents) -> None:
    keyed: Any = {"response_class": Response, "tags": ["alerts"]}

    @api.get("/v1/incidents", operation_id="incidents", openapi_extra={"security": openapi.OF_KEYS}, **keyed)
    async def incidents_(
        state: Annotated[list[State] | SkipJsonSchema[None], Query(description="Without it open and recovered ones.")] = None,
        location: Place = "ALL",
        first: Annotated[
            str | SkipJsonSchema[None],
            Query(alias="from", json_schema_extra={"format": "date"}, description="Of business dates and weeks from then on."),
        ] = None,
        most: Annotated[int, Query(ge=1, le=MOST_AT_ONCE, description="The newest of them.")] = MOST,
    ) -> Response:
        """Incidents, the newest first, as `restaurant-os alerts list --json` has them."""
        return _json(await incidents.list(state or (), location, first, most))

    @api.post("/v1/incidents/{incident}/ack", operation_id="acknowledge", openapi_extra=openapi.acknowledgement_body(), **keyed)
    async def acknowledge(
        request: Request, incident: Annotated[str, Path(description="Its id, or the first digits of it, at least 4.")]
    ) -> Response:
        """Say that somebody knows: nothing more is sent of the incident but that it is over. Gives it as it is then."""
        return _json(await incidents.acknowledge(incident, request.scope[BODY]))


def _add_state(api: FastAPI, service: Service, reads: Reads) -> None:
    operating: Any = {"response_class": Response, "tags": ["operating"]}

    @api.get(
        "/metrics",
        operation_id="prometheus",
        openapi_extra={"security": openapi.OF_KEYS},
        **operating,
    )
    async def prometheus() -> Response:
        """Counters of this process and the inbox as it stands, for Prometheus."""
        return Response(await reads.prometheus(), headers={"Content-Type": CONTENT_TYPE_LATEST, "Cache-Control": "no-store"})

    @api.get(
        "/healthz",
        operation_id="health",
        **operating,
    )
    async def health() -> Response:
        """Whether the process is alive. Looks at nothing else."""
        return _json(as_json({"status": "alive"}))

    @api.get(
        "/readyz",
        operation_id="ready",
        **operating,
    )
    async def ready() -> Response:
        """Whether events can be kept and the warehouse was opened lately. Waits for nothing."""
        if service.is_leaving or service.is_stopping:
            raise answers.stopping()
        if not service.is_ready:
            raise _not_ready(service)
        return _json(as_json(openapi.READY))


def _not_ready(service: Service) -> AnswerError:
    lacking = [name for name, is_there in (("operations", service.health.store), ("warehouse", service.health.warehouse)) if not is_there]
    return AnswerError(
        503, f"not ready: {' and '.join(lacking)} cannot be used at the moment.", "Look into the log of the service.", retry_after=5
    )


# --- answers ------------------------------------------------------------------------------------------------------


def _json(body: bytes) -> Response:
    answer = Response(status_code=200)
    answer.body = body
    answer.raw_headers = json_headers(body)
    return answer


async def _refused(request: Request, problem: Any) -> Response:
    return _answer(answer_of(problem))


async def _invalid(request: Request, problem: Any) -> Response:
    """The first parameter that is wrong, in FastAPI's words."""
    [first, *_] = problem.errors()
    field = printable([*first["loc"][1:2], *first["loc"]][0], 40)  # ("query", "by", ...)
    said = printable(first["msg"], 300)
    return _answer(AnswerError(422, f"{field}: {said}.", "GET /docs shows what may be asked.", field=field))


async def _unrouted(request: Request, problem: Any) -> Response:
    return _answer(answers.no_route() if problem.status_code == 404 else AnswerError(problem.status_code, "refused.", "GET /docs."))


def _answer(answer: AnswerError) -> Response:
    found = Response(status_code=answer.status)
    found.body = answer.body
    found.raw_headers = answer.all_headers
    return found

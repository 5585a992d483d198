"""`/simulator/live`: begins the day of a stage, and tells how it goes."""

from __future__ import annotations

from starlette.requests import Request

from restaurant_os.simulator.call import Simulator
from restaurant_os.simulator.control_setup import body_of, known, number, text, yes_or_no
from restaurant_os.simulator.errors import OptionError, ToastError, bad_request

_LATEST_SECONDS = 10**12


async def live(simulator: Simulator, request: Request) -> object:
    if simulator.stage is None:
        raise ToastError(404, "This simulator has no live day; start it with --stage")
    return simulator.stage.state()


async def begin(simulator: Simulator, request: Request) -> object:
    """Let the day pass, and send it to a receiver: signed events, and running summaries unless told not to."""
    from restaurant_os.simulator.live_day import DEMO_SECRET, Send  # it needs the server, which needs this

    if simulator.stage is None:
        raise ToastError(404, "This simulator has no live day; start it with --stage")
    asked = known(await body_of(request), "url", "secret", "key", "at", "summaries")
    url = text(asked, "url")
    if url is None:
        raise bad_request("url is required")
    send = Send(
        url,
        secret=text(asked, "secret") or DEMO_SECRET,
        key=text(asked, "key") or "",
        summaries=yes_or_no(asked, "summaries") is not False,
    )
    try:
        simulator.stage.begin(send, number(asked, "at", _LATEST_SECONDS))
    except OptionError as error:
        raise bad_request(str(error)) from None
    return simulator.stage.state()


TABLE = (("GET", "/live", live), ("POST", "/live", begin))

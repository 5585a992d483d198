"""The cash management API. Source: spec:cash-management 1.1, dev:apiUsingCashManagementApi, dev:apiGetCashDeposits.

One business date a call, and nothing else: no range, no pages. A parameter that the definition does not name is not looked at.
"""

from __future__ import annotations

from datetime import date

import msgspec
from starlette.responses import Response

from restaurant_os.simulator import params
from restaurant_os.simulator.businessdays import stamp
from restaurant_os.simulator.call import Call, json_response
from restaurant_os.simulator.cash import Deposit, Entry
from restaurant_os.simulator.catalog import Ref
from restaurant_os.simulator.errors import bad_request
from restaurant_os.simulator.listing import place
from restaurant_os.simulator.misbehaviour import broken_cash
from restaurant_os.simulator.render import Json, money


async def entries(call: Call) -> Response:
    """What went into and out of the drawers on one business date."""
    found = call.simulator.world.tills.entries(call.restaurant.guid, _asked(call), call.simulator.clock.world())
    return _listed(call, [_entry(entry) for entry in found])


async def deposits(call: Call) -> Response:
    """What was brought to the bank for one business date."""
    found = call.simulator.world.tills.deposits(call.restaurant.guid, _asked(call), call.simulator.clock.world())
    return _listed(call, [_deposit(deposit) for deposit in found])


def _asked(call: Call) -> date:
    text = params.one(call.request.query_params, "businessDate")
    if text is None:
        raise bad_request("businessDate is required", "Cash is given for one business date a call, in the format yyyyMMdd")
    return params.business_date(text)


def _listed(call: Call, found: list[Json]) -> Response:
    """A bare array, in an order that follows neither time nor creation."""
    found.sort(key=lambda row: place(row["guid"]))
    if found and call.fault("empty_day"):
        found = []
    if found and (fault := call.fault("broken_cash")):
        broken_cash(found[fault.happened * 7 % len(found)], fault.happened)
    return json_response(found)


class _Bare(msgspec.Struct):
    """A ToastReference: a guid and a type, without an external id."""

    guid: str
    entityType: str  # noqa: N815  # as the API spells it


_bare = msgspec.json.Decoder(_Bare)


def _maybe(ref: Ref | None) -> _Bare | None:
    return None if ref is None else _bare.decode(ref)


def _entry(entry: Entry) -> Json:
    creator, other = (entry.second, entry.employee) if entry.reviewed else (entry.employee, entry.second)
    return {
        "guid": entry.guid,
        "entityType": "CashEntry",
        "amount": money(entry.amount, entry.blurred),
        "reason": entry.reason,
        "date": stamp(entry.date),
        "type": entry.kind,
        "cashDrawer": _maybe(entry.drawer),
        "payoutReason": _maybe(entry.payout_reason),
        "noSaleReason": _maybe(entry.no_sale_reason),
        "undoes": entry.undoes,
        "employee1": entry.employee,
        "employee2": entry.second,
        "creatorOrShiftReviewSubject": _maybe(creator),
        "approverOrShiftReviewSubject": _maybe(other),
    }


def _deposit(deposit: Deposit) -> Json:
    return {
        "guid": deposit.guid,
        "entityType": "DepositEntry",
        "amount": money(deposit.amount),
        "date": stamp(deposit.date),
        "undoes": deposit.undoes,
        "employee": deposit.employee,
        "creator": _maybe(deposit.employee),
    }

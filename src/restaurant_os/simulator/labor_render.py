"""Jobs, employees, shifts and time entries as the labor API writes them. Source: spec:labor 1.9.0.

What has no value is null; a `deletedDate` of what is not deleted is null or, of employees and jobs, the epoch.
"""

from __future__ import annotations

from restaurant_os.simulator.businessdays import date_number, stamp
from restaurant_os.simulator.labor_punches import HOUR_UNIT, Break, Entry, Shift, ShiftState, State
from restaurant_os.simulator.staff import WAGE_UNIT, Employee, House, Job
from restaurant_os.simulator.turnover import employee_at, job_at

Json = dict[str, object]
_EPOCH = stamp(0)


def reference(guid: str, entity: str) -> Json:
    return {"guid": guid, "entityType": entity, "externalId": None}


def job_json(house: House, job: Job, at: int) -> Json:
    job, changed = job_at(house, job, at)
    deleted = job.deleted is not None and job.deleted <= at
    return {
        **reference(job.guid, "RestaurantJob"),
        "createdDate": stamp(job.created),
        "modifiedDate": stamp(changed),
        "deletedDate": stamp(changed) if deleted else _EPOCH,
        "title": job.title,
        "deleted": deleted,
        "wageFrequency": job.frequency,
        "defaultWage": job.wage / WAGE_UNIT,
        "tipped": job.tipped,
        "code": job.code,
        "excludeFromReporting": job.excluded,
    }


def employee_json(house: House, who: Employee, at: int) -> Json:
    """An employee with the jobs that still exist and the wages he has in them at an instant."""
    who, renamed = employee_at(house, who, at)
    created = house.calendar.at(who.hired, 10, 30)
    left = None if who.left is None else house.calendar.at(who.left, 12)
    deleted = left is not None and left <= at
    jobs = [job for key in who.jobs if (job := house.jobs[key]).deleted is None or job.deleted > at]
    own = [(job, wage) for job in jobs if job.key in who.wages and (wage := house.wage(who, job.key, at, at)) is not None]
    changed = max(
        [created, renamed, *([left] if left is not None and deleted else []), *([raised] if (raised := house.last_raise(who, at)) else [])]
    )
    return {
        **reference(who.guid, "RestaurantUser"),
        "createdDate": stamp(created),
        "modifiedDate": stamp(changed),
        "deletedDate": stamp(left) if left is not None and deleted else _EPOCH,
        "firstName": who.first,
        "chosenName": who.chosen,
        "lastName": who.last,
        "email": who.email,
        "phoneNumber": who.phone,
        "phoneNumberCountryCode": "1" if who.phone else None,
        "externalEmployeeId": who.number,
        "deleted": deleted,
        "jobReferences": [reference(job.guid, "RestaurantJob") for job in jobs],
        "wageOverrides": [{"wage": wage / WAGE_UNIT, "jobReference": reference(job.guid, "RestaurantJob")} for job, wage in own],
        "v2EmployeeGuid": f"{who.guid[:14]}5{who.guid[15:]}",
    }


def shift_json(shift: Shift, state: ShiftState) -> Json:
    return {
        **reference(shift.guid, "Shift"),
        "externalId": shift.external,
        "createdDate": stamp(shift.states[0].modified),
        "modifiedDate": stamp(state.modified),
        "deletedDate": stamp(state.modified) if state.deleted else None,
        "deleted": state.deleted,
        "jobReference": reference(shift.job.guid, "RestaurantJob"),
        "employeeReference": None if state.who is None else reference(state.who.guid, "RestaurantUser"),
        "inDate": stamp(state.start),
        "outDate": stamp(state.end),
        "scheduleConfig": {
            "guid": None,
            "minBeforeClockIn": 5.0,
            "minAfterClockIn": 10.0,
            "minBeforeClockOut": None,
            "minAfterClockOut": None,
        },
    }


def entry_json(house: House, entry: Entry, state: State, *, missed_breaks: bool) -> Json:
    """A time entry in one of its states. An open one has no hours, tips or sales yet."""
    is_open, tips = state.clocked_out is None, state.tips
    return {
        **reference(entry.guid, "TimeEntry"),
        "entityType": None if entry.plain else "TimeEntry",
        "externalId": entry.external,
        "createdDate": None if entry.plain else stamp(entry.states[0].modified),
        "modifiedDate": stamp(state.modified),
        "deletedDate": stamp(state.modified) if state.deleted else None,
        "deleted": state.deleted,
        "jobReference": None if state.job is None else reference(state.job.guid, "RestaurantJob"),
        "employeeReference": reference(entry.who.guid, "RestaurantUser"),
        "shiftReference": _shift_reference(entry),
        "inDate": stamp(state.clocked_in),
        "outDate": None if state.clocked_out is None else stamp(state.clocked_out),
        "autoClockedOut": state.automatic,
        "businessDate": str(date_number(house.calendar.date_of(state.clocked_in))),
        "regularHours": None if is_open and entry.plain else state.regular / HOUR_UNIT,
        "overtimeHours": None if is_open and entry.plain else state.overtime / HOUR_UNIT,
        "hourlyWage": None if state.wage is None else state.wage / WAGE_UNIT,
        "breaks": [_break(house, pause) for pause in state.breaks if missed_breaks or not pause.missed],
        "declaredCashTips": _dollars(tips.cash),
        "nonCashTips": _dollars(tips.card),
        "nonCashTipsRoundingLoss": _dollars(tips.rounding),
        "cashGratuityServiceCharges": _dollars(tips.cash_gratuity),
        "nonCashGratuityServiceCharges": _dollars(tips.card_gratuity),
        "tipsWithheld": _dollars(tips.withheld),
        "nonCashSales": _dollars(tips.card_sales),
        "cashSales": _dollars(tips.cash_sales),
    }


def _shift_reference(entry: Entry) -> object:
    """The definition has an object, the guide's example a bare GUID: both come."""
    if entry.shift is None:
        return None
    return entry.shift.guid if entry.shift_as_text else reference(entry.shift.guid, "Shift")


def _break(house: House, pause: Break) -> Json:
    meal, rest = house.break_types
    return {
        "guid": pause.guid,
        "breakType": {"guid": rest if pause.paid else meal, "entityType": "BreakType"} if pause.typed else None,
        "paid": pause.paid,
        "inDate": stamp(pause.begun),
        "outDate": None if pause.ended is None else stamp(pause.ended),
        "missed": pause.missed,
        "waived": pause.waived,
        "auditResponse": pause.audit,
    }


def _dollars(cents: int | None) -> float | None:
    return None if cents is None else cents / 100

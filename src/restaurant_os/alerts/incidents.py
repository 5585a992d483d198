"""What a reading makes of an incident, and whether that is told anew. Nothing here reads or writes anything.

An incident that is over its level for as long as its rule wants opens, and is told. It is told again when it got much worse and when it recovered, three
times at most whatever comes; everything else of it is an edit. What `Incident.clear_since` says: while it is None a value beyond the level is held (or
open) since `since`; else the last value that decided was at the clear level.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from decimal import Decimal
from typing import Any, cast

from restaurant_os.alerting import Event, Incident, Reading
from restaurant_os.alerts.numbers import shown
from restaurant_os.alerts.rules import distance, unit_of
from restaurant_os.alerts.wording import dollars
from restaurant_os.settings import AlertRule
from restaurant_os.text import printable
from restaurant_os.transformations import BY_NAME

#: New messages of one incident in all. The last is never for what got worse: the recovery may want it.
MOST_MESSAGES = 3
#: Worse: so many points of percent, or dollars, beyond what was told.
WORSE_POINTS = 3.0
WORSE_DOLLARS = 100.0
#: After a switch of basis everything is held at least so long.
SWITCH_MINUTES = 15
#: Doubles that differ by less are the same.
NOTHING = 1e-9
MOST_NOTE = 500


@dataclass(frozen=True, slots=True)
class Step:
    """An incident as it is now. `event`: opened, worse and recovered are told anew, changed by an edit alone; None: it is only kept.

    `as_of`: what the reading was known up to.
    """

    incident: Incident
    event: Event | None
    as_of: datetime | None = None


def step(rule: AlertRule, known: Incident | None, reading: Reading, now: datetime) -> Step | None:
    """What becomes of an incident (`known` None: there is none yet) by a reading; None: there is nothing to keep.

    The same reading again changes nothing. A value that is not known changes nothing either. A basis that differs from the one before is noted, and
    neither opens nor clears nor makes worse: on the new one all that is to be held from now.
    """
    if reading.value is None or (known and known.state == "closed"):
        return None
    if known is None and not reading.is_over and not (reading.basis and _may_switch(rule)):
        return None
    # A first one that is not over is kept for its basis alone: else nobody would know of a switch.
    before = known or _begun(reading, now)
    is_switch = reading.basis != before.basis
    current = replace(before, basis=reading.basis, basis_since=now) if is_switch else before
    after, event = _moved(rule, current, reading, now)
    if after == known:
        return None
    return Step(replace(after, updated_at=now), None if is_switch else event, reading.as_of)


def closed(incident: Incident, now: datetime) -> Incident:
    """The incident after its period is over, for good."""
    if incident.state == "closed":
        return incident
    return replace(incident, state="closed", ended_at=incident.ended_at or now, updated_at=now)


def acknowledged(incident: Incident, note: str, now: datetime) -> Incident:
    """Somebody has seen it: nothing new is told of it but its recovery. `note`: for others to read; '' leaves the one there is."""
    text = printable(note.strip(), MOST_NOTE) or incident.note
    return replace(incident, acknowledged_at=incident.acknowledged_at or now, note=text, updated_at=now)


def muted(incident: Incident, until: datetime, now: datetime) -> Incident:
    """Nothing at all is told of it before `until`."""
    return replace(incident, muted_until=until, updated_at=now)


def is_muted(incident: Incident, now: datetime) -> bool:
    return incident.muted_until is not None and now < incident.muted_until


def _may_switch(rule: AlertRule) -> bool:
    """Whether a summary that somebody posts tells its metric too; of rates none does."""
    metric = BY_NAME.get(rule.metric)
    return metric is not None and metric.unit != "ratio"


# --- how it moves -----------------------------------------------------------------------------------------------------


def _begun(reading: Reading, now: datetime) -> Incident:
    return Incident(
        rule=reading.rule,
        location=reading.location,
        period=reading.period,
        subject=reading.subject,
        subject_name=reading.subject_name,
        state="watching",
        since=now,
        clear_since=None if reading.is_over else now,
        updated_at=now,
        value=reading.value,
        basis=reading.basis,
    )


def _moved(rule: AlertRule, known: Incident, reading: Reading, now: datetime) -> tuple[Incident, Event | None]:
    if known.state == "open":
        return _open(rule, known, reading, now)
    if reading.is_over:
        since = known.since if known.clear_since is None else now
        held = replace(known, since=since, clear_since=None)
        if now - _start(held, since) >= _hold(rule, held, 0 if not reading.is_held else rule.hold_minutes):
            return _opened(rule, held, reading, now)
        return held, None
    if reading.is_clear and known.clear_since is None:
        return replace(known, clear_since=now), None
    return known, None


def _opened(rule: AlertRule, known: Incident, reading: Reading, now: datetime) -> tuple[Incident, Event | None]:
    opened = replace(known, state="open", opened_at=now, ended_at=None, **_seen(rule, known, reading))
    return _told(rule, known, opened, reading, now)


def _open(rule: AlertRule, known: Incident, reading: Reading, now: datetime) -> tuple[Incident, Event | None]:
    """An open one: it recovers, or goes on, with what is shown of it now."""
    seen = replace(known, **_seen(rule, known, reading))
    if reading.is_over:
        return _told(rule, known, replace(seen, clear_since=None), reading, now)
    if not reading.is_clear:
        return seen, _changed(rule, known, seen, now)
    since = known.clear_since or now
    seen = replace(seen, clear_since=since)
    if now - _start(seen, since) < _hold(rule, seen, 0):
        return seen, _changed(rule, known, seen, now)
    is_told = known.told_value is not None and known.messages < MOST_MESSAGES and not is_muted(known, now)
    after = replace(seen, state="recovered", ended_at=now, told_value=None, told_dollars=None, messages=known.messages + is_told)
    return after, "recovered" if is_told else _changed(rule, known, after, now)


def _told(rule: AlertRule, known: Incident, after: Incident, reading: Reading, now: datetime) -> tuple[Incident, Event | None]:
    """Whether an open incident that is over its level is told anew, and as what."""
    event: Event | None = None
    if not is_muted(after, now) and after.acknowledged_at is None and _is_settled(after, now):
        if after.told_value is None:
            event = "opened" if after.messages < MOST_MESSAGES else None
        elif after.messages < MOST_MESSAGES - 1 and _is_worse(rule, after, reading):
            event = "worse"
    if event is None:
        return after, _changed(rule, known, after, now)
    return replace(after, messages=after.messages + 1, told_value=reading.value, told_dollars=reading.dollars), event


def _changed(rule: AlertRule, known: Incident, after: Incident, now: datetime) -> Event | None:
    """`changed` where a message was sent that shows something else by now."""
    if not known.messages or is_muted(after, now) or _face(rule, known) == _face(rule, after):
        return None
    return "changed"


def _is_worse(rule: AlertRule, incident: Incident, reading: Reading) -> bool:
    if reading.value is None or incident.told_value is None:
        return False
    further = distance(rule, reading.value) - distance(rule, incident.told_value)
    unit = unit_of(rule.metric)
    most = WORSE_POINTS if unit == "percent" else WORSE_DOLLARS if unit == "money" else None
    if most is not None and further >= most - NOTHING:
        return True
    if reading.dollars is None or incident.told_dollars is None:
        return False
    return reading.dollars - incident.told_dollars >= Decimal(WORSE_DOLLARS)


def _hold(rule: AlertRule, incident: Incident, wanted: int) -> timedelta:
    """For how long it is to be held; `wanted`: minutes, where the basis never switched."""
    if incident.basis_since is None:
        return timedelta(minutes=wanted)
    return timedelta(minutes=max(rule.hold_minutes, SWITCH_MINUTES))


def _start(incident: Incident, since: datetime) -> datetime:
    """What holds since an instant, holds on this basis since ..."""
    return since if incident.basis_since is None else max(since, incident.basis_since)


def _is_settled(incident: Incident, now: datetime) -> bool:
    """Whether a switch of basis is long enough ago that a value of the new one is told."""
    return incident.basis_since is None or now - incident.basis_since >= timedelta(minutes=SWITCH_MINUTES)


# --- what is shown ----------------------------------------------------------------------------------------------------


def _seen(rule: AlertRule, known: Incident, reading: Reading) -> dict[str, Any]:
    """What an incident shows after a reading. A value that is shown the same stays the one it was: nothing is kept of such a reading."""
    value = cast(float, reading.value)
    worst = known.worst if known.worst is not None and distance(rule, known.worst) >= distance(rule, value) else value
    return {
        "subject_name": reading.subject_name,
        "value": _same(rule, known.value, value),
        "worst": _same(rule, known.worst, worst),
        "dollars": known.dollars if _dollars(known.dollars) == _dollars(reading.dollars) else reading.dollars,
        "facts": reading.facts,
        "drivers": reading.drivers,
        "suggestion": reading.suggestion,
    }


def _same(rule: AlertRule, known: float | None, value: float) -> float:
    return known if known is not None and shown(rule, known) == shown(rule, value) else value


def _dollars(value: Decimal | None) -> str:
    return "" if value is None else dollars(value)


def _face(rule: AlertRule, incident: Incident) -> tuple[Any, ...]:
    """What a message shows of an incident."""
    value = "" if incident.value is None else shown(rule, incident.value)
    own = (incident.state, incident.subject_name, value, _dollars(incident.dollars))
    return (*own, incident.facts, incident.drivers, incident.suggestion)

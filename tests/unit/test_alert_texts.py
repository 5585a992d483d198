"""What messages say, word by word, and where they go."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from typing import Any

import pytest

from restaurant_os.alerting import Delivery, Event, Incident, Message
from restaurant_os.alerts import numbers
from restaurant_os.alerts.channels import Channel
from restaurant_os.alerts.incidents import Step, acknowledged, closed, muted
from restaurant_os.alerts.messages import MOST_LINES, deliveries_of
from restaurant_os.alerts.rules import SHIPPED, rules_of
from restaurant_os.settings import AlertRule, AlertSettings, Location, ServiceSettings, Settings

#: 14:05 in New York.
NOW = datetime(2026, 3, 2, 19, 5, tzinfo=UTC)
PLACE = Location(name="Elm Street", toast_guid="aaaaaaaa-0000-4000-8000-000000000001", timezone="America/New_York")
SLACK = Channel("slack", "slack", "1", can_edit=False, can_find=False)
DISCORD = Channel("discord", "discord", "2", can_edit=True, can_find=False)
BOTH = (SLACK, DISCORD)
RULES = {rule.name: rule for rule in SHIPPED}
LABOR, OVERTIME, DRAWER = RULES["labor-percent"], RULES["overtime-ahead"], RULES["cash-over-short"]
HOSTILE = "<!channel> @everyone *Ana* </b>\u202e [x](http://evil.test)"


def settings_with(**fields: Any) -> Settings:
    return Settings(**{"locations": (PLACE,), **fields})


SETTINGS = settings_with()


def minutes(number: float) -> datetime:
    return NOW + timedelta(minutes=number)


def incident(rule: AlertRule = LABOR, value: float = 34.2, **fields: Any) -> Incident:
    """Open for a quarter of an hour, and told."""
    given: dict[str, Any] = {
        "rule": rule.name,
        "location": PLACE.toast_guid,
        "period": date(2026, 3, 2),
        "state": "open",
        "since": minutes(-30),
        "opened_at": minutes(-15),
        "updated_at": NOW,
        "value": value,
        "worst": value,
        "told_value": value,
        "basis": "net" if rule is LABOR else "",
        "messages": 1,
    }
    return Incident(**{**given, **fields})


def labor(**fields: Any) -> Incident:
    """With all that a message shows."""
    given: dict[str, Any] = {
        "dollars": Decimal("412.00"),
        "facts": (("Sales", "$2,310.00 so far, $4,480.00 projected"), ("CPLH", "$20.00")),
        "drivers": ("$210.00: sales are below", "$150.00: staff over schedule", "$52.00: overtime", "a fourth"),
        "suggestion": "A Line Cook could go at 14:30.",
    }
    return incident(**{**given, **fields})


def person(number: int, value: float | None = None, **fields: Any) -> Incident:
    given: dict[str, Any] = {"subject": f"guid-{number}", "subject_name": f"Person {number:02d}", "dollars": Decimal(10 * number)}
    return incident(OVERTIME, number if value is None else value, **{**given, **fields})


def told(
    *steps: tuple[Incident, Event | None],
    rule: AlertRule = LABOR,
    standing: Sequence[Incident] = (),
    channels: Sequence[Channel] = BOTH,
    settings: Settings = SETTINGS,
    now: datetime = NOW,
    place: Location = PLACE,
) -> tuple[Delivery, ...]:
    own = [Step(one, event, as_of=minutes(-2)) for one, event in steps]
    return deliveries_of(rule, place, own, standing, channels, settings, now)


def message(*steps: tuple[Incident, Event | None], **how: Any) -> Message:
    """The only one of all deliveries."""
    [found] = {one.message for one in told(*steps, **how)}
    return found


# --- one incident -----------------------------------------------------------------------------------------------------


def test_labor_that_is_projected_over_its_level() -> None:
    assert message((labor(), "opened")) == Message(
        kind="opened",
        title="Labor over 25 % at Elm Street: 34.2 % projected at close",
        text="34.2 % projected at close, 9.2 points over 25 %, since 13:35. In dollars that is $412.00.",
        fields=(("Sales", "$2,310.00 so far, $4,480.00 projected"), ("CPLH", "$20.00")),
        lists=(("Why", ("$210.00: sales are below", "$150.00: staff over schedule", "$52.00: overtime")),),
        suggestion="A Line Cook could go at 14:30.",
        footer="as of 14:03",
        level="alert",
    )


def test_labor_of_totals_that_a_store_posted_is_no_projection() -> None:
    """The README's: 1500 of 5000, over 75 hours."""
    store = SETTINGS.model_copy(update={"locations": ()}).place_of("north-1")
    own = incident(
        value=30.0, basis="gross_summary", since=NOW, dollars=Decimal("250.00"), facts=(("Labor %", "30.0 %"), ("CPLH", "$20.00"))
    )

    assert message((own, "opened"), place=store) == Message(
        kind="opened",
        title="Labor over 25 % at north-1: 30.0 %",
        text="30.0 %, 5.0 points over 25 %, since 19:05 UTC. In dollars that is $250.00.",
        fields=(("Labor %", "30.0 %"), ("CPLH", "$20.00")),
        footer="as of 19:03 UTC",
        level="alert",
    )


def test_what_got_worse_says_so_first() -> None:
    found = message((labor(value=38.0), "worse"))

    assert (found.kind, found.title) == ("worse", "Worse: Labor over 25 % at Elm Street: 38.0 % projected at close")


def test_a_recovery_says_what_it_was_at_worst_and_how_long() -> None:
    own = labor(value=23.8, worst=38.0, state="recovered", since=minutes(-100), ended_at=NOW, told_value=None)

    assert message((own, "recovered")) == Message(
        kind="recovered",
        title="Labor back under 25 % at Elm Street: 23.8 % projected at close",
        text="At worst it was 38.0 %. It lasted 1 h 40 min, from 12:25 to 14:05.",
        fields=(("Sales", "$2,310.00 so far, $4,480.00 projected"), ("CPLH", "$20.00")),
        footer="as of 14:03",
        level="good",
    )


def test_the_last_edit_of_a_day_says_how_it_ended() -> None:
    own = closed(labor(value=31.0, worst=38.0), minutes(500))

    found = message((own, "changed"), now=minutes(500))

    assert (found.title, found.level, found.lists, found.suggestion) == ("Labor over 25 % at Elm Street: 31.0 % in the end", "note", (), "")
    assert found.text == "The day is closed. At worst it was 38.0 %. It lasted 8 h 50 min, from 13:35 to 22:25."


def test_what_is_open_and_within_its_level_is_not_said_to_be_over_it() -> None:
    assert message((labor(value=24.5), "changed")).title == "Labor at Elm Street: 24.5 % projected at close"


@pytest.mark.parametrize(
    ("rule", "value", "title", "text"),
    [
        (DRAWER, -43.0, "Drawer off at Elm Street: Bar, $43.00 short", "Bar, $43.00 short, $33.00 beyond $10.00, since 13:35."),
        (DRAWER, 12.5, "Drawer off at Elm Street: Bar, $12.50 over", "Bar, $12.50 over, $2.50 beyond $10.00, since 13:35."),
        (RULES["void-rate"], 9.31, "Voids over 8 % at Elm Street: Bar, 9.3 %", "Bar, 9.3 %, 1.3 points over 8 %, since 13:35."),
        (RULES["punch-open"], 75.0, "Punch still open at Elm Street: Bar, 75 min", "Bar, 75 min, since 13:35."),
        (RULES["data-late"], 55.0, "Data late at Elm Street: Bar, 55 min", "Bar, 55 min, since 13:35."),
        (OVERTIME, 6.5, "Overtime ahead at Elm Street: Bar, 6.5 h", "Bar, 6.5 h, since 13:35."),
        (
            RULES["discounts-by-approver"],
            312.0,
            "Discounts of one approver over $250.00 at Elm Street: Bar, $312.00",
            "Bar, $312.00, $62.00 over $250.00, since 13:35.",
        ),
        (
            AlertRule(name="slow", metric="net_sales", below=Decimal("800.50")),
            700.0,
            "Net sales under $800.50 at Elm Street: Bar, $700.00",
            "Bar, $700.00, $100.50 under $800.50, since 13:35.",
        ),
        (
            AlertRule(name="wages", metric="cplh", above=Decimal("22.5")),
            23.0,
            "Cost per labor hour over $22.50 at Elm Street: Bar, $23.00",
            "Bar, $23.00, $0.50 over $22.50, since 13:35.",
        ),
    ],
    ids=lambda value: value.name if isinstance(value, AlertRule) else "",
)
def test_each_metric_in_its_own_words_and_unit(rule: AlertRule, value: float, title: str, text: str) -> None:
    found = message((incident(rule, value, subject="s", subject_name="Bar"), "opened"), rule=rule)

    assert (found.title, found.text) == (title, text)


@pytest.mark.parametrize(
    ("rule", "value", "title"),
    [
        (DRAWER, -3.0, "Drawer back between -$10.00 and $10.00 at Elm Street: Bar, $3.00 short"),
        (RULES["punch-open"], 0.0, "Punch closed at Elm Street: Bar, 0 min"),
        (RULES["data-late"], 2.0, "Data in again at Elm Street: Bar, 2 min"),
        (OVERTIME, 0.0, "No overtime ahead any more at Elm Street: Bar, 0.0 h"),
        (RULES["discounts-by-approver"], 250.0, "Discounts of one approver back at or under $250.00 at Elm Street: Bar, $250.00"),
    ],
    ids=lambda value: value.name if isinstance(value, AlertRule) else "",
)
def test_each_recovery_in_its_own_words(rule: AlertRule, value: float, title: str) -> None:
    own = incident(rule, value, subject="s", subject_name="Bar", state="recovered", ended_at=NOW)

    assert message((own, "recovered"), rule=rule).title == title


def test_every_metric_there_is_can_be_told() -> None:
    """Of a rule that anybody may write."""
    from restaurant_os.transformations import BY_NAME

    for metric in BY_NAME:
        rule = AlertRule(name="own", metric=metric, above=Decimal(10), below=Decimal(-10))
        for value in (-1234.5, 0.0, 1234.5):
            found = message((incident(rule, value), "opened"), rule=rule)
            assert found.title
            assert found.text


def test_what_began_on_another_day_has_its_weekday() -> None:
    own = person(3, since=NOW - timedelta(days=2, hours=3))

    assert message((own, "opened"), rule=OVERTIME).text == "Person 03, 3.0 h, since Saturday 11:05. In dollars that is $30.00."


def test_an_acknowledgement_is_shown_with_its_note() -> None:
    own = acknowledged(labor(), "Ben sent two home", NOW)

    assert message((own, "changed")).text.endswith("In dollars that is $412.00. Acknowledged: Ben sent two home")
    assert message((replace(own, note=""), "changed")).text.endswith("In dollars that is $412.00. Acknowledged.")


def test_names_from_outside_pass_as_they_are_and_on_one_line() -> None:
    """Whoever sends the message escapes them; what does not print is gone."""
    place = PLACE.model_copy(update={"name": HOSTILE})
    own = person(3, subject_name=HOSTILE + "\nsecond line " + "x" * 500)

    found = message((own, "opened"), rule=OVERTIME, place=place)

    assert found.title.startswith(
        "Overtime ahead at <!channel> @everyone *Ana* </b>  [x](http://evil.test): <!channel> @everyone *Ana* </b>"
    )
    assert "\n" not in found.title + found.text
    assert "\u202e" not in found.title + found.text
    assert len(found.title) < 400


def test_a_link_where_the_world_reaches_the_service() -> None:
    settings = settings_with(service=ServiceSettings(public_url="https://os.example.com/"))
    own = labor()

    assert message((own, "opened"), settings=settings).link == f"https://os.example.com/v1/incidents/{own.incident_id}"
    assert message((own, "opened")).link == ""


# --- several ----------------------------------------------------------------------------------------------------------


def test_ten_people_at_once_are_one_message_with_a_list() -> None:
    people = [person(number) for number in range(1, 11)]

    found = message(*((one, "opened") for one in people), rule=OVERTIME, standing=people)

    assert found == Message(
        kind="opened",
        title="Overtime ahead at Elm Street: 10 people",
        fields=(("In dollars, together", "$550.00"),),
        lists=(("New", tuple(f"Person {n:02d}: {n}.0 h, ${10 * n}.00, since 13:35" for n in range(10, 0, -1))),),
        footer="as of 14:03",
        level="alert",
    )


def test_of_many_the_first_twenty_are_listed_and_the_others_counted() -> None:
    people = [person(number) for number in range(1, 26)]
    steps: list[tuple[Incident, Event | None]] = [(one, "opened") for one in people[:15]]

    found = message(*steps, rule=OVERTIME, standing=people)

    assert [(heading, len(own), own[-1]) for heading, own in found.lists] == [
        ("New", 15, "Person 01: 1.0 h, $10.00, since 13:35"),
        ("Also open", 6, "and 5 more"),
    ]
    assert sum(len(own) for _, own in found.lists) == MOST_LINES + 1


def test_one_more_is_told_with_those_that_are_open_already() -> None:
    """The message is about the new one; the others are listed."""
    standing = [person(1, messages=1), person(9, messages=1), person(3)]

    found = message((standing[2], "opened"), rule=OVERTIME, standing=standing)

    assert found.title == "Overtime ahead at Elm Street: Person 03, 3.0 h"
    assert found.lists == (("Also open", ("Person 09: 9.0 h, $90.00, since 13:35", "Person 01: 1.0 h, $10.00, since 13:35")),)


def test_of_several_events_the_most_urgent_gives_the_kind() -> None:
    back = person(1, state="recovered", value=0.0, worst=4.0, ended_at=NOW)

    found = message((back, "recovered"), (person(2), "worse"), (person(3), "opened"), rule=OVERTIME)

    assert (found.kind, found.title) == ("opened", "Overtime ahead at Elm Street: 3 people")
    assert found.lists == (
        ("New", ("Person 03: 3.0 h, $30.00, since 13:35",)),
        ("Worse", ("Person 02: 2.0 h, $20.00, since 13:35",)),
        ("Back", ("Person 01: 0.0 h, at worst 4.0 h",)),
    )


def test_several_that_recovered_are_good_news() -> None:
    people = [person(n, state="recovered", value=0.0, worst=float(n), ended_at=NOW, dollars=None) for n in (1, 2)]

    found = message(*((one, "recovered") for one in people), rule=OVERTIME)

    assert (found.title, found.level) == ("No overtime ahead any more at Elm Street: 2 people", "good")
    assert found.lists == (("Back", ("Person 01: 0.0 h, at worst 1.0 h", "Person 02: 0.0 h, at worst 2.0 h")),)


def test_an_edit_shows_the_group_as_it_stands() -> None:
    people = [person(1), acknowledged(person(2), "", NOW)]

    found = message((people[0], "changed"), rule=OVERTIME, standing=people)

    assert (found.kind, found.title) == ("changed", "Overtime ahead at Elm Street: 2 people")
    assert found.lists == (("Open", ("Person 02: 2.0 h, $20.00, since 13:35, acknowledged", "Person 01: 1.0 h, $10.00, since 13:35")),)


# --- where it goes ----------------------------------------------------------------------------------------------------


def test_a_new_message_goes_to_every_channel_and_an_edit_too_to_take_the_place_of_what_waits() -> None:
    new, edits = told((labor(), "opened")), told((labor(), "changed"))

    assert [(one.channel, one.is_edit, one.group) for one in new] == [
        ("slack", False, labor().group),
        ("discord", False, labor().group),
    ]
    assert [(one.channel, one.is_edit, one.only_in_place) for one in edits] == [("slack", True, True), ("discord", True, False)]
    assert {(one.created_at, one.ready_at, one.state) for one in (*new, *edits)} == {(NOW, NOW, "pending")}


def test_a_rule_with_channels_goes_to_those_alone() -> None:
    rule = LABOR.model_copy(update={"channels": ("discord", "apprise-1")})

    assert [one.channel for one in told((labor(), "opened"), rule=rule)] == ["discord"]
    assert told((labor(), "opened"), rule=rule, channels=(SLACK,)) == ()


def test_nothing_to_tell_is_no_delivery() -> None:
    assert told((labor(), None)) == ()


def test_what_is_muted_is_told_nowhere() -> None:
    """Nor listed among others."""
    silent = muted(person(1), minutes(60), NOW)

    assert told((silent, "opened"), rule=OVERTIME) == ()
    assert told((silent, "changed"), rule=OVERTIME) == ()
    assert message((person(2), "opened"), rule=OVERTIME, standing=[silent]).lists == ()


def test_in_quiet_hours_a_message_is_ready_when_they_end() -> None:
    """22:00 to 07:00 in New York; and what changes of it until then takes its place, whatever the channel."""
    rule = LABOR.model_copy(update={"quiet": "22:00-07:00"})
    night, seven = datetime(2026, 3, 3, 4, 30, tzinfo=UTC), datetime(2026, 3, 3, 12, tzinfo=UTC)
    own = labor(since=night - timedelta(minutes=20), opened_at=night)
    later = night + timedelta(minutes=5)

    new = told((own, "opened"), rule=rule, now=night)
    edits = told((own, "changed"), rule=rule, now=later)

    assert [(one.channel, one.is_edit, one.ready_at) for one in new] == [("slack", False, seven), ("discord", False, seven)]
    assert [(one.channel, one.is_edit, one.ready_at) for one in edits] == [("slack", True, later), ("discord", True, later)]


def test_the_same_evaluation_again_makes_the_same_keys_and_a_later_one_others() -> None:
    people = [person(1), person(2)]

    def keys(*steps: tuple[Incident, Event | None]) -> set[str]:
        return {one.key for one in told(*steps, rule=OVERTIME)}

    first = keys((people[0], "opened"), (people[1], "opened"))

    assert len(first) == 2
    assert keys((people[1], "opened"), (people[0], "opened")) == first
    assert keys((replace(people[0], version=1), "opened"), (people[1], "opened")).isdisjoint(first)
    assert keys((people[0], "worse"), (people[1], "opened")).isdisjoint(first)
    assert keys((people[0], "opened")).isdisjoint(first)


# --- numbers ----------------------------------------------------------------------------------------------------------


def test_levels_are_shown_as_they_were_written() -> None:
    rules = rules_of(settings_with(alerts=AlertSettings(rules=(AlertRule(name="own", metric="labor_percent", above=Decimal("27.50")),))))

    assert [numbers.level(rule, rule.above or Decimal(0)) for rule in rules if rule.name in ("own", "labor-percent", "punch-open")] == [
        *("25 %", "60 min", "27.5 %")
    ]
    assert numbers.level(OVERTIME, Decimal("0.5")) == "0.5 h"
    assert numbers.level(DRAWER, Decimal(-10)) == "-$10.00"


@pytest.mark.parametrize(
    ("seconds", "expected"),
    [(0, "0 min"), (29, "0 min"), (60, "1 min"), (3600, "1 h"), (6000, "1 h 40 min"), (90_000, "25 h"), (-60, "0 min")],
)
def test_spans_in_hours_and_minutes(seconds: int, expected: str) -> None:
    assert numbers.lasted(timedelta(seconds=seconds)) == expected


def test_changes_have_a_sign() -> None:
    assert [numbers.change(Decimal(value)) for value in ("1234.5", "-43", "0", "-0.001")] == ["+$1,234.50", "-$43.00", "$0.00", "$0.00"]

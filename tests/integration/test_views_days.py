"""Random small days: what is sold, given back and worked sums the same by hour, by job and in the whole."""

from __future__ import annotations

from datetime import timedelta
from decimal import Decimal
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from property_profiles import examples
from restaurant_os.transformations import BY_NAME, VIEWS
from views_rows import DAY, OPENS, Row, Rows, at, own_rows

NEXT = DAY + timedelta(days=1)
LONGEST = 30 * 3600

cents = st.integers(0, 20_000).map(lambda n: str(Decimal(n) / 100))
signed = st.integers(-5_000, 5_000).map(lambda n: str(Decimal(n) / 100))
hour = st.one_of(st.none(), st.integers(-2, 27))
days = st.sampled_from([DAY, NEXT])
seconds = st.integers(0, LONGEST)
jobs = st.sampled_from(["Cook", "Server", None])

lines = st.fixed_dictionaries({"gross": cents, "off": cents, "sale": st.booleans(), "voided": st.booleans()})
orders = st.fixed_dictionaries(
    {
        "day": days,
        "hour": hour,
        "counted": st.booleans(),
        "guests": st.one_of(st.none(), st.integers(0, 9)),
        "source": st.sampled_from(["Online", "In Store", None]),
        "lines": st.lists(lines, max_size=3),
        "charge": st.one_of(st.none(), st.tuples(cents, st.sampled_from(["sale", "gratuity", "other"]))),
        "tip": cents,
        "tax": cents,
        "refund": st.one_of(st.none(), st.tuples(signed, days, st.one_of(st.none(), st.integers(-3, 50)))),
    }
)
closed = st.fixed_dictionaries(
    {
        "day": days,
        "job": jobs,
        "salaried": st.booleans(),
        "hours": st.lists(st.tuples(st.integers(0, 22), signed, signed, cents), max_size=4, unique_by=lambda part: part[0]),
    }
)
opened = st.fixed_dictionaries(
    {
        "job": jobs,
        "salaried": st.booleans(),
        "start": st.integers(0, 23 * 3600),
        "wage": st.integers(500, 6_000).map(lambda n: str(Decimal(n) / 100)),
        "limit": st.one_of(st.none(), seconds),
        "pause": st.one_of(st.none(), seconds),
        "breaks": st.lists(st.tuples(seconds, st.integers(0, 7_200)), max_size=2),
    }
)


def write_order(rows: Rows, made: dict[str, Any]) -> None:
    day, counted = made["day"], made["counted"]
    order = rows.order(day=day, counted=counted, guest_count=made["guests"], order_source=made["source"])
    check = rows.check(order, day=day, counted=counted, hour=made["hour"], tax_amount=made["tax"])
    for line in made["lines"]:
        sale = counted and line["sale"] and not line["voided"]
        net = str(Decimal(line["gross"]) - Decimal(line["off"]))
        rows.line(order, check, line["gross"], net, day=day, sale=sale, hour=made["hour"], is_voided=line["voided"])
    if made["charge"]:
        amount, kind = made["charge"]
        rows.charge(
            order, check, amount, business_date=day, is_counted=counted, is_sale=counted and kind == "sale", is_gratuity=kind == "gratuity"
        )
    rows.payment(order, check, "1", made["tip"], day=day, counted=counted)
    if made["refund"]:
        amount, on, hours = made["refund"]
        rows.refund(order, check, amount, amount, on=on, day=day, is_counted=counted, refunded_at=None if hours is None else at(hours))


def write_closed(rows: Rows, made: dict[str, Any]) -> None:
    entry = rows.punch(day=made["day"], out_date=at(9), job_title=made["job"], is_salaried=made["salaried"])
    for place, regular, overtime, pay in made["hours"]:
        shared = {"day": made["day"], "job_title": made["job"], "is_salaried": made["salaried"]}
        rows.worked(entry, place, regular, overtime, pay=pay, overtime_pay=pay, **shared)


def write_opened(rows: Rows, made: dict[str, Any]) -> None:
    def instant(after: int | None) -> Any:
        return None if after is None else OPENS + timedelta(seconds=after)

    entry = rows.punch(
        in_date=instant(made["start"]),
        hourly_wage=made["wage"],
        job_title=made["job"],
        is_salaried=made["salaried"],
        accrues_until=instant(made["limit"]),
        paused_at=instant(made["pause"]),
    )
    end = 0
    for gap, length in sorted(made["breaks"]):
        start = max(gap, end)  # breaks of one entry do not overlap
        end = start + length
        rows.rest(entry, instant(start), instant(end))


def shown(view: str) -> set[str]:
    """The metrics of a view that are sums."""
    [found] = [view_ for view_ in VIEWS if view_.name == view]
    return {name for name, _ in found.columns if name in BY_NAME and not BY_NAME[name].is_ratio and name != "salaried_cost"}


def total(rows: list[Row], name: str) -> Any:
    """Null when all are null, as for guests that nobody tells."""
    values = [row[name] for row in rows if row[name] is not None]
    return sum(values) if values else None


@examples(2)
@given(
    sold=st.lists(orders, max_size=4),
    done=st.lists(closed, max_size=2),
    working=st.lists(opened, max_size=3),
    length=st.sampled_from([23, 24, 25]),
    as_of=seconds,
)
def test_a_day_sums_the_same_however_it_is_split(
    sold: list[dict[str, Any]], done: list[dict[str, Any]], working: list[dict[str, Any]], length: int, as_of: int
) -> None:
    """gross - discounts - refunds = net; hours, jobs, sources and days of a week sum to the day; a 23-hour day has 23 hours."""
    with own_rows() as rows:
        rows.day(hours=length)
        rows.day(NEXT, opens=at(length))
        for dataset in ("orders", "labor"):
            rows.read(dataset, OPENS + timedelta(seconds=as_of))
            rows.read(dataset, at(60), NEXT)
        for write, made in ((write_order, sold), (write_closed, done), (write_opened, working)):
            for one in made:
                write(rows, one)

        whole = rows.all("daily_profitability", "business_date")
        assert [row["business_date"] for row in whole] == [DAY, NEXT]
        for row in whole:
            day = row["business_date"]
            assert row["net_sales"] == row["gross_sales"] - row["discounts"] - row["refunds"]
            by_hour = rows.all("hourly_profitability", "business_hour", business_date=day)
            assert [found["business_hour"] for found in by_hour] == list(range(length if day == DAY else 24))
            assert {name: total(by_hour, name) for name in shown("hourly_profitability")} == {
                name: row[name] for name in shown("hourly_profitability")
            }
            by_role = rows.all("profitability_by_role", business_date=day)
            of_labor = shown("profitability_by_role") - {"net_sales"}
            assert {name: total(by_role, name) or 0 for name in of_labor} == {name: row[name] for name in of_labor}
            by_source = rows.all("sales_by_source", business_date=day)
            for name in shown("sales_by_source"):
                assert (total(by_source, name) or 0) == (row[name] or 0), name
        [week] = rows.all("weekly_profitability")
        assert {name: total(whole, name) for name in shown("weekly_profitability")} == {
            name: week[name] for name in shown("weekly_profitability")
        }

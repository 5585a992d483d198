"""How the lists of people and jobs change though nobody's hours do: names, a rehire, jobs that nobody works in.

None of it touches a schedule, a punch or a wage that is paid. Dates are ordinals, instants ms; the days are before the world's last.
"""

from __future__ import annotations

from dataclasses import replace

from restaurant_os.simulator.dice import Dice
from restaurant_os.simulator.staff import LAST_NAMES, WAGE_UNIT, Employee, House, Job

#: Who left comes back, under another GUID; somebody gets another last name; and, after the last day, who came back is called otherwise.
REHIRED, RENAMED, CALLED_OTHERWISE = 2, 3, -1
#: Who was only ever listed is deleted after the last day.
LISTED_LEAVES = -1
#: A job that nobody works in: retitled and better paid; after the last day retitled again.
RETITLED, RETITLED_AGAIN = 4, -1
#: One is made, and another deleted.
JOB_MADE, JOB_GONE = -1, -2
_TITLES = ("Valet", "Valet Attendant", "Parking Attendant")


def listed_employees(house: House) -> list[Employee]:
    """Those who are in the list and have no hours: the one who came back, and one who never worked here."""
    dice = Dice(f"{house.seed}/turnover/{house.index}")
    left = next(who for who in house.employees if who.left is not None)
    again = replace(left, guid=dice.guid(), hired=house.last_day - REHIRED, left=None)
    office = replace(left, guid=dice.guid(), number=None, first="Office", last="Tablet", chosen=None, email=None, phone=None)
    return [again, replace(office, jobs=(), wages={}, left=house.last_day - LISTED_LEAVES)]


def listed_jobs(house: House) -> list[Job]:
    """Jobs that nobody works in. Which of them there are, and as what, is for `job_at` to say."""
    dice = Dice(f"{house.seed}/turnover/jobs/{house.index}")
    model = house.jobs["host"]
    made = house.calendar.at(house.last_day - JOB_MADE, 9)
    gone = house.calendar.at(house.last_day - JOB_GONE, 9)
    return [
        model._replace(key="valet", guid=dice.guid(), title=_TITLES[0], code="VAL"),
        model._replace(key="sommelier", guid=dice.guid(), title="Sommelier", code="SOM", created=made),
        model._replace(key="coat check", guid=dice.guid(), title="Coat Check", code=None, deleted=gone),
    ]


def job_at(house: House, job: Job, at: int) -> tuple[Job, int]:
    """A job as it is at an instant, and when it was last changed."""
    changed = job.created
    if job.key == "valet":
        first, second = (house.calendar.at(house.last_day - days, 13) for days in (RETITLED, RETITLED_AGAIN))
        if at >= first:
            job, changed = job._replace(title=_TITLES[1], wage=job.wage + WAGE_UNIT // 2), max(changed, first)
        if at >= second:
            job, changed = job._replace(title=_TITLES[2]), second
    if job.deleted is not None and job.deleted <= at:
        changed = job.deleted
    return job, changed


def employee_at(house: House, who: Employee, at: int) -> tuple[Employee, int]:
    """An employee under the name he has at an instant, and when that was given; 0: with all the rest."""
    renamed, called = (house.calendar.at(house.last_day - days, 11) for days in (RENAMED, CALLED_OTHERWISE))
    if who.guid == house.employees[1].guid and at >= renamed:
        other = LAST_NAMES[(LAST_NAMES.index(who.last or LAST_NAMES[0]) + 7) % len(LAST_NAMES)]
        return replace(who, last=other), renamed
    if who.left is None and who.hired == house.last_day - REHIRED and at >= called:
        return replace(who, chosen="Sunny"), called
    return who, 0

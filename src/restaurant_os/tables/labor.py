"""The tables of the dataset labor. API fields are of Toast's Labor API v1 (`TimeEntry`, `TimeEntryBreak`, `Shift`, `Job`, `Employee`).

Hours are decimals with four places, a third of a second; what they cost is worked out from the hours as the platform gives them.
"""

from __future__ import annotations

from restaurant_os.tables.spec import COUNT, DATE, FLAG, INSTANT, LOADED_AT, MONEY, TEXT, Column, TableSpec, loaded_at

HOURS = MONEY

_SOURCE = Column("source", TEXT, "ours", "Whose record it is: toast or sevenshifts.")
_ENTRY = Column("time_entry_guid", TEXT, "TimeEntry.guid", "The time entry.")
_RESTAURANT_GUID = Column("restaurant_guid", TEXT, "Toast-Restaurant-External-ID", "The location.")
_BUSINESS_DATE = Column("business_date", DATE, "TimeEntry.businessDate", "The business date of the clock-in.")
_MODIFIED_AT = Column("modified_at", INSTANT, "TimeEntry.modifiedDate", "The version: the latest change of the entry.")
_IS_DELETED = Column("is_deleted", FLAG, "TimeEntry.deleted", "The entry is deleted, or the row is no longer part of it.")
_IS_COUNTED = Column("is_counted", FLAG, "Job.excludeFromReporting", "Counts in the metrics: not deleted, and of a job that is reported.")
_IS_SALARIED = Column("is_salaried", FLAG, "TimeEntry.hourlyWage", "No hourly wage: a salaried job, out of labor cost and hours.")
_EMPLOYEE_NAME = Column("employee_name", TEXT, "Employee.chosenName, firstName, lastName", "Name, as the setting `labor.names` wants it.")
_JOB = (
    Column("job_guid", TEXT, "TimeEntry.jobReference.guid", "The job worked."),
    Column("job_title", TEXT, "Job.title", "Its title when the entry was read."),
)

FACT_LABOR_SHIFTS = TableSpec(
    name="fact_labor_shifts",
    meaning="One row per time entry (a punch): the header that gates its breaks and hours.",
    key=("source", "time_entry_guid"),
    role="header",
    incidental=("read_at", LOADED_AT),
    columns=(
        _SOURCE,
        _ENTRY,
        _RESTAURANT_GUID,
        _BUSINESS_DATE,
        Column("employee_guid", TEXT, "TimeEntry.employeeReference.guid", "Who worked."),
        *_JOB,
        Column("in_date", INSTANT, "TimeEntry.inDate", "Clock-in."),
        Column("out_date", INSTANT, "TimeEntry.outDate", "Clock-out; null while open."),
        Column("regular_hours", HOURS, "TimeEntry.regularHours", "Hours at the wage, unpaid breaks out; null while open."),
        Column("overtime_hours", HOURS, "TimeEntry.overtimeHours", "Hours beyond, double time among them; null while open."),
        Column("hourly_wage", MONEY, "TimeEntry.hourlyWage", "Dollars an hour when it was worked; null for a salaried job."),
        Column("regular_pay", MONEY, "ours", "regular_hours x hourly_wage."),
        Column("overtime_pay", MONEY, "ours", "overtime_hours at the overtime wage of the settings."),
        Column("total_pay", MONEY, "ours", "regular_pay + overtime_pay."),
        Column("declared_tips", MONEY, "TimeEntry.declaredCashTips", "Cash tips declared at clock-out."),
        _IS_DELETED,
        loaded_at(),
        _MODIFIED_AT,
        Column("created_at", INSTANT, "TimeEntry.createdDate", "When it was created; never moves, so the merge looks for the entry there."),
        _EMPLOYEE_NAME,
        Column("double_time_hours", HOURS, "ours", "The part of overtime_hours paid as double time, by the settings."),
        Column("paid_break_hours", HOURS, "TimeEntry.breaks[]", "Ended breaks that are paid."),
        Column("unpaid_break_hours", HOURS, "TimeEntry.breaks[]", "Ended breaks that are not; a missed one is none."),
        Column("overtime_wage", MONEY, "ours", "Dollars for an overtime hour, by the settings."),
        Column("non_cash_tips", MONEY, "TimeEntry.nonCashTips", "Tips on cards and the like."),
        Column("tips_withheld", MONEY, "TimeEntry.tipsWithheld", "Withheld from tips, for card fees."),
        Column(
            "gratuity_amount",
            MONEY,
            "TimeEntry.cashGratuityServiceCharges, nonCashGratuityServiceCharges",
            "Gratuity charges of the entry.",
        ),
        Column("is_open", FLAG, "TimeEntry.outDate", "No clock-out yet."),
        Column(
            "is_suspect", FLAG, "ours", "Clocked out by the closeout, longer than the settings believe, or open beyond `accrues_until`."
        ),
        Column("auto_clocked_out", FLAG, "TimeEntry.autoClockedOut", "Closed by Toast at the closeout."),
        Column("is_approved", FLAG, "ours", "Approved by a manager (7shifts); null from Toast."),
        _IS_SALARIED,
        _IS_COUNTED,
        Column("shift_id", TEXT, "TimeEntry.shiftReference", "The scheduled shift it was clocked in for, where Toast enforces schedules."),
        Column("accrues_until", INSTANT, "ours", "An open entry stops accruing here: too long, or too long past its scheduled end."),
        Column("paused_at", INSTANT, "TimeEntry.breaks[].inDate", "Start of an unpaid break that has not ended."),
        Column("read_at", INSTANT, "ours", "When the API read that brought this version began; null when a webhook brought it."),
    ),
)

FACT_LABOR_BREAKS = TableSpec(
    name="fact_labor_breaks",
    meaning="One row per break of a time entry.",
    key=("source", "time_entry_guid", "ordinal"),
    role="child",
    columns=(
        _SOURCE,
        _ENTRY,
        Column("ordinal", COUNT, "TimeEntry.breaks[]", "Its place among the entry's breaks, from 0."),
        _RESTAURANT_GUID,
        _BUSINESS_DATE,
        _MODIFIED_AT,
        Column("break_guid", TEXT, "TimeEntryBreak.guid", "The break."),
        Column("break_type_guid", TEXT, "TimeEntryBreak.breakType.guid", "Its type."),
        Column("in_date", INSTANT, "TimeEntryBreak.inDate", "Start."),
        Column("out_date", INSTANT, "TimeEntryBreak.outDate", "End; null while on break, and for one that was missed."),
        Column("is_paid", FLAG, "TimeEntryBreak.paid", "Paid."),
        Column("is_missed", FLAG, "TimeEntryBreak.missed", "Was due and not taken."),
        Column("is_waived", FLAG, "TimeEntryBreak.waived", "Was due and waived."),
        _IS_DELETED,
        loaded_at(),
    ),
)

FACT_LABOR_HOURS = TableSpec(
    name="fact_labor_hours",
    meaning="One row per closed time entry and hour of its business day: what of it was worked in that hour. Its rows sum to the entry.",
    key=("source", "time_entry_guid", "business_hour"),
    role="child",
    columns=(
        _SOURCE,
        _ENTRY,
        Column(
            "business_hour",
            COUNT,
            "ours",
            "Hours from the start of the business day: 0 is the first. Work outside the day's bounds counts in the last.",
        ),
        _RESTAURANT_GUID,
        _BUSINESS_DATE,
        _MODIFIED_AT,
        *_JOB,
        Column("regular_hours", HOURS, "ours", "Regular hours."),
        Column("overtime_hours", HOURS, "ours", "Overtime hours."),
        Column("regular_pay", MONEY, "ours", "Regular pay."),
        Column("overtime_pay", MONEY, "ours", "Overtime pay."),
        _IS_SALARIED,
        _IS_COUNTED,
        _IS_DELETED,
        loaded_at(),
    ),
)

FACT_SCHEDULED_SHIFTS = TableSpec(
    name="fact_scheduled_shifts",
    meaning="One row per shift as scheduled.",
    key=("source", "shift_id"),
    role="header",
    incidental=("read_at", LOADED_AT),
    columns=(
        _SOURCE,
        Column("shift_id", TEXT, "Shift.guid", "The shift."),
        _RESTAURANT_GUID,
        Column("business_date", DATE, "ours", "The business date of its planned start."),
        Column("employee_guid", TEXT, "Shift.employeeReference.guid", "Who is to work; null while nobody is."),
        _EMPLOYEE_NAME,
        Column("job_guid", TEXT, "Shift.jobReference.guid", "The job."),
        Column("job_title", TEXT, "Job.title", "Its title when the shift was read."),
        Column("in_date", INSTANT, "Shift.inDate", "Planned start."),
        Column("out_date", INSTANT, "Shift.outDate", "Planned end."),
        Column("planned_hours", HOURS, "ours", "From start to end."),
        Column("hourly_wage", MONEY, "Employee.wageOverrides[].wage, Job.defaultWage", "Dollars an hour; null for a salaried job."),
        Column("planned_cost", MONEY, "ours", "planned_hours x hourly_wage."),
        Column("is_published", FLAG, "ours", "Published (7shifts); null from Toast."),
        Column("is_deleted", FLAG, "Shift.deleted", "Deleted."),
        loaded_at(),
        Column("modified_at", INSTANT, "Shift.modifiedDate", "The version: the latest change of the shift."),
        Column("created_at", INSTANT, "Shift.createdDate", "When it was created."),
        Column("read_at", INSTANT, "ours", "When the API read that brought this version began."),
    ),
)

LABOR_TABLES: tuple[TableSpec, ...] = (FACT_LABOR_SHIFTS, FACT_LABOR_BREAKS, FACT_LABOR_HOURS, FACT_SCHEDULED_SHIFTS)

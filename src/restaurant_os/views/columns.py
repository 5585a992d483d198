"""What the columns of views mean that are no metrics."""

from __future__ import annotations

#: Those that many views have.
MEANINGS = {
    "restaurant_guid": "The location.",
    "business_date": "The business date.",
    "business_hour": "Hours from the start of the business day: 0 is the first.",
    "local_hour": "What the location's clock shows at its start, 0 to 23.",
    "starts_at": "When the hour begins.",
    "week_start": "The first day of the report week.",
    "days": "Days of the week that are there: read, or with any rows.",
    "job_title": "The job worked.",
    "dining_option_guid": "The order's dining option; null where it has none.",
    "revenue_center_guid": "The order's revenue center; null where it has none.",
    "order_source": "Where the order came from.",
    "sales_as_of": "Up to when its sales are known; null when they were not read.",
    "labor_as_of": "Up to when its labor is known; null when it was not read.",
    "cash_as_of": "Up to when its cash is known; null when it was not read.",
    "sales_read_by": "What sales_as_of rests on: 'whole day' (its last whole read), 'changes' (they were followed for longer) or 'summary' "
    "(when the store's own total came).",
    "labor_read_by": "The same of labor_as_of.",
    "sales_basis": "What its sales are made of: 'net' (orders) or 'gross_summary' (the store's own total, gross, taken for net).",
    "labor_basis": "What its labor is made of: 'punches' or 'summary' (the store's own total); 'with open punches' where some accrue.",
    "sales_reason": "Why a figure per check or guest is missing: 'no sales read', 'no sales' (net sales not above zero); else null.",
    "labor_reason": "Why a labor ratio is missing: 'no sales read', 'no labor read', 'sales stale', 'labor stale', 'no sales' (net sales "
    "not above zero), 'no punches'; else null.",
    "deposit_status": "'made' (a deposit stands), 'pending' (none yet, fewer than two business days have closed since), 'missing'.",
    "cash_reason": "Why deposit_over_short is missing: 'no sales read', 'no cash read', 'sales stale', 'cash stale', 'deposit pending'; else null.",
}
IN_WEEKS = {
    "sales_as_of": "The earliest of its days; null when the sales of one were not read.",
    "labor_as_of": "The earliest of its days; null when the labor of one was not read.",
    "sales_basis": "That of its days; 'mixed' where they differ.",
    "labor_basis": "The same; 'with open punches' where some accrue.",
    "sales_reason": "'incomplete: n of m days' when the sales of one were not read; else as by day.",
    "labor_reason": "'incomplete: n of m days' when n of its m days have both sides, neither stale; else as by day.",
}
OPEN_CHECK = (
    ("order_guid", "The order."),
    ("check_guid", "The check."),
    ("display_number", "The number printed."),
    ("opened_at", "When it was opened."),
    ("server_guid", "Server of the order."),
    ("amount", "Lines and charges that are no gratuity, after discounts, without tax and tips."),
    ("tax_amount", "Tax."),
    ("gratuity_amount", "Charges that are gratuity."),
    ("total_amount", "amount + tax_amount."),
    ("due", "total_amount + gratuity_amount."),
    ("paid", "What was paid on it so far, without tips."),
    ("unpaid", "due - paid."),
)
#: The figures that a snapshot of a day may have.
SNAPSHOT_FIGURES = (
    *("orders", "gross_sales", "discounts", "refunds", "net_sales", "tax", "tips"),
    *("labor_hours", "labor_cost", "cash_entries", "cash_deposits"),
)
RESTATED = (
    ("dataset", "Whose figures: orders, labor or cash."),
    ("restaurant_guid", MEANINGS["restaurant_guid"]),
    ("business_date", "The day that changed."),
    ("sequence", "That of the commit in changed_days; 1 or more."),
    ("taken_at", "When the figures became these: the read that brought them, on the API's clock."),
    ("record_guids", "The orders, punches or entries that changed, joined by a blank."),
    *(
        (f"{name}_{when}", f"{name} {when} the change; null where the dataset has none.")
        for name in SNAPSHOT_FIGURES
        for when in ("before", "after")
    ),
)

"""The limit: DuckDB alone reads the pages from files and unnests them into the same tables. No merge, no ledger, no checks.

As quick as we know to write it: the fields are named with their types so that nothing is inferred, the files are read once
into a temporary table, and every table is one insert from there. DuckDB has its default memory limit (ours has 256 MB).
"""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path

import duckdb
import pyarrow as pa

from benchmarks.pages import READ_AT, Pages
from restaurant_os.businessday import days_between
from restaurant_os.tables import ORDER_TABLES
from restaurant_os.warehouse.duckdb import SQL_TYPES

MONEY = "DECIMAL(18,4)"
REF = "STRUCT(guid VARCHAR)"
REFUND_DETAILS = f"STRUCT(refundAmount {MONEY}, taxRefundAmount {MONEY}, refundTransaction {REF})"
TAX = f"STRUCT(taxAmount {MONEY}, facilitatorCollectAndRemitTax BOOLEAN)"
DISCOUNT = f"""STRUCT(guid VARCHAR, name VARCHAR, discountAmount {MONEY}, nonTaxDiscountAmount {MONEY}, discount {REF}, approver {REF},
    discountType VARCHAR, appliedDiscountReason STRUCT(name VARCHAR), appliedPromoCode VARCHAR, loyaltyDetails STRUCT(vendor VARCHAR),
    processingState VARCHAR)"""


def selection(modifiers: str) -> str:
    return f"""STRUCT(guid VARCHAR, item {REF}, itemGroup {REF}, optionGroup {REF}, salesCategory {REF}, diningOption {REF},
        voidReason {REF}, displayName VARCHAR, quantity DOUBLE, selectionType VARCHAR, deferred BOOLEAN, voided BOOLEAN,
        preDiscountPrice {MONEY}, price {MONEY}, tax {MONEY}, appliedDiscounts {DISCOUNT}[], appliedTaxes {TAX}[], modifiers {modifiers}[],
        refundDetails {REFUND_DETAILS})"""


#: A modifier's modifiers have none here; the totals would show it if one had.
SELECTION = selection(selection(selection("VARCHAR")))
CHARGE = f"""STRUCT(guid VARCHAR, name VARCHAR, serviceCharge {REF}, chargeAmount {MONEY}, chargeType VARCHAR, gratuity BOOLEAN,
    serviceChargeCategory VARCHAR, appliedTaxes {TAX}[], refundDetails {REFUND_DETAILS})"""
PAYMENT = f"""STRUCT(guid VARCHAR, type VARCHAR, amount {MONEY}, tipAmount {MONEY}, amountTendered {MONEY}, paidDate TIMESTAMPTZ,
    paidBusinessDate INTEGER, cardType VARCHAR, cardEntryMode VARCHAR, originalProcessingFee {MONEY}, server {REF}, cashDrawer {REF},
    houseAccount {REF}, otherPayment {REF}, refundStatus VARCHAR, voidInfo STRUCT(voidBusinessDate INTEGER), paymentStatus VARCHAR,
    refund STRUCT(refundAmount {MONEY}, tipRefundAmount {MONEY}, refundDate TIMESTAMPTZ, refundBusinessDate INTEGER,
    refundTransaction {REF}))"""
CHECK = f"""STRUCT(guid VARCHAR, displayNumber VARCHAR, openedDate TIMESTAMPTZ, closedDate TIMESTAMPTZ, paidDate TIMESTAMPTZ,
    paymentStatus VARCHAR, openedBy {REF}, amount {MONEY}, taxAmount {MONEY}, totalAmount {MONEY}, taxExempt BOOLEAN, voided BOOLEAN,
    deleted BOOLEAN, selections {SELECTION}[], payments {PAYMENT}[], appliedDiscounts {DISCOUNT}[], appliedServiceCharges {CHARGE}[])"""
ORDER = {
    "guid": "VARCHAR",
    "modifiedDate": "TIMESTAMPTZ",
    "checks": f"{CHECK}[]",
    "businessDate": "INTEGER",
    "createdDate": "TIMESTAMPTZ",
    "openedDate": "TIMESTAMPTZ",
    "closedDate": "TIMESTAMPTZ",
    "promisedDate": "TIMESTAMPTZ",
    "paidDate": "TIMESTAMPTZ",
    "voidBusinessDate": "INTEGER",
    "source": "VARCHAR",
    "diningOption": REF,
    "revenueCenter": REF,
    "server": REF,
    "table": REF,
    "serviceArea": REF,
    "displayNumber": "VARCHAR",
    "numberOfGuests": "BIGINT",
    "approvalStatus": "VARCHAR",
    "voided": "BOOLEAN",
    "deleted": "BOOLEAN",
    "createdInTestMode": "BOOLEAN",
    "excessFood": "BOOLEAN",
}

MACROS = """
CREATE TEMP MACRO yes(x) AS coalesce(x, false);
CREATE TEMP MACRO day(n) AS make_date(n // 10000, n // 100 % 100, n % 100);
CREATE TEMP MACRO total(amounts) AS coalesce(list_sum(amounts), 0);
CREATE TEMP MACRO remitted(taxes) AS total([t.taxAmount FOR t IN taxes IF yes(t.facilitatorCollectAndRemitTax)]);
CREATE TEMP MACRO void_payment(p) AS p.voidInfo IS NOT NULL OR yes(p.paymentStatus = 'VOIDED');
CREATE TEMP MACRO is_money(p) AS NOT void_payment(p)
    AND NOT yes(p.paymentStatus IN ('DENIED', 'CANCELLED', 'ERROR', 'ERROR_NETWORK'));
CREATE TEMP MACRO sale_line(s) AS NOT (yes(s.voided) OR yes(s.deferred)
    OR yes(s.selectionType IN ('TOAST_CARD_SELL', 'TOAST_CARD_RELOAD', 'HOUSE_ACCOUNT_PAY_BALANCE')) OR yes(s.displayName = 'Gift Card'));
CREATE TEMP MACRO sale_charge(s) AS NOT yes(s.gratuity)
    AND NOT yes(s.serviceChargeCategory IN ('CREDIT_CARD_SURCHARGE', 'FUNDRAISING_CAMPAIGN', 'CASH_ROUNDING'));
"""
#: What a query asks more than once is worked out here, once per order and once per check.
READ = """
CREATE TEMP TABLE orders AS SELECT * EXCLUDE (checks), checks AS all_checks, day(businessDate) AS on_day,
    NOT (yes(voided) OR yes(deleted) OR yes(createdInTestMode)) AS counts
FROM read_json($files, format = 'array', hive_partitioning = true, hive_types = {{'restaurant_guid': VARCHAR}}, columns = {{{columns}}});
"""
CHECKS = """
CREATE TEMP TABLE checks AS
WITH each AS (SELECT * EXCLUDE (all_checks), unnest(all_checks) AS c, generate_subscripts(all_checks, 1) AS nth FROM orders)
SELECT guid AS order_guid, c.guid AS check_guid, restaurant_guid, on_day, modifiedDate AS modified, server.guid AS server_guid, c, nth,
    excessFood, promisedDate, source, diningOption.guid AS order_option, revenueCenter.guid AS center,
    coalesce(c.openedDate, openedDate) AS opened, yes(voided) OR yes(c.voided) AS voided, yes(deleted) OR yes(c.deleted) AS deleted,
    counts AND NOT yes(c.voided) AND NOT yes(c.deleted) AS counts,
    [p FOR p IN c.payments IF is_money(p)] AS paid
FROM each;
CREATE TEMP TABLE lines AS SELECT * EXCLUDE (c, paid), unnest(c.selections) AS s, c.totalAmount AS check_total, c.taxAmount AS check_tax,
    total([p.tipAmount FOR p IN paid]) AS tips,
    array_to_string(list_sort(list_distinct([coalesce(p.type, 'UNKNOWN') FOR p IN paid])), '+') AS kinds
FROM checks;
CREATE TEMP TABLE modifiers AS
WITH first AS (SELECT order_guid, check_guid, restaurant_guid, on_day, modified, server_guid, deleted, counts, s.guid AS parent,
    s.guid AS root, 1 AS depth, voided OR yes(s.voided) AS above, unnest(s.modifiers) AS m FROM lines WHERE len(s.modifiers) > 0),
    second AS (SELECT order_guid, check_guid, restaurant_guid, on_day, modified, server_guid, deleted, counts, m.guid, root, 2,
        above OR yes(m.voided), unnest(m.modifiers) AS m FROM first WHERE len(m.modifiers) > 0)
SELECT * EXCLUDE (m), m.* EXCLUDE (modifiers) FROM first UNION ALL SELECT * EXCLUDE (m), m.* EXCLUDE (modifiers) FROM second;
"""
REFUND_PARTS = """
CREATE TEMP TABLE refunded AS
WITH each AS (SELECT order_guid, check_guid, restaurant_guid, on_day, modified, deleted, counts, nth, unnest(c.payments) AS p,
        generate_subscripts(c.payments, 1) AS place FROM checks)
SELECT * EXCLUDE (nth, place), coalesce(p.refund.refundTransaction.guid, '') AS refund_guid,
    row_number() OVER (PARTITION BY order_guid ORDER BY nth, place) AS nth_of_order,
    row_number() OVER (PARTITION BY order_guid, p.refund.refundTransaction.guid ORDER BY nth, place) AS nth_of_refund
FROM each WHERE p.refund IS NOT NULL;
CREATE TEMP TABLE parts AS
WITH each AS (
    SELECT order_guid, s.refundDetails AS d, CASE WHEN counts AND NOT yes(excessFood) AND sale_line(s) THEN 0 ELSE 2 END AS place FROM lines
        WHERE s.refundDetails IS NOT NULL
    UNION ALL SELECT order_guid, s.refundDetails, CASE WHEN counts AND sale_charge(s) THEN 1 ELSE 2 END
        FROM (SELECT order_guid, counts, unnest(c.appliedServiceCharges) AS s FROM checks) AS c WHERE s.refundDetails IS NOT NULL)
SELECT order_guid, coalesce(d.refundTransaction.guid, '') AS refund_guid, coalesce(sum(d.refundAmount) FILTER (place = 0), 0) AS item,
    coalesce(sum(d.refundAmount) FILTER (place = 1), 0) AS charge, coalesce(sum(d.refundAmount) FILTER (place = 2), 0) AS other,
    coalesce(sum(d.taxRefundAmount), 0) AS tax
FROM each GROUP BY ALL;
"""
INSERTS = {
    "fact_orders": """SELECT guid, restaurant_guid, on_day, modifiedDate, coalesce(createdDate, openedDate), openedDate, closedDate,
        promisedDate, paidDate, day(voidBusinessDate), source, diningOption.guid, revenueCenter.guid, server.guid, "table".guid,
        serviceArea.guid, displayNumber, numberOfGuests, approvalStatus, yes(voided), yes(deleted), yes(createdInTestMode),
        yes(excessFood), counts, $read_at, now() FROM orders""",
    "fact_order_items": """SELECT order_guid, s.guid, check_guid, restaurant_guid, on_day, s.item.guid, server_guid, s.displayName, NULL,
        s.quantity, s.price, s.preDiscountPrice, coalesce(s.preDiscountPrice, 0) - coalesce(s.price, 0), s.tax, check_total, check_tax,
        tips, nullif(kinds, ''), voided OR yes(s.voided), deleted, now(), modified, opened,
        CASE WHEN moment >= first_instant AND moment < last_instant
            THEN (epoch_us(moment) - epoch_us(first_instant)) // 3600000000 END, s.itemGroup.guid, s.salesCategory.guid,
        coalesce(s.diningOption.guid, order_option), center, source, s.selectionType, yes(s.deferred), s.voidReason.guid,
        CASE WHEN sale THEN coalesce(s.price, 0) ELSE 0 END, sale
        FROM (SELECT *, coalesce(promisedDate, opened) AS moment, counts AND NOT yes(excessFood) AND sale_line(s) AS sale FROM lines) AS l
        LEFT JOIN bounds AS b ON b.guid = l.restaurant_guid AND b.on_date = l.on_day""",
    "fact_order_modifiers": """SELECT order_guid, guid, check_guid, restaurant_guid, on_day, modified, parent, root, depth, item.guid,
        optionGroup.guid, displayName, quantity, price, preDiscountPrice, above OR yes(voided), deleted, now() FROM modifiers""",
    "fact_checks": """SELECT order_guid, check_guid, restaurant_guid, on_day, modified, c.displayNumber, opened, c.closedDate, c.paidDate,
        c.paymentStatus, c.openedBy.guid, c.amount, c.taxAmount, c.totalAmount, charged_discounts, charges, gratuity,
        total([p.tipAmount FOR p IN paid]), CASE WHEN NOT voided
            THEN coalesce(c.amount, 0) - total([s.price FOR s IN c.selections IF NOT yes(s.voided)]) - charges END,
        total([remitted(s.appliedTaxes) FOR s IN c.selections IF NOT yes(s.voided)])
            + total([remitted(s.appliedTaxes) FOR s IN c.appliedServiceCharges]),
        CASE WHEN moment >= first_instant AND moment < last_instant
            THEN (epoch_us(moment) - epoch_us(first_instant)) // 3600000000 END, yes(c.taxExempt), voided, deleted, counts, now()
        FROM (SELECT *, coalesce(promisedDate, opened) AS moment, total([s.chargeAmount FOR s IN c.appliedServiceCharges IF NOT yes(s.gratuity)]) AS charges,
            total([s.chargeAmount FOR s IN c.appliedServiceCharges IF yes(s.gratuity)]) AS gratuity,
            total([d.discountAmount FOR d IN c.appliedDiscounts IF coalesce(d.processingState, '') <> 'VOID']) AS charged_discounts
            FROM checks) AS k LEFT JOIN bounds AS b ON b.guid = k.restaurant_guid AND b.on_date = k.on_day""",
    "fact_payments": """SELECT order_guid, p.guid, check_guid, restaurant_guid, on_day, modified, p.type, p.amount, p.tipAmount,
        p.amountTendered, p.cardType, p.cardEntryMode, p.paymentStatus, p.refundStatus, p.originalProcessingFee, p.paidDate,
        day(p.paidBusinessDate), day(p.voidInfo.voidBusinessDate), p.server.guid, p.cashDrawer.guid, p.houseAccount.guid,
        p.otherPayment.guid, void_payment(p), deleted, counts AND is_money(p), now()
        FROM (SELECT *, unnest(c.payments) AS p FROM checks) AS c""",
    "fact_refunds": """WITH known AS (
            SELECT r.*, NOT inferred AS shown, inferred, CASE WHEN inferred THEN t.refund_guid ELSE r.refund_guid END AS transaction,
                coalesce(t.item, 0) AS item, coalesce(t.charge, 0) AS charge, coalesce(t.other, 0) AS other, coalesce(t.tax, 0) AS tax
            FROM (SELECT *, false AS inferred FROM refunded) AS r LEFT JOIN parts AS t
                ON t.order_guid = r.order_guid AND t.refund_guid = r.refund_guid AND r.nth_of_refund = 1
            UNION ALL SELECT r.*, false, true, t.refund_guid, t.item, t.charge, t.other, t.tax
            FROM (SELECT *, true AS inferred FROM refunded WHERE nth_of_order = 1) AS r JOIN parts AS t ON t.order_guid = r.order_guid
                AND NOT EXISTS (SELECT 1 FROM refunded AS s WHERE s.order_guid = t.order_guid AND s.refund_guid = t.refund_guid)),
        whole AS (SELECT *, CASE WHEN shown THEN coalesce(p.refund.refundAmount, 0) ELSE item + charge + other + tax END AS amount
            FROM known)
        SELECT order_guid, p.guid, transaction, check_guid, restaurant_guid, on_day, modified,
            coalesce(day(p.refund.refundBusinessDate), on_day), p.refund.refundDate, p.type, amount,
            item, charge, other, tax, amount - item - charge - other - tax,
            CASE WHEN shown THEN coalesce(p.refund.tipRefundAmount, 0) ELSE 0 END,
            CASE WHEN counts THEN amount - other - tax ELSE 0 END, NOT shown, deleted, counts, now() FROM whole""",
    "fact_order_discounts": """SELECT order_guid, of, d.guid, check_guid, restaurant_guid, on_day, modified, d.discount.guid, d.name,
        CASE WHEN d.loyaltyDetails IS NOT NULL THEN 'loyalty' WHEN d.appliedPromoCode <> '' THEN 'promo' ELSE 'other' END, d.discountType,
        d.discountAmount, d.nonTaxDiscountAmount, d.appliedDiscountReason.name, d.approver.guid, server_guid, is_voided, deleted, counts,
        now() FROM (
            SELECT order_guid, '' AS of, check_guid, restaurant_guid, on_day, modified, server_guid, voided AS is_voided, deleted, counts,
                unnest(c.appliedDiscounts) AS d FROM checks
            UNION ALL SELECT order_guid, s.guid, check_guid, restaurant_guid, on_day, modified, server_guid, voided OR yes(s.voided),
                deleted, counts, unnest(s.appliedDiscounts) FROM lines WHERE len(s.appliedDiscounts) > 0
            UNION ALL SELECT order_guid, guid, check_guid, restaurant_guid, on_day, modified, server_guid, above OR yes(voided),
                deleted, counts, unnest(appliedDiscounts) FROM modifiers WHERE len(appliedDiscounts) > 0) AS all_discounts
        WHERE d.processingState IS DISTINCT FROM 'VOID'""",
    "fact_service_charges": """SELECT order_guid, s.guid, check_guid, restaurant_guid, on_day, modified, s.serviceCharge.guid, s.name,
        s.chargeAmount, total([t.taxAmount FOR t IN s.appliedTaxes]), s.chargeType, s.serviceChargeCategory, yes(s.gratuity),
        counts AND sale_charge(s), voided, deleted, counts,
        now() FROM (SELECT *, unnest(c.appliedServiceCharges) AS s FROM checks WHERE len(c.appliedServiceCharges) > 0) AS k""",
}


def write_files(pages: Pages, folder: Path) -> None:
    """The pages as files, a folder per location (not timed)."""
    for shop in pages.shops:
        own = folder / f"restaurant_guid={shop.location.toast_guid}"
        own.mkdir(parents=True)
        for n, page in enumerate(shop.pages):
            (own / f"{n:04}.json").write_bytes(page)


def load(pages: Pages, files: Path, folder: Path) -> Path:
    """Files -> tables in a DuckDB file; gives the file."""
    file = folder / "limit.duckdb"
    with duckdb.connect(str(file)) as connection:
        connection.execute("SET TimeZone = 'UTC'")
        connection.execute(MACROS)
        connection.register("bounds", _bounds(pages))
        columns = ", ".join(f"'{name}': '{' '.join(kind.split())}'" for name, kind in ORDER.items())
        connection.execute(READ.format(columns=columns), {"files": f"{files}/*/*.json"})
        connection.execute(CHECKS)
        connection.execute(REFUND_PARTS)
        for spec in ORDER_TABLES:
            connection.execute(f"CREATE TABLE {spec.name} ({', '.join(f'{c.name} {SQL_TYPES[c.type]}' for c in spec.columns)})")
            parameters = {"read_at": READ_AT} if "$read_at" in INSERTS[spec.name] else {}
            connection.execute(f"INSERT INTO {spec.name} {INSERTS[spec.name]}", parameters)
    return file


def _bounds(pages: Pages) -> pa.Table:
    """When each location's business days begin and end: DuckDB knows no closeout hours."""
    rows = [
        {"guid": shop.location.toast_guid, "on_date": day, "first_instant": first, "last_instant": last}
        for shop in pages.shops
        for day in days_between(pages.first_day - timedelta(days=2), pages.last_day + timedelta(days=2))
        for first, last in [shop.location.business_day.bounds(day)]
    ]
    return pa.Table.from_pylist(rows)

"""The table of special cases: every one has a name and how often it comes."""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

from restaurant_os.simulator import scenes_lines as lines
from restaurant_os.simulator import scenes_money as money
from restaurant_os.simulator import scenes_moves as moves
from restaurant_os.simulator.dice import Weighted
from restaurant_os.simulator.story import Author
from restaurant_os.simulator.visits import plain


class Scene(NamedTuple):
    """A special case: it comes about once in `one_in` parties."""

    name: str
    one_in: int
    play: Callable[[Author], None]


SCENES: tuple[Scene, ...] = (
    # what is on the check
    Scene("several_checks", 45, lines.several_checks),
    Scene("seats", 40, lines.seats),
    Scene("gift_card_sold", 160, lines.gift_card_sold),
    Scene("gift_card_reloaded", 400, lines.gift_card_reloaded),
    Scene("gift_card_of_old", 400, lines.gift_card_of_old),
    Scene("deferred_line", 200, lines.deferred_line),
    Scene("house_account_balance_paid", 400, lines.house_account_balance_paid),
    Scene("weighed_item", 200, lines.weighed_item),
    Scene("open_item", 200, lines.open_item),
    Scene("special_request", 200, lines.special_request),
    Scene("tax_inclusive_line", 250, lines.tax_inclusive_line),
    Scene("tax_exempt_check", 250, lines.tax_exempt_check),
    Scene("repriced_at_noon", 400, lines.repriced_at_noon),
    # discounts and service charges
    Scene("item_discount", 25, lines.item_discount),
    Scene("check_discount", 40, lines.check_discount),
    Scene("manager_discount", 150, lines.manager_discount),
    Scene("two_for_one", 200, lines.two_for_one),
    Scene("promo_code", 250, lines.promo_code),
    Scene("loyalty_reward", 150, lines.loyalty_reward),
    Scene("loyalty_reward_voided", 400, lines.loyalty_reward_voided),
    Scene("full_comp", 200, lines.full_comp),
    Scene("employee_meal", 80, lines.employee_meal),
    Scene("kitchen_charge", 80, lines.kitchen_charge),
    Scene("corkage", 400, lines.corkage),
    Scene("fundraising", 200, lines.fundraising),
    Scene("auto_gratuity", 100, lines.auto_gratuity),
    Scene("card_surcharge", 150, lines.card_surcharge),
    Scene("cash_rounding", 150, lines.cash_rounding),
    # payments
    Scene("gift_card_paid", 150, money.gift_card_paid),
    Scene("tip_on_gift_card", 250, money.tip_on_gift_card),
    Scene("split_payments", 80, money.split_payments),
    Scene("house_account_paid", 250, money.house_account_paid),
    Scene("card_denied", 200, money.card_denied),
    Scene("tip_next_day", 200, money.tip_next_day),
    Scene("prepayment_cancelled", 400, money.prepayment_cancelled),
    # voids
    Scene("line_voided", 50, money.line_voided),
    Scene("check_voided", 250, money.check_voided),
    Scene("order_voided", 120, money.order_voided),
    Scene("order_voided_days_later", 400, money.order_voided_days_later),
    Scene("void_and_rering", 400, money.void_and_rering),
    Scene("line_rerung", 250, moves.line_rerung),
    Scene("payment_voided", 250, money.payment_voided),
    Scene("order_deleted", 400, money.order_deleted),
    # refunds
    Scene("refund_of_items", 150, money.refund_of_items),
    Scene("refund_same_evening", 400, money.refund_same_evening),
    Scene("refund_partial", 400, money.refund_partial),
    Scene("refund_in_full", 450, money.refund_in_full),
    Scene("refund_with_tip", 450, money.refund_with_tip),
    Scene("refund_twice", 450, money.refund_twice),
    Scene("refund_of_two_payments", 450, money.refund_of_two_payments),
    Scene("refund_custom_amount", 400, money.refund_custom_amount),
    Scene("refund_mixed", 500, money.refund_mixed),
    Scene("refund_of_tax", 450, money.refund_of_tax),
    Scene("refund_of_tip", 450, money.refund_of_tip),
    Scene("refund_of_charges", 500, money.refund_of_charges),
    Scene("refund_of_gift_card", 500, money.refund_of_gift_card),
    Scene("refund_in_test_mode", 500, money.refund_in_test_mode),
    # whole orders
    Scene("catering_prepaid", 200, moves.catering_prepaid),
    Scene("catering_enlarged", 450, moves.catering_enlarged),
    Scene("catering_moved", 500, moves.catering_moved),
    Scene("catering_cancelled", 500, moves.catering_cancelled),
    Scene("catering_unpaid", 500, moves.catering_unpaid),
    Scene("late_night", 100, moves.late_night),
    Scene("tab_across_closeout", 400, moves.tab_across_closeout),
    Scene("never_paid", 200, moves.never_paid),
    Scene("paid_days_later", 500, moves.paid_days_later),
    Scene("excess_food", 240, moves.excess_food),
    Scene("delivery", 30, moves.delivery),
    Scene("test_mode", 400, money.test_mode),
    # checks and moves
    Scene("check_split", 120, moves.check_split),
    Scene("line_moved_between_checks", 250, moves.line_moved_between_checks),
    Scene("check_emptied", 400, moves.check_emptied),
    Scene("checks_merged", 400, moves.checks_merged),
    Scene("line_moved_between_orders", 400, moves.line_moved_between_orders),
    Scene("orders_merged", 400, moves.orders_merged),
    Scene("check_reopened", 400, moves.check_reopened),
    # odd values
    Scene("unknown_source", 400, lines.unknown_source),
    Scene("unknown_card_type", 400, lines.unknown_card_type),
    Scene("unknown_selection_type", 400, lines.unknown_selection_type),
    Scene("unknown_payment_type", 450, lines.unknown_payment_type),
    Scene("null_references", 150, lines.null_references),
    Scene("float_artefacts", 200, lines.float_artefacts),
)
PLAIN = "plain"
PLAYS: dict[str, Callable[[Author], None]] = {PLAIN: plain} | {scene.name: scene.play for scene in SCENES}
CASTING: Weighted[str] = Weighted([(PLAIN, 1 - sum(1 / s.one_in for s in SCENES)), *((s.name, 1 / s.one_in) for s in SCENES)])

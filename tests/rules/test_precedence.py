"""The order of the rules: each row breaks one more rule, from the last to the first (AUT-01)."""

from datetime import date

import pytest
from msgspec.structs import replace

from rules.decision import Declined, Reason
from rules.facts import (
    AccountStatus,
    AtcWindow,
    CardStatus,
    Channel,
    CryptogramCheck,
    Facts,
    GeoScope,
    MerchantClass,
    OpposedAs,
    PinCheck,
    TokenStatus,
)
from rules.pipeline import MONEY, RULES, decide, explain
from tests.rules.builders import ANDROID, APPLE, BOOK, PARIS, at, lot, some_facts, some_tap, used

STRICT = BOOK.derive(geo_block=True, require_subtotal_mccs=["5411"])


def far_away(facts: Facts) -> Facts:
    return of_merchant(facts, department="13")


def of_merchant(facts: Facts, **changes: object) -> Facts:
    assert facts.merchant is not None
    return replace(facts, merchant=replace(facts.merchant, **changes))


def of_purchase(facts: Facts, **changes: object) -> Facts:
    return replace(facts, purchase=replace(facts.purchase, **changes))


def of_card(facts: Facts, **changes: object) -> Facts:
    assert facts.card is not None
    return replace(facts, card=replace(facts.card, **changes))


# From the mildest to the gravest: each line is done on top of all lines above it.
BREAKS = (
    ("amount_is_covered", Reason.INSUFFICIENT_BALANCE, lambda f: replace(f, lots=())),
    (
        "online_minimum_is_reached",
        Reason.INVALID_AMOUNT,
        lambda f: of_purchase(f, channel=Channel.ECOMMERCE, eligible_minor=149),
    ),
    (
        "something_is_eligible",
        Reason.NOTHING_ELIGIBLE,
        lambda f: of_purchase(f, eligible_minor=0),
    ),
    (
        "subtotal_is_sent_where_required",
        Reason.NOTHING_ELIGIBLE,
        lambda f: of_merchant(
            of_purchase(f, eligible_minor=None), mcc="5411", merchant_class=MerchantClass.SHOP
        ),
    ),
    ("place_is_allowed", Reason.GEO_NOT_ALLOWED, far_away),
    (
        "day_is_allowed",
        Reason.DAY_NOT_ALLOWED,
        lambda f: replace(f, now=at("2026-11-22T12:00:00+01:00")),
    ),
    (
        "merchant_is_eligible",
        Reason.MERCHANT_NOT_ELIGIBLE,
        lambda f: of_merchant(f, agreement_to=date(2026, 11, 21)),
    ),
    (
        "merchant_is_in_france",
        Reason.MERCHANT_NOT_ELIGIBLE,
        lambda f: of_merchant(f, country="BE"),
    ),
    ("merchant_is_known", Reason.MERCHANT_NOT_ELIGIBLE, lambda f: replace(f, merchant=None)),
    (
        "type_is_purchase",
        Reason.TYPE_NOT_ALLOWED,
        lambda f: of_purchase(f, processing="01"),
    ),
    (
        "currency_is_euro",
        Reason.TYPE_NOT_ALLOWED,
        lambda f: of_purchase(f, currency="840"),
    ),
    (
        "entry_is_allowed",
        Reason.TYPE_NOT_ALLOWED,
        lambda f: of_purchase(f, entry="90", entry_allowed=False),
    ),
    (
        "holder_is_verified",
        Reason.VERIFY_REQUIRED,
        lambda f: of_purchase(f, proof_wanted=True),
    ),
    (
        "small_or_verified",
        Reason.VERIFY_REQUIRED,
        lambda f: of_purchase(replace(f, tap=some_tap()), entry="07", amount_minor=5001),
    ),
    ("phone_verified_its_holder", Reason.VERIFY_REQUIRED, lambda f: replace(f, token=ANDROID)),
    ("pin_is_right", Reason.WRONG_PIN, lambda f: replace(f, pin=PinCheck.WRONG)),
    ("pin_tries_are_left", Reason.PIN_TRIES, lambda f: replace(f, pin_tries=3)),
    ("tap_is_new", Reason.TAP_REPLAYED, lambda f: replace(f, window=AtcWindow(40))),
    (
        "chip_asks_its_issuer",
        Reason.WRONG_CRYPTOGRAM,
        lambda f: replace(f, tap=some_tap(asks=False)),
    ),
    (
        "cryptogram_is_right",
        Reason.WRONG_CRYPTOGRAM,
        lambda f: replace(f, tap=some_tap(CryptogramCheck.WRONG)),
    ),
    (
        "chip_is_read",
        Reason.VERIFY_REQUIRED,
        lambda f: of_purchase(replace(f, tap=None), chip_wanted=True),
    ),
    (
        "account_is_open",
        Reason.CARD_BLOCKED,
        lambda f: replace(f, account=replace(f.account, status=AccountStatus.CLOSED)),
    ),
    (
        "phone_is_itself",
        Reason.SECURITY,
        lambda f: replace(f, token=replace(APPLE, attested=False)),
    ),
    (
        "token_is_active",
        Reason.TOKEN_SUSPENDED,
        lambda f: replace(f, token=replace(APPLE, status=TokenStatus.SUSPENDED)),
    ),
    (
        "card_is_active",
        Reason.NOT_ACTIVATED,
        lambda f: of_card(f, status=CardStatus.ISSUED),
    ),
    (
        "card_is_not_expired",
        Reason.CARD_EXPIRED,
        lambda f: of_purchase(f, expiry="3001"),
    ),
    ("card_is_known", Reason.UNKNOWN_CARD, lambda f: replace(f, card=None)),
    (
        "subtotal_is_not_negative",
        Reason.FORMAT,
        lambda f: of_purchase(f, eligible_minor=-1),
    ),
    (
        "amount_is_not_negative",
        Reason.INVALID_AMOUNT,
        lambda f: of_purchase(f, amount_minor=-1),
    ),
)


@pytest.mark.parametrize("row", range(len(BREAKS)), ids=[name for name, _, _ in BREAKS])
def test_the_gravest_rule_broken_wins(row: int) -> None:
    """Breaking a rule on top of all that come after it gives the reason of that rule."""
    facts = some_facts()
    for _, _, breaks in BREAKS[: row + 1]:
        facts = breaks(facts)
    decision = decide(facts, STRICT)
    assert isinstance(decision, Declined)
    assert (decision.rule, decision.reason) == BREAKS[row][:2]
    assert explain(facts, STRICT).decision == decision


def test_every_rule_is_in_the_table() -> None:
    """No rule is added without a row; `something_is_paid` needs a terminal that takes a part."""
    names = {rule.holds.__name__ for rule in RULES} | {rule.__name__ for rule in MONEY}
    assert {name for name, _, _ in BREAKS} == names - {"something_is_paid"}


def test_something_is_paid_is_the_last_word_of_a_terminal_that_takes_a_part() -> None:
    """Nothing at all is no partial approval."""
    decision = decide(some_facts(lots=(), partial_ok=True), BOOK)
    assert isinstance(decision, Declined)
    assert decision.rule == "something_is_paid"


@pytest.mark.parametrize(
    ("status", "opposed_as", "reason"),
    [
        (CardStatus.ISSUED, None, Reason.NOT_ACTIVATED),
        (CardStatus.BLOCKED, None, Reason.CARD_BLOCKED),
        (CardStatus.OPPOSED, OpposedAs.LOST, Reason.LOST),
        (CardStatus.OPPOSED, OpposedAs.STOLEN, Reason.STOLEN),
        (CardStatus.OPPOSED, None, Reason.LOST),
        (CardStatus.EXPIRED, None, Reason.CARD_EXPIRED),
        (CardStatus.REPLACED, None, Reason.CARD_BLOCKED),
    ],
)
def test_a_card_that_is_not_active_has_its_own_reason(
    status: CardStatus, opposed_as: OpposedAs | None, reason: Reason
) -> None:
    """CRD-02: one reason for each state."""
    facts = of_card(some_facts(), status=status, opposed_as=opposed_as)
    assert decide(facts, BOOK).reason is reason


def test_france_lifts_the_department_block() -> None:
    """GEO-01: the employer may mark all of France."""
    facts = far_away(some_facts(workplace=replace(PARIS, geo_scope=GeoScope.FRANCE)))
    assert decide(facts, STRICT).reason is Reason.APPROVED


# The tightest limit is named (RULES, the steps of a decision): amount, subtotal, balance, used.
SHORTFALLS = (
    (3000, None, 10000, 0, Reason.DAILY_CAP),
    (3000, None, 2500, 0, Reason.DAILY_CAP),
    (3000, None, 2499, 0, Reason.INSUFFICIENT_BALANCE),
    (1200, None, 840, 0, Reason.INSUFFICIENT_BALANCE),
    (1200, None, 0, 2500, Reason.INSUFFICIENT_BALANCE),
    (2000, 1000, 10000, 0, Reason.PARTIAL_NOT_SUPPORTED),
    (2000, 1000, 0, 0, Reason.INSUFFICIENT_BALANCE),
    (4000, 3000, 10000, 0, Reason.DAILY_CAP),
    (4000, 3000, 2000, 0, Reason.INSUFFICIENT_BALANCE),
    (1, None, 7500, 2500, Reason.DAILY_CAP),
)


@pytest.mark.parametrize(("asked", "subtotal", "balance", "spent", "reason"), SHORTFALLS)
def test_the_tightest_limit_is_named(
    asked: int, subtotal: int | None, balance: int, spent: int, reason: Reason
) -> None:
    """Balance zero first, then eligibility alone, then cap before balance."""
    facts = some_facts(
        asked,
        eligible_minor=subtotal,
        lots=(lot(2026, balance),),
        usage=used("2026-11-24", spent),
    )
    assert decide(facts, BOOK).reason is reason

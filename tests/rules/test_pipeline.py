"""What holds of every decision whatever the facts (RULES, what always holds)."""

from datetime import UTC, date, datetime, timedelta

from hypothesis import event, given, settings
from hypothesis import strategies as st
from msgspec import msgpack
from msgspec.structs import replace

from rules.decision import Approved, Declined, Reason
from rules.facts import (
    CardStatus,
    Channel,
    Facts,
    Lot,
    Origin,
    Purchase,
    TopUp,
    Usage,
    Workplace,
)
from rules.geography import civil_day, zone_of
from rules.pipeline import decide, explain
from rules.topup import without_bank
from tests.rules.builders import ANDROID, APPLE, BOOK, CARD, RESTAURANT, derogation, some_facts

CAP_MINOR, BANK_MAX_MINOR = 2500, 3000
DAYS = st.dates(date(2026, 11, 1), date(2028, 6, 30))
MONEY_MINOR = st.one_of(st.integers(0, 3), st.integers(0, 7000))
AMOUNT_MINOR = st.one_of(MONEY_MINOR, st.integers(CAP_MINOR, CAP_MINOR + BANK_MAX_MINOR))
GOOD = TopUp(True, True, "2912")


@st.composite
def lots(draw: st.DrawFn) -> tuple[Lot, ...]:
    """Up to five lots around the days asked, loaded within their vintage, some empty."""
    found = []
    for number in range(1, draw(st.integers(0, 5)) + 1):
        vintage = draw(st.integers(2024, 2028))
        day = date(vintage, 1, 1) + timedelta(days=draw(st.integers(0, 364)))
        origin = draw(st.sampled_from(Origin))
        found.append(Lot(number, vintage, origin, day, draw(MONEY_MINOR)))
    return tuple(found)


@st.composite
def situations(draw: st.DrawFn) -> Facts:
    """Facts of all kinds, most of them good enough to reach the money."""
    day = draw(DAYS)
    now = datetime(day.year, day.month, day.day, draw(st.integers(0, 23)), 30, tzinfo=UTC)
    subtotal = draw(st.one_of(st.none(), AMOUNT_MINOR))
    purchase = Purchase(
        draw(AMOUNT_MINOR),
        subtotal,
        partial_ok=draw(st.booleans()),
        channel=draw(st.sampled_from(Channel)),
    )
    status = draw(st.sampled_from((CardStatus.ACTIVE,) * 5 + tuple(CardStatus)))
    near = civil_day(now, zone_of("75"))
    usage = tuple(
        Usage(near + timedelta(days=offset), draw(st.integers(0, CAP_MINOR)))
        for offset in (-1, 0, 1)
        if draw(st.booleans())
    )
    return some_facts(
        top_up=draw(st.sampled_from((None, GOOD, GOOD, GOOD, replace(GOOD, expiry="2611")))),
        now=now,
        purchase=purchase,
        card=replace(CARD, status=status),
        token=draw(st.sampled_from((None, None, APPLE, ANDROID))),
        workplace=Workplace(draw(st.sampled_from(("75", "75", "75", "67", "972", "974")))),
        merchant=replace(
            RESTAURANT, department=draw(st.sampled_from(("75", "75", "75", "974", "972", "?")))
        ),
        derogations=draw(st.sampled_from(((), (derogation(sunday=True, holiday=True),)))),
        lots=draw(lots()),
        usage=usage,
    )


def oracle_vintage(lot: Lot, day: date) -> int | None:
    """The vintage a lot counts as, by the words of VIN-02 and VIN-06 and not by our tables."""
    vintage = lot.vintage
    while day >= date(vintage + 1, 3, 1):
        vintage += 1
    return vintage if vintage <= day.year and lot.loaded_on <= day else None


@given(situations())
def test_an_approval_keeps_every_limit(facts: Facts) -> None:
    """Debits sum to v, v + b within E, U + v within the cap, b within its maximum."""
    decision = decide(facts, BOOK)
    event(f"{decision.reason.value}")
    if not isinstance(decision, Approved):
        return
    voucher_minor, bank_minor = decision.voucher_minor, decision.bank_minor
    used_minor = sum(usage.used_minor for usage in facts.usage if usage.day == decision.day)
    amount_minor = facts.purchase.amount_minor
    subtotal_minor = facts.purchase.eligible_minor
    eligible_minor = amount_minor if subtotal_minor is None else min(amount_minor, subtotal_minor)
    assert sum(debit.amount_minor for debit in decision.debits) == voucher_minor
    assert all(debit.amount_minor > 0 for debit in decision.debits)
    assert voucher_minor + bank_minor <= eligible_minor or amount_minor == 0
    assert used_minor + voucher_minor <= max(CAP_MINOR, used_minor)
    assert 0 <= bank_minor <= BANK_MAX_MINOR
    assert (decision.reason is Reason.APPROVED) == (voucher_minor + bank_minor == amount_minor)
    assert decision.reason is Reason.APPROVED or facts.purchase.partial_ok
    assert 0 <= decision.usable_minor <= decision.balance_minor


@given(situations())
def test_no_younger_cent_is_spent_while_an_older_one_is_free(facts: Facts) -> None:
    """VIN-03, VIN-04: every usable lot that orders before the last one touched is emptied."""
    decision = decide(facts, BOOK)
    if not isinstance(decision, Approved) or not decision.debits:
        return
    assert facts.workplace is not None
    day = civil_day(facts.now, zone_of(facts.workplace.department))
    taken = {debit.lot_no: debit for debit in decision.debits}
    seen = {lot.lot_no: oracle_vintage(lot, day) for lot in facts.lots}
    youngest = max(debit.vintage for debit in decision.debits)
    for lot in facts.lots:
        vintage, debit = seen[lot.lot_no], taken.get(lot.lot_no)
        taken_minor = 0 if debit is None else debit.amount_minor
        assert taken_minor <= lot.available_minor
        if debit is not None:
            assert debit.vintage == vintage
        if vintage is not None and vintage < youngest:
            assert taken_minor == lot.available_minor
    assert [d.vintage for d in decision.debits] == sorted(d.vintage for d in decision.debits)


@given(situations())
def test_the_explanation_is_the_decision(facts: Facts) -> None:
    """The trace ends where the decision did, its last step told by the rule that declined."""
    decision, trace = decide(facts, BOOK), explain(facts, BOOK)
    assert trace.decision == decision
    assert all(step.words and step.source for step in trace.steps)
    if isinstance(decision, Declined):
        assert (trace.steps[-1].rule, trace.steps[-1].held) == (decision.rule, False)


@given(situations())
def test_facts_decide_the_same_after_a_round_trip(facts: Facts) -> None:
    """What is stored beside a decision is enough to make it again."""
    again = msgpack.decode(msgpack.encode(facts), type=Facts)
    assert again == facts
    assert decide(again, BOOK) == decide(facts, BOOK)


@given(situations())
def test_losing_the_bank_leg_never_changes_the_voucher_leg(facts: Facts) -> None:
    """TOP-10: as if the top-up were off: the same debits without a bank leg, or nothing."""
    first, second = decide(facts, BOOK), decide(without_bank(facts), BOOK)
    if isinstance(second, Approved):
        assert isinstance(first, Approved)
        assert (second.debits, second.bank_minor) == (first.debits, 0)
    elif isinstance(first, Approved):
        assert first.bank_minor > 0


def test_the_situations_reach_every_kind_of_answer() -> None:
    """The generator is worth its name: approvals, parts, bank legs and each decline of money."""
    seen: set[object] = set()

    @settings(derandomize=True, max_examples=1_000)
    @given(situations())
    def collect(facts: Facts) -> None:
        decision = decide(facts, BOOK)
        seen.add(decision.reason)
        if isinstance(decision, Approved) and decision.bank_minor:
            seen.add("bank")
        if isinstance(decision, Approved) and len(decision.debits) > 1:
            seen.add("several lots")

    collect()
    assert seen >= {Reason.APPROVED, Reason.DAY_NOT_ALLOWED, Reason.INSUFFICIENT_BALANCE}
    assert seen >= {Reason.APPROVED_PARTIAL, "bank", "several lots"}


def test_an_account_check_is_approved_on_any_day_at_any_merchant() -> None:
    """ELI-06: amount zero branches after credential and currency; nothing is booked."""
    sunday = datetime(2026, 11, 22, 11, 0, tzinfo=UTC)
    decision = decide(some_facts(0, now=sunday, merchant=None), BOOK)
    assert decision == Approved(Reason.APPROVED, date(2026, 11, 22), 0, 0, 0, (), 10000, 0)


def test_an_account_check_of_a_blocked_card_is_declined() -> None:
    """The credential is tested before the branch."""
    facts = some_facts(0, card=replace(CARD, status=CardStatus.BLOCKED))
    assert decide(facts, BOOK).reason is Reason.CARD_BLOCKED


def test_an_account_check_in_dollars_is_declined() -> None:
    """So is the currency."""
    assert decide(some_facts(0, currency="840"), BOOK).reason is Reason.TYPE_NOT_ALLOWED


def test_the_trace_says_cap_used_and_headroom_with_its_decree() -> None:
    """A reader finds the amounts, the day and the text."""
    facts = some_facts(usage=(Usage(date(2026, 11, 24), 1250),))
    (step,) = (s for s in explain(facts, BOOK).steps if s.rule == "cap_leaves_headroom")
    assert step.words == "cap 25.00 of 2026-11-24, used 12.50, headroom 12.50"
    assert "R.3262-10" in step.source
    assert "2022-1266" in step.source

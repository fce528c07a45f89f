"""A rush plays every payment once, counts every answer, and misses none that fails."""

import asyncio
from datetime import date

import pytest

from simulators.auditor import audit_journals
from simulators.chips import tlv
from simulators.chips.drawer import Drawer
from simulators.faults import Proxy, Way, cut_after, once
from simulators.journal import Journal
from simulators.latencies import Latencies
from simulators.link import LinkDownError
from simulators.rush import AcquirerError, Plan, play
from simulators.tally import Tally
from simulators.traffic import Payment, lunch_rush
from simulators.wire import Fields
from simulators.world_file import world_of
from tests.simulators.chips.issuers import WARNS, careful, is_right, some_drawer
from tests.simulators.worlds import Answerer, Host, approve, hosted, world_json

WORLD = world_of(world_json())
RUSH = lunch_rush(WORLD, 300, 5, date(2026, 11, 24))


async def played(
    answerer: Answerer = approve, payments: list[Payment] = RUSH, **plan: float | Drawer
) -> tuple[Host, Journal, Tally]:
    journal, tally = Journal(), Tally(len(payments))
    async with hosted(answerer) as host:
        wanted = Plan(host.address, **plan)  # type: ignore[arg-type]
        await play(payments, wanted, journal, tally)
    return host, journal, tally


async def test_every_payment_is_asked_once_and_some_twice() -> None:
    host, journal, tally = await played(connections=3, in_flight=20)
    repeats = sum(payment.repeated for payment in RUSH)
    assert host.connections == 3
    purchases = [q for q in host.asked if q["t"] != "0800"]
    assert len(purchases) == 300 + repeats
    assert sum(question["t"] == "0201" for question in purchases) == repeats == tally.repeats
    assert (tally.done, tally.answered, tally.unanswered) == (300, 300, 0)
    assert tally.approved_minor == tally.asked_minor == sum(p.amount_minor for p in RUSH)
    assert tally.good()
    assert len(journal.entries()) == 300
    # The host approves whatever it is asked, so the cap is no law here.
    assert audit_journals(journal.entries(), cap_minor=1 << 40) == []


async def test_each_acquirer_has_a_connection_of_its_own_and_signs_on() -> None:
    host, _, _ = await played(connections=1, in_flight=4)
    signed_on = [question["32"] for question in host.asked if question["t"] == "0800"]
    assert sorted(signed_on) == ["12345", "67890"]


async def test_no_more_is_in_flight_than_planned() -> None:
    waves: list[int] = []
    held: list[Fields] = []

    def in_waves(question: Fields) -> Fields | None:
        if question["t"] == "0800":
            return approve(question)
        held.append(question)
        return None

    async with hosted(in_waves) as host:
        plan = Plan(host.address, in_flight=7, timeout_s=1.0)
        playing = asyncio.create_task(play(RUSH[:14], plan, Journal(), Tally(14)))
        await asyncio.sleep(0.5)
        waves.append(len(held))
        await playing
    assert waves == [7], "the eighth waits until one of the seven is over"


async def test_a_repeat_that_is_answered_otherwise_is_no_good() -> None:
    def forgetful(question: Fields) -> Fields | None:
        answer = approve(question)
        if answer and question["t"] == "0201":
            answer["38"] = "ZZZZZZ"
        return answer

    _, journal, tally = await played(forgetful)
    assert tally.repeats_differing == tally.repeats > 0
    assert not tally.good()
    assert len(audit_journals(journal.entries(), cap_minor=1 << 40)) == tally.repeats


async def test_a_repeat_after_no_decision_may_be_decided() -> None:
    def late(question: Fields) -> Fields | None:
        answer = approve(question)
        return answer | {"39": "91"} if answer and question["t"] == "0200" else answer

    _, _, tally = await played(late)
    assert tally.repeats > 0
    assert tally.good()


async def test_silences_are_counted_and_the_rush_goes_on() -> None:
    def now_and_then(question: Fields) -> Fields | None:
        return None if question["t"] == "0200" and question["11"] == "050002" else approve(question)

    _, _, tally = await played(now_and_then, timeout_s=1.0, in_flight=50)
    assert tally.unanswered == sum(payment.stamp.stan == "050002" for payment in RUSH)
    assert tally.done == 300


async def test_a_refused_sign_on_ends_the_rush() -> None:
    def closed(question: Fields) -> Fields | None:
        return (approve(question) or {}) | {"39": "91"}

    with pytest.raises(AcquirerError, match="12345 was answered 91"):
        await played(closed)


async def test_nobody_there_is_said_at_once() -> None:
    with pytest.raises(LinkDownError):
        await play(RUSH, Plan("127.0.0.1:1"), Journal(), Tally(300))


async def test_a_cut_link_comes_back_and_repeats_get_their_answers() -> None:
    journal, tally = Journal(), Tally(300)
    async with hosted() as host, Proxy(host.address) as proxy:
        proxy.rule = once(proxy, cut_after(Way.TO_CLIENT, 5_000))
        plan = Plan(proxy.address, connections=2, in_flight=10, tries=5, pause_s=0.05)
        await play(RUSH, plan, journal, tally)
        assert proxy.cuts == 1
    assert tally.unanswered == 0
    assert any(len(entry.sent) > 1 and entry.answer for entry in journal.entries())


async def test_an_open_loop_counts_latency_from_when_a_payment_was_due() -> None:
    stalled = False

    def stall_once(question: Fields) -> Fields | None:
        nonlocal stalled
        if question["t"] == "0200" and not stalled:
            stalled = True
            return None
        return approve(question)

    # One in flight: the first payment's silence of 0.8 s makes all that were due wait.
    _, _, tally = await played(stall_once, RUSH[:20], in_flight=1, rate=1_000.0, timeout_s=0.8)
    assert tally.unanswered == 1
    assert tally.latencies.quantile_us(0.5) > 100_000


@pytest.mark.filterwarnings(WARNS)
async def test_chips_pay_in_a_rush_and_know_every_answer() -> None:
    host, _, tally = await played(careful, in_flight=20, chips=some_drawer())
    purchases = [question for question in host.asked if question["t"] == "0200"]
    assert len(purchases) == 300 and all(is_right(question) for question in purchases)
    uses = {(q["2"], tlv.read(q["55"])["9F36"]) for q in purchases}
    assert len(uses) == 300, "no counter is used twice"
    assert (tally.proved, tally.forged) == (300, 0)
    assert tally.good() and tally.by_code == {"00": 300}


@pytest.mark.filterwarnings(WARNS)
async def test_a_repeat_in_a_rush_is_the_same_tap() -> None:
    host, _, tally = await played(careful, in_flight=20, chips=some_drawer())
    first = {(q["41"], q["11"]): q["55"] for q in host.asked if q["t"] == "0200"}
    repeats = [question for question in host.asked if question["t"] == "0201"]
    assert len(repeats) == tally.repeats > 0
    assert all(first[q["41"], q["11"]] == q["55"] for q in repeats)


async def test_an_answer_that_no_chip_knows_makes_a_rush_differ() -> None:
    def impostor(question: Fields) -> Fields | None:
        return (approve(question) or {}) | {"55": "910A00112233445566773030"}

    _, _, tally = await played(impostor, chips=some_drawer())
    assert tally.forged == 300 and not tally.good()


async def test_what_was_paid_with_is_counted() -> None:
    _, _, tally = await played()
    phones = sum(payment.card.pan.startswith("999979") for payment in RUSH)
    assert 0 < phones < 300
    assert tally.by_means == {"plastic": 300 - phones, "phones": phones}


def test_quantiles_are_right_to_one_per_cent() -> None:
    latencies = Latencies()
    for us in range(1, 10_001):
        latencies.add(us)
    for share, exact in ((0.5, 5_000), (0.99, 9_900), (0.999, 9_990), (1.0, 10_000)):
        assert exact <= latencies.quantile_us(share) <= exact * 1.01 + 1


def test_no_latency_is_zero() -> None:
    assert Latencies().summary_ms() == {"p50": 0, "p99": 0, "p99.9": 0, "max": 0}

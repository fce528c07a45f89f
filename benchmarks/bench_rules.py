"""Question: what does a decision cost, by what is asked, and its explanation? Aim: 8 µs.

The aim is for the plain approval with two lots. Every answer is checked before it is timed, and its
explanation against it.
"""

from collections.abc import Iterator
from functools import partial

from benchmarks.timing import measure, report
from rules.decision import Reason
from rules.facts import Facts
from rules.pipeline import decide, explain
from tests.rules.builders import APPLE, BOOK, TOP_UP, at, lot, some_facts, used

TWO_LOTS = (lot(2026, 4000, 1), lot(2026, 6000, 2))
JANUARY = at("2027-01-15T12:30:00+01:00")
SUNDAY = at("2026-11-22T12:00:00+01:00")


def cases() -> Iterator[tuple[str, Facts, Reason]]:
    """Name, facts and the reason they must lead to."""
    usage = used("2026-11-24", 500)
    yield "approval, two lots", some_facts(lots=TWO_LOTS, usage=usage), Reason.APPROVED
    vintages = (lot(2026, 450), lot(2027, 10000))
    yield "approval, two vintages", some_facts(now=JANUARY, lots=vintages), Reason.APPROVED
    yield "approval by phone", some_facts(token=APPLE, lots=TWO_LOTS), Reason.APPROVED
    yield "top-up", some_facts(4000, top_up=TOP_UP, lots=TWO_LOTS), Reason.APPROVED
    yield "cap reached", some_facts(3000, lots=TWO_LOTS), Reason.DAILY_CAP
    yield "Sunday", some_facts(now=SUNDAY, lots=TWO_LOTS), Reason.DAY_NOT_ALLOWED
    yield "unknown card", some_facts(card=None), Reason.UNKNOWN_CARD


def main() -> None:
    """Measure every case."""
    timings = []
    for name, facts, reason in cases():
        decision = decide(facts, BOOK)
        if decision.reason is not reason or explain(facts, BOOK).decision != decision:
            raise AssertionError(f"{name}: {decision}")
        timings.append(measure(name, partial(decide, facts, BOOK)))
    plain = some_facts(lots=TWO_LOTS)
    timings.append(measure("explanation of an approval", partial(explain, plain, BOOK)))
    report("decide", *timings)


if __name__ == "__main__":
    main()

"""What a rush has seen so far: answers by code with one example each, money, repeats, latencies."""

import time
from collections import Counter
from typing import Final

from simulators import codes
from simulators.chips.till import Paid
from simulators.latencies import Latencies
from simulators.terminal import Reply
from simulators.traffic import Payment, Sort

SAME: Final = ("4", "38", "39", "54")
"""What a repeat's answer must have in common with the first one."""

PLASTIC: Final = "plastic"
WALLETS: Final = {"APPLE_PAY": "Apple Pay", "PLUXEE_PAY": "Pluxee Pay"}
OTHER_PHONES: Final = "phones"


class Tally:
    """Counts as the answers come in; everything that a view or a summary shows."""

    def __init__(self, planned: int) -> None:
        """`planned` payments will be played."""
        self.planned = planned
        self.by_code: Counter[str] = Counter()
        self.by_sort: Counter[Sort] = Counter()
        self.examples: dict[str, tuple[Payment, Reply]] = {}
        self.asked_minor = 0
        self.approved_minor = 0
        self.unanswered = 0
        self.repeats = 0
        self.repeats_differing = 0
        self.by_means: Counter[str] = Counter()
        self.with_pin = 0
        self.proved = 0
        """Answers that their chip knew for the issuer's."""
        self.forged = 0
        """Answers to a chip that are not the issuer's."""
        self.latencies = Latencies()
        self._started_s = time.monotonic()
        self._ended_s: float | None = None

    @property
    def answered(self) -> int:
        """Payments that were answered."""
        return self.by_code.total()

    @property
    def done(self) -> int:
        """Payments that are over, answered or not."""
        return self.answered + self.unanswered

    @property
    def approved(self) -> int:
        """Payments that were approved, wholly or in part."""
        return sum(self.by_code[code] for code in codes.APPROVALS)

    @property
    def seconds(self) -> float:
        """How long it took, or has taken so far."""
        ended = time.monotonic() if self._ended_s is None else self._ended_s
        return max(ended - self._started_s, 1e-9)

    @property
    def per_second(self) -> float:
        """Answers per second, repeats included."""
        return self.latencies.count / self.seconds

    def start(self) -> None:
        """Start the watch again: the first payment leaves now."""
        self._started_s = time.monotonic()

    def stop(self) -> None:
        """Stop the watch."""
        self._ended_s = time.monotonic()

    def count(self, payment: Payment, paid: Paid, latency_us: int) -> None:
        """Count a payment that is over; `latency_us` from when it was due."""
        reply = paid.reply
        self.by_means[means_of(payment)] += 1
        self.with_pin += paid.with_pin
        if paid.genuine is not None:
            self.proved += paid.genuine
            self.forged += not paid.genuine
        self.by_sort[payment.sort] += 1
        self.asked_minor += payment.amount_minor
        if reply.answer is None or reply.code is None:
            self.unanswered += 1
            return
        self.by_code[reply.code] += 1
        self.examples.setdefault(reply.code, (payment, reply))
        self.latencies.add(latency_us)
        if reply.code in codes.APPROVALS:
            self.approved_minor += int(reply.answer.get("4", "0"))

    def count_repeat(self, first: Reply, again: Reply) -> None:
        """Count a repeat; it differs when its answer is not the first one's decision."""
        self.repeats += 1
        if first.answer is None or again.answer is None:
            return
        self.latencies.add(again.latency_us)
        if first.code in codes.UNKEPT:
            return
        if any(first.answer.get(name) != again.answer.get(name) for name in SAME):
            self.repeats_differing += 1

    def good(self) -> bool:
        """Whether everything was answered, by the issuer itself, and repeats as their originals."""
        return self.unanswered == 0 and self.repeats_differing == 0 and self.forged == 0

    def summary(self) -> dict[str, object]:
        """Everything as plain values; money in cents, latencies in milliseconds."""
        return {
            "payments": self.done,
            "answered": self.answered,
            "unanswered": self.unanswered,
            "approved": self.approved,
            "asked_minor": self.asked_minor,
            "approved_minor": self.approved_minor,
            "by_code": dict(sorted(self.by_code.items())),
            "by_sort": {sort.value: self.by_sort[sort] for sort in Sort},
            "by_means": dict(sorted(self.by_means.items())),
            "with_pin": self.with_pin,
            "proved": self.proved,
            "forged": self.forged,
            "repeats": self.repeats,
            "repeats_differing": self.repeats_differing,
            "seconds": round(self.seconds, 3),
            "per_second": round(self.per_second, 1),
            "latency_ms": self.latencies.summary_ms(),
        }


def means_of(payment: Payment) -> str:
    """What was paid with, as people call it."""
    if not payment.manner.form:
        return PLASTIC
    return WALLETS.get(payment.wallet, OTHER_PHONES)

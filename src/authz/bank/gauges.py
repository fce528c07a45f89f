"""What the bank's desk counts: questions by outcome, how long they took, and what is open."""

from collections import Counter
from collections.abc import Iterator
from typing import Final

from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, Metric
from prometheus_client.registry import Collector

from authz.bank.link import BankLink
from authz.bank.matters import Matters
from authz.decide.topup import BankWord
from authz.metrics import LATENCY_BOUNDS_S, Buckets

_OPEN: Final = (
    ("bank_payments_waiting", "Payments that wait for the bank", "waiting"),
    ("bank_payments_waiting_seconds", "Since when the oldest waits", "waiting_s"),
    ("bank_notices_open", "What the bank has not acknowledged", "untold"),
    ("bank_notices_open_seconds", "Since when the oldest is to be told", "untold_s"),
    ("bank_legs_unknown", "Legs of which nobody knows what the bank did", "unknown"),
)


class BankGauges(Collector):
    """The counters of one process; `matters` are of the whole database, as last read."""

    def __init__(self, link: BankLink) -> None:
        """All zero."""
        self._link = link
        self._words: Counter[BankWord] = Counter()
        self._took = Buckets(LATENCY_BOUNDS_S)
        self.matters = Matters()

    def asked(self, word: BankWord, seconds: float) -> None:
        """A question came to its end."""
        self._words[word] += 1
        if word is not BankWord.NOT_ASKED:
            self._took.observe(seconds)

    def collect(self) -> Iterator[Metric]:
        """Everything, for one scrape."""
        words = CounterMetricFamily(
            "millesime_bank_questions", "Questions to the bank by outcome", labels=["outcome"]
        )
        for word in BankWord:
            words.add_metric([word.value], self._words[word])
        yield words
        yield self._took.family("millesime_bank_seconds", "From question to answer or silence")
        link = self._link
        for name, told, value in (
            ("bank_line_open", "Whether the bank has taken our sign-on", link.signed_on),
            ("bank_breaker_open", "Whether the bank is left alone", not link.breaker.closed),
            ("bank_in_flight", "Questions that wait for their answer", link.in_flight),
        ):
            yield GaugeMetricFamily(f"millesime_{name}", told, value=float(value))
        for name, told, count in (
            ("bank_breaker_openings", "How often the breaker opened", link.breaker.opened),
            ("bank_stray_answers", "Answers that came twice or too late", link.strays),
        ):
            yield CounterMetricFamily(f"millesime_{name}", told, value=count)
        for name, told, field in _OPEN:
            value = getattr(self.matters, field)
            yield GaugeMetricFamily(f"millesime_{name}", told, value=float(value))

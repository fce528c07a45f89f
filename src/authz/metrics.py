"""What the service counts, in plain integers on the hot path, as Prometheus families when asked."""

from bisect import bisect_left
from collections import Counter
from collections.abc import Callable, Iterator
from typing import Final

from prometheus_client.core import (
    CounterMetricFamily,
    GaugeMetricFamily,
    HistogramMetricFamily,
    Metric,
)
from prometheus_client.registry import Collector

from rules.decision import Reason

LATENCY_BOUNDS_S: Final = (0.001, 0.002, 0.005, 0.01, 0.02, 0.05, 0.1, 0.2, 0.5, 1.0, 2.0)
BATCH_BOUNDS: Final = (1, 2, 4, 8, 16, 32, 64, 128, 256, 512, 1024)


class Buckets:
    """A histogram of a few fixed bounds; counting costs one search and three additions."""

    def __init__(self, bounds: tuple[float, ...]) -> None:
        """`bounds` are the upper ends of the buckets, rising; one more holds the rest."""
        self._bounds = bounds
        self._counts = [0] * (len(bounds) + 1)
        self._sum = 0.0

    def observe(self, value: float) -> None:
        """Count one value."""
        self._counts[bisect_left(self._bounds, value)] += 1
        self._sum += value

    def family(self, name: str, words: str) -> HistogramMetricFamily:
        """The cumulative form that Prometheus reads."""
        total, buckets = 0, []
        for bound, count in zip((*self._bounds, float("inf")), self._counts, strict=True):
            total += count
            buckets.append(("+Inf" if bound == float("inf") else str(bound), total))
        return HistogramMetricFamily(name, words, buckets=buckets, sum_value=self._sum)


class Metrics(Collector):
    """The counters of one process."""

    def __init__(self) -> None:
        """All zero."""
        self.answers: Counter[Reason] = Counter()
        self.silences = 0
        self.replays = 0
        self.conflicts = 0
        self.in_doubt = 0
        self.poisoned = 0
        self.out_of_balance = 0
        self.alarms: dict[str, int] = {}
        self._audited_at: dict[str, float] = {}
        self.jobs_done_at: dict[str, float] = {}
        """When each timer last came to its end (Unix time)."""
        self.job_failures: Counter[str] = Counter()
        self.incidents: Counter[str] = Counter()
        """Answers that somebody has to look at, by what was wrong."""
        self.connections = 0
        self.refused_frames = 0
        self.bank: Collector | None = None
        """What the desk of the bank counts, where there is one."""
        self.accept_failures = 0
        self.refused_peers: Counter[str] = Counter()
        """Connections that were not taken in, by why: network, room, tls, gone."""
        self.rate_refusals: Counter[str] = Counter()
        """Requests of those who ask too often, by what they are: terminal, api_key, office."""
        self.lost_lines: Callable[[], int] = lambda: 0
        """Lines of the log that could not be written."""
        self.waiting: Callable[[], int] = lambda: 0
        """Requests not yet answered, as the batcher has it."""
        self.latency = Buckets(LATENCY_BOUNDS_S)
        self.batch_size = Buckets(BATCH_BOUNDS)
        self.batch_time = Buckets(LATENCY_BOUNDS_S)

    def batch(self, size: int, seconds: float) -> None:
        """One batch went through."""
        self.batch_size.observe(size)
        self.batch_time.observe(seconds)

    def audited(
        self, slice_at: float | None, round_at: float | None, broken: int, *, at_end: bool
    ) -> None:
        """When a slice, and a whole round, were last proved (Unix time), and what is broken.

        What was found stands until a round ends without it.
        """
        times = {"slice": slice_at, "round": round_at}
        self._audited_at = {what: at for what, at in times.items() if at is not None}
        known = 0 if at_end else self.alarms.get("books_broken", 0)
        self.alarms["books_broken"] = max(known, broken)

    def collect(self) -> Iterator[Metric]:
        """Everything, for one scrape."""
        answers = CounterMetricFamily("millesime_answers", "Answers by reason", labels=["reason"])
        for reason, count in self.answers.items():
            answers.add_metric([reason.value], count)
        yield answers
        for name, words, value in (
            ("silences", "Requests left unanswered on purpose", self.silences),
            ("replays", "Stored answers given again", self.replays),
            ("conflicts", "Batches decided again because something moved", self.conflicts),
            ("commits_in_doubt", "Saves whose commit had to be looked up", self.in_doubt),
            ("poisoned", "Requests that could not be decided or written", self.poisoned),
            ("out_of_balance", "Reconciliations that did not agree", self.out_of_balance),
            ("refused_frames", "Frames that were no readable message", self.refused_frames),
            ("lost_log_lines", "Lines of the log that could not be written", self.lost_lines()),
            ("accept_failures", "Times the system had no room for a peer", self.accept_failures),
        ):
            yield CounterMetricFamily(f"millesime_{name}", words, value=value)
        proved = "When the running audit last proved a slice, and a round, without a violation"
        ended = "When a timer last came to its end"
        for name, words, label, values in (
            ("alarm", "What is wrong; 0 is well", "what", self.alarms),
            ("audit_success_timestamp_seconds", proved, "what", self._audited_at),
            ("job_success_timestamp_seconds", ended, "job", self.jobs_done_at),
        ):
            gauge = GaugeMetricFamily(f"millesime_{name}", words, labels=[label])
            for each, now in values.items():
                gauge.add_metric([each], now)
            yield gauge
        for name, words, label, counts in (
            ("incidents", "Answers that somebody has to look at", "what", self.incidents),
            ("refused_peers", "Connections not taken in", "why", self.refused_peers),
            ("rate_refusals", "Requests of those who ask too often", "who", self.rate_refusals),
            ("job_failures", "Times a timer could not do its work", "job", self.job_failures),
        ):
            family = CounterMetricFamily(f"millesime_{name}", words, labels=[label])
            for each, count in counts.items():
                family.add_metric([each], count)
            yield family
        yield GaugeMetricFamily("millesime_connections", "Open peers", value=self.connections)
        yield GaugeMetricFamily("millesime_waiting", "Requests not yet answered", self.waiting())
        yield self.latency.family("millesime_answer_seconds", "From socket read to answer")
        yield self.batch_size.family("millesime_batch_requests", "Requests in a batch")
        yield self.batch_time.family("millesime_batch_seconds", "Load, decide and save")
        if self.bank is not None:
            yield from self.bank.collect()

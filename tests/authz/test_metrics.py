"""What the service counts is what Prometheus reads."""

from prometheus_client import CollectorRegistry, generate_latest

from authz.metrics import Buckets, Metrics
from rules.decision import Reason


def told(metrics: Metrics) -> dict[str, float]:
    """Every sample of the text form, by its name with labels."""
    registry = CollectorRegistry()
    registry.register(metrics)
    lines = generate_latest(registry).decode().splitlines()
    samples = (line.rpartition(" ") for line in lines if not line.startswith("#"))
    return {name: float(value) for name, _, value in samples}


def test_answers_are_told_by_reason() -> None:
    metrics = Metrics()
    metrics.answers[Reason.APPROVED] += 2
    metrics.answers[Reason.DAILY_CAP] += 1
    samples = told(metrics)
    assert samples['millesime_answers_total{reason="APPROVED"}'] == 2
    assert samples['millesime_answers_total{reason="DAILY_CAP"}'] == 1


def test_each_counter_is_told_under_its_own_name() -> None:
    metrics = Metrics()
    names = {
        "silences": "silences_total",
        "replays": "replays_total",
        "conflicts": "conflicts_total",
        "in_doubt": "commits_in_doubt_total",
        "poisoned": "poisoned_total",
        "refused_frames": "refused_frames_total",
        "connections": "connections",
    }
    for number, name in enumerate(names, 1):
        setattr(metrics, name, number)
    samples = told(metrics)
    assert [samples[f"millesime_{name}"] for name in names.values()] == list(
        range(1, len(names) + 1)
    )


def test_buckets_count_up_to_and_including_their_bound() -> None:
    buckets = Buckets((1, 2, 4))
    for value in (0.5, 1, 1.5, 4, 9):
        buckets.observe(value)
    samples = buckets.family("x", "words").samples
    by_bound = {s.labels["le"]: s.value for s in samples if s.name == "x_bucket"}
    assert by_bound == {"1": 2, "2": 3, "4": 4, "+Inf": 5}
    assert {s.name: s.value for s in samples}["x_sum"] == 16
    assert {s.name: s.value for s in samples}["x_count"] == 5


def test_a_batch_is_told_by_size_and_time() -> None:
    metrics = Metrics()
    metrics.batch(3, 0.004)
    samples = told(metrics)
    assert samples['millesime_batch_requests_bucket{le="2"}'] == 0
    assert samples['millesime_batch_requests_bucket{le="4"}'] == 1
    assert samples['millesime_batch_seconds_bucket{le="0.005"}'] == 1


def test_what_waits_is_told_as_it_is_at_the_scrape() -> None:
    metrics, waiting = Metrics(), [3]
    metrics.waiting = lambda: waiting[0]
    assert told(metrics)["millesime_waiting"] == 3
    waiting[0] = 0
    assert told(metrics)["millesime_waiting"] == 0

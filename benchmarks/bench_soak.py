"""Question: after half an hour of lunch, is it as fast and as small as at its beginning?

One engine under the open loop of `open`, window after window, autovacuum at work. Flat means: the
last third's p99 and memory are those of the second third; the first is warm-up.
"""

from statistics import median
from typing import Final

from benchmarks import contestants, results
from benchmarks.contestants import Sample
from benchmarks.lab import Lab
from benchmarks.options import Options
from benchmarks.world import Size

RATE: Final = 1_500.0
WINDOW_S: Final = 60.0
WINDOWS: Final = 30
SHORT_WINDOWS: Final = 6
QUICK_WINDOW_S: Final = 10.0
DATABASE: Final = "bench_soak"


def run(lab: Lab, options: Options) -> None:
    """Measure, prove, show and keep."""
    load_before = results.load_average()
    lab.make_world(DATABASE, Size(options.accounts))
    window_s = QUICK_WINDOW_S if options.quick else WINDOW_S
    windows = WINDOWS if options.full else SHORT_WINDOWS
    service = contestants.millesime(lab, DATABASE)
    samples: list[Sample] = []
    with contestants.started(lab, service) as running:
        for number in range(windows):
            name = f"window {number + 1}"
            samples.append(
                contestants.measure_running(
                    lab, service, running, name=name, seconds=window_s, warm_up_s=1.0, rate=RATE
                )
            )
    approved, sent = contestants.approved(samples), contestants.sent(samples)
    proof = lab.prove(DATABASE, approved)
    third = windows // 3
    middle, last = samples[third : 2 * third], samples[-third:]
    flat = {
        measure: median(getattr(s, measure) for s in last)
        / median(getattr(s, measure) for s in middle)
        for measure in ("p50_us", "p99_us", "resident_mib")
    }
    results.show("Soak", results.medians(samples), "window 1")
    refused = sent - approved
    results.say(f"{sent:,} sent, {refused} refused or unanswered")
    memory = [f"{sample.resident_mib:.0f}" for sample in samples]
    results.say(f"memory in MiB: {' '.join(memory)}; last third to second third: {flat}")
    assert __doc__ is not None
    findings = {"last_to_middle_third": flat, "refused_or_unanswered": refused, "audit": proof}
    results.keep("soak", __doc__, lab, samples, findings, options, load_before)

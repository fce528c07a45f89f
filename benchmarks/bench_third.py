"""Question: at a third of its own ceiling, does an authorization wait longer than one of pgbench?

The ceiling is measured first, in the same run; then, in interleaved rounds, an open loop at a third
of it and `pgbench -c 1`, the latency of a lone TPC-B transaction on the same server. That is a
closed loop: while the disk stalls it asks nothing, and counts the stall once. So pgbench is also
asked at a third of its own rate, with latency from the scheduled instant as ours.
"""

from typing import Final

from benchmarks import contestants, results
from benchmarks.contestants import Sample
from benchmarks.lab import Lab
from benchmarks.options import Options
from benchmarks.world import Size

DATABASE: Final = "bench_third"
CEILING, THIRD = "millesime, ceiling", "millesime, a third of it"
ALONE, SCHEDULED = "pgbench -c 1", "pgbench -c 1, a third of it"


def run(lab: Lab, options: Options) -> None:
    """Measure, prove, show and keep."""
    load_before = results.load_average()
    lab.make_world(DATABASE, Size(options.accounts))
    contestants.prepare_pgbench(lab)
    samples: list[Sample] = []
    service = contestants.millesime(lab, DATABASE)
    for _ in range(options.rounds):
        with contestants.started(lab, service) as running:
            ceiling = contestants.measure_running(
                lab, service, running, name=CEILING,
                seconds=options.seconds, in_flight=options.in_flight,
            )  # fmt: skip
            third = contestants.measure_running(
                lab, service, running, name=THIRD,
                seconds=options.seconds, rate=ceiling.per_second / 3,
            )  # fmt: skip
        alone = contestants.measure_pgbench(lab, 1, options.seconds)
        scheduled = contestants.measure_pgbench(
            lab, 1, options.seconds, name=SCHEDULED, rate=alone.per_second / 3
        )
        samples += [ceiling, third, alone, scheduled]
    proof = lab.prove(DATABASE, contestants.approved(samples))
    figures = results.medians(samples)
    compared = {
        name: {each: figures[THIRD][each] / figures[name][each] for each in ("p50_us", "p99_us")}
        for name in (ALONE, SCHEDULED)
    }
    results.show("At a third of the ceiling", figures, CEILING)
    for name, times in compared.items():
        p50, p99 = times.values()
        results.say(f"p50 {p50:.2f} times, p99 {p99:.2f} times that of {name}")
    assert __doc__ is not None
    findings = {"ratios": compared, "audit": proof}
    results.keep("third", __doc__, lab, samples, findings, options, load_before)

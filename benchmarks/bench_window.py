"""Question: how do rate and latency move with the number of requests under way?"""

from typing import Final

from benchmarks import contestants, results
from benchmarks.contestants import Sample
from benchmarks.lab import Lab
from benchmarks.options import Options
from benchmarks.world import Size

IN_FLIGHT: Final = (1, 16, 64, 256, 1_024)
DATABASE: Final = "bench_window"


def run(lab: Lab, options: Options) -> None:
    """Measure, prove, show and keep."""
    load_before = results.load_average()
    lab.make_world(DATABASE, Size(options.accounts))
    service = contestants.millesime(lab, DATABASE)
    samples: list[Sample] = []
    for _ in range(options.rounds):
        for number in IN_FLIGHT:
            samples.append(
                contestants.measure(
                    lab,
                    service,
                    name=f"{number:,} in flight",
                    seconds=options.seconds,
                    in_flight=number,
                    connections=min(number, 16),
                )
            )
    proof = lab.prove(DATABASE, contestants.approved(samples))
    results.show("Requests under way", results.medians(samples), "256 in flight")
    assert __doc__ is not None
    results.keep("window", __doc__, lab, samples, {"audit": proof}, options, load_before)

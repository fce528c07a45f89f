"""Question: does it matter when everybody pays at the same place?

Even traffic beside traffic with half of it at one merchant, and beside a canteen: one employer of
all holders, one merchant for nine purchases in ten. No row of the books is shared, so none should
be hot.
"""

from typing import Any, Final

from benchmarks import contestants, results
from benchmarks.contestants import Sample
from benchmarks.lab import Lab
from benchmarks.options import Options
from benchmarks.world import Size

TOWN, CANTEEN = "bench_town", "bench_canteen"
SHAPES: Final = (
    ("even", TOWN, 0.0),
    ("half at one merchant", TOWN, 0.5),
    ("canteen", CANTEEN, 0.9),
)


def run(lab: Lab, options: Options) -> None:
    """Measure, prove, show and keep."""
    load_before = results.load_average()
    lab.make_world(TOWN, Size(options.accounts))
    lab.make_world(CANTEEN, Size(options.accounts, employers=1))
    samples: dict[str, list[Sample]] = {TOWN: [], CANTEEN: []}
    for _ in range(options.rounds):
        for name, database, hot_share in SHAPES:
            order: dict[str, Any] = {
                "seconds": options.seconds,
                "in_flight": options.in_flight,
                "hot_share": hot_share,
            }
            service = contestants.millesime(lab, database)
            samples[database].append(contestants.measure(lab, service, name=name, **order))
    proofs = {name: lab.prove(name, contestants.approved(of)) for name, of in samples.items()}
    flat = samples[TOWN] + samples[CANTEEN]
    figures = results.medians(flat)
    results.show("Everybody at one place", figures, SHAPES[0][0])
    assert __doc__ is not None
    results.keep("hot", __doc__, lab, flat, {"audit": proofs}, options, load_before)

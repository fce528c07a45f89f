"""Question: what does an authorization cost when there are a thousand times as many accounts?

Worlds of ten thousand, a million and (with `--full`) ten million holders in one server, loaded in
interleaved rounds; the cards used are spread over the whole of each world. The rounds of `--full`
are a minute at least: in its first seconds a large world is asked for pages that nobody has read or
written since the last checkpoint, and the passes go through what the round before it left.
"""

from typing import Final

from msgspec.structs import replace

from benchmarks import contestants, results
from benchmarks.contestants import Sample
from benchmarks.lab import Lab
from benchmarks.options import Options
from benchmarks.world import Size

QUICK: Final = (10_000, 100_000)
USUAL: Final = (10_000, 1_000_000)
FULL: Final = (10_000, 1_000_000, 10_000_000)
STEADY_S: Final = 60.0


def run(lab: Lab, options: Options) -> None:
    """Measure, prove, show and keep."""
    load_before = results.load_average()
    sizes = FULL if options.full else QUICK if options.quick else USUAL
    names = {f"bench_{size}": f"{size:,} accounts" for size in sizes}
    for size, database in zip(sizes, names, strict=True):
        lab.make_world(database, Size(size))
    if options.full:
        options = replace(options, seconds=max(options.seconds, STEADY_S))
    samples: dict[str, list[Sample]] = {database: [] for database in names}
    for _ in range(options.rounds):
        for database, name in names.items():
            service = contestants.millesime(lab, database)
            samples[database].append(
                contestants.measure(
                    lab, service, name=name, seconds=options.seconds, in_flight=options.in_flight
                )
            )
    proofs = {name: lab.prove(name, contestants.approved(of)) for name, of in samples.items()}
    flat = [sample for group in samples.values() for sample in group]
    figures = results.medians(flat)
    first, last = next(iter(names.values())), list(names.values())[-1]
    compared = {
        "rate": figures[first]["per_second"] / figures[last]["per_second"],
        "cpu": figures[last]["cpu_us"] / figures[first]["cpu_us"],
    }
    results.show("How cost grows", figures, first)
    results.say(f"{last} cost {compared['cpu']:.2f} times the processor of {first}")
    assert __doc__ is not None
    findings = {"cost_ratios": compared, "audit": proofs}
    results.keep("growth", __doc__, lab, flat, findings, options, load_before)

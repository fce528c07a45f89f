"""Question: how many authorizations a second does the whole service carry, beside others?

Side by side in interleaved rounds on one PostgreSQL server: (a) Millésime with one and two workers,
(b) `pgbench` TPC-B at its best client count, (c) the plain design at its best pool size, (d) an
echo with the same codec. Medians and ratios; the audit must hold, else there are no numbers.
"""

from typing import Any, Final

from benchmarks import contestants, results
from benchmarks.contestants import Sample
from benchmarks.lab import Lab
from benchmarks.options import Options
from benchmarks.world import Size

CLIENTS: Final = (8, 16, 32)
POOLS: Final = (8, 16, 32)
BATCHED, PLAIN = "bench_millesime", "bench_plain"


def run(lab: Lab, options: Options) -> None:
    """Measure, prove, show and keep."""
    load_before = results.load_average()
    _prepare(lab, options)
    samples: list[Sample] = []
    for _ in range(options.rounds):
        samples.extend(_round(lab, options))
    proofs = {name: lab.prove(name, _approved(lab, samples, name)) for name in (BATCHED, PLAIN)}
    figures = results.medians(samples)
    compared = ratios(figures)
    results.show("The whole service", figures, "millesime")
    results.say("  ".join(f"{name} {ratio:.2f}" for name, ratio in compared.items()))
    for sample in samples:
        if sample.batches:
            results.say(f"{sample.contestant}: batches {sample.batches}")
    assert __doc__ is not None
    findings = {"ratios": compared, "audit": proofs}
    results.keep("service", __doc__, lab, samples, findings, options, load_before)


def _prepare(lab: Lab, options: Options) -> None:
    lab.make_world(BATCHED, Size(options.accounts))
    lab.copy_world(PLAIN, BATCHED)
    contestants.prepare_pgbench(lab)
    contestants.measure_pgbench(lab, 8, 2)


def _round(lab: Lab, options: Options) -> list[Sample]:
    order: dict[str, Any] = {
        "seconds": options.seconds,
        "in_flight": options.in_flight,
        "frames_max": int((options.seconds + 2) * 40_000),
    }
    services = [
        contestants.millesime(lab, BATCHED),
        contestants.millesime(lab, BATCHED, 2),
        *(contestants.design(lab, "plain", PLAIN, pool) for pool in POOLS),
        contestants.design(lab, "echo", PLAIN),
    ]
    samples = [contestants.measure(lab, services[0], **order)]
    samples += [contestants.measure_pgbench(lab, n, options.seconds) for n in CLIENTS]
    return samples + [contestants.measure(lab, service, **order) for service in services[1:]]


def _approved(lab: Lab, samples: list[Sample], database: str) -> int:
    """How many approvals were answered from this database; the echo's are nobody's."""
    first = {BATCHED: "millesime", PLAIN: "plain"}[database]
    return sum(
        sample.load.codes.get("00", 0)
        for sample in samples
        if sample.load is not None and sample.contestant.startswith(first)
    )


def ratios(figures: dict[str, dict[str, float]]) -> dict[str, float]:
    """Millésime (one worker, and the better of one and two) against the best of each other."""

    def best(first: str) -> float:
        return max(row["per_second"] for name, row in figures.items() if name.startswith(first))

    ours, better = figures["millesime"]["per_second"], best("millesime")
    others = {"b (pgbench)": best("pgbench"), "c (plain)": best("plain"), "d (echo)": best("echo")}
    return {
        **{f"a/{name}": ours / rate for name, rate in others.items()},
        **{f"best a/{name}": better / rate for name, rate in others.items()},
    }

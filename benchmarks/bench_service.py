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
    proofs = {
        name: lab.prove(name, contestants.approved(s for s in samples if whose in s.contestant))
        for name, whose in ((BATCHED, "millesime"), (PLAIN, "plain"))
    }
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


def ratios(figures: dict[str, dict[str, float]]) -> dict[str, float]:
    """Millésime (one worker, then the better of one and two) against the best of each other.

    `cpu b/a` compares what one operation costs the machine: it hardly depends on who else is at
    work, while rates do: the more processes a contestant has, the more it gets of a busy machine.
    """

    def best(first: str) -> dict[str, float]:
        rows = (row for name, row in figures.items() if name.startswith(first))
        return max(rows, key=lambda row: row["per_second"])

    others = {"b": best("pgbench"), "c": best("plain"), "d": best("echo")}
    ours, better = figures["millesime"], best("millesime")
    compared = {}
    for name, row in others.items():
        compared[f"a/{name}"] = ours["per_second"] / row["per_second"]
        compared[f"best a/{name}"] = better["per_second"] / row["per_second"]
        compared[f"cpu {name}/a"] = row["cpu_us"] / ours["cpu_us"]
    return compared

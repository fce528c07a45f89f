"""Question: how many authorizations a second does the whole service carry, beside others?

Side by side in interleaved rounds on one PostgreSQL server, each at its best: (a) Millésime by its
workers and requests under way, (b) `pgbench` TPC-B by its clients, (c) the plain design by its
pool, (d) an echo with the same codec. Medians and ratios; the audit must hold, else there are no
numbers.
"""

from typing import Final

from benchmarks import contestants, results
from benchmarks.contestants import Sample, Service
from benchmarks.lab import Lab
from benchmarks.options import Options
from benchmarks.world import Size

CLIENTS: Final = (8, 16, 32)
POOLS: Final = (8, 16, 32)
DEEP: Final = 1_024
"""A window that fills larger batches, beside the usual one."""
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
    usual = options.in_flight
    one, two = (contestants.millesime(lab, BATCHED, workers) for workers in (1, 2))
    echo = contestants.design(lab, "echo", PLAIN)

    def measured(service: Service, in_flight: int) -> Sample:
        name = service.name if in_flight == usual else f"{service.name}, {in_flight:,} in flight"
        return contestants.measure(
            lab, service, name=name, seconds=options.seconds, in_flight=in_flight
        )

    return [
        measured(one, usual),
        *(contestants.measure_pgbench(lab, clients, options.seconds) for clients in CLIENTS),
        measured(one, DEEP),
        measured(two, usual),
        measured(two, DEEP),
        *(measured(contestants.design(lab, "plain", PLAIN, pool), usual) for pool in POOLS),
        measured(echo, usual),
        measured(echo, DEEP),
    ]


def ratios(figures: dict[str, dict[str, float]]) -> dict[str, float]:
    """Millésime (one worker and the usual window, then its best) against the best of each other.

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

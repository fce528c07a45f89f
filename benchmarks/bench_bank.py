"""Question: does a dead bank slow payments that do not need it, and what do those cost that do?

One engine and one bank for the whole run. In interleaved rounds the bank answers, or is a black
hole: its connection stays open and nothing comes back. Meanwhile top-ups go on beside the payments
by vouchers alone, whose p99 is compared. Then top-ups by themselves with a prompt bank.
"""

import asyncio
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path
from statistics import median
from time import monotonic, sleep
from typing import Any, Final

import httpx
from msgspec import Struct

from benchmarks import contestants, loadgen, results
from benchmarks.contestants import Running, Sample
from benchmarks.lab import Lab
from benchmarks.options import Options
from benchmarks.world import Size
from simulators.bank import order
from simulators.engine_process import started

DATABASE: Final = "bench_bank"
ACCOUNTS_MAX: Final = 20_000
VOUCHERS_A_SECOND: Final = 400.0
TOPUPS_A_SECOND: Final = 20.0
TOPUP_MINOR: Final = 2_600
"""A cent of bank card at least, on any day and however often."""
IN_FLIGHT: Final = 64
PAIRS_MIN: Final = 6
"""Many short pairs: a busy machine's mood changes from one run to the next, in both the same."""
UP, HOLE, PROMPT = "bank up", "bank black-holed", "top-up, prompt bank"
SETTLED_S: Final = 60.0
QUIET: Final = (
    "millesime_bank_line_open 1.0", "millesime_bank_breaker_open 0.0",
    "millesime_bank_payments_waiting 0.0", "millesime_bank_notices_open 0.0",
)  # fmt: skip


class Beside(Struct, frozen=True):
    """What the top-ups beside a run came to."""

    contestant: str
    load: loadgen.Result


class Stage:
    """The engine that runs, its bank's control port, and who pays what."""

    def __init__(self, lab: Lab, running: Running, control: str, options: Options) -> None:
        """Half of the cards pay by vouchers alone; the other half are those of the top-ups."""
        self._lab, self._running, self._control = lab, running, control
        self._options = options
        self._service = contestants.millesime(lab, DATABASE)
        self._half = lab.size(DATABASE).holders // 2

    def compare(self, name: str) -> tuple[Sample, Beside]:
        """Vouchers alone at a constant rate, measured; top-ups beside them."""
        asyncio.run(order(self._control, do="set", silent=name == HOLE))
        if name == UP:
            self.quiet()
        with ThreadPoolExecutor(1) as pool:
            topups = pool.submit(contestants.generate_load, self._topups(rate=TOPUPS_A_SECOND))
            sample = self._measure(name, rate=VOUCHERS_A_SECOND, cards=self._half)
        return sample, Beside(name, topups.result())

    def prompt(self) -> Sample:
        """Top-ups as fast as they go, with a bank that answers at once."""
        asyncio.run(order(self._control, do="set", silent=False))
        self.quiet()
        return self._measure(
            PROMPT, in_flight=IN_FLIGHT, cards=self._half, first_card=1, amount_minor=TOPUP_MINOR
        )

    def quiet(self) -> None:
        """Wait until the line is up and the bank has heard everything."""
        until = monotonic() + SETTLED_S
        while True:
            said = httpx.get(f"http://{self._running.http}/metrics").text
            if all(line in said for line in QUIET):
                return
            if monotonic() > until:
                raise TimeoutError("the bank and the engine did not settle")
            sleep(0.2)

    def _measure(self, name: str, **what: Any) -> Sample:
        seconds = self._options.seconds
        return contestants.measure_running(
            self._lab, self._service, self._running, name, seconds=seconds, **what
        )

    def _topups(self, rate: float) -> loadgen.Order:
        size = self._lab.size(DATABASE)
        return loadgen.Order(
            contestants.LOOPBACK, self._running.port, self._lab.next_run(), size.holders,
            self._options.seconds, rate=rate, cards=self._half, merchants=size.merchants,
            first_card=1, amount_minor=TOPUP_MINOR,
        )  # fmt: skip


def run(lab: Lab, options: Options) -> None:
    """Measure, prove, show and keep."""
    load_before = results.load_average()
    lab.make_world(DATABASE, Size(min(options.accounts, ACCOUNTS_MAX), linked=True))
    samples: list[Sample] = []
    beside: list[Beside] = []
    rounds = max(PAIRS_MIN, options.rounds)
    with _staged(lab, options) as stage:
        for number in range(rounds):
            for name in (UP, HOLE) if number % 2 else (HOLE, UP):
                sample, topups = stage.compare(name)
                samples.append(sample)
                beside.append(topups)
        samples += [stage.prompt() for _ in range(max(2, rounds // 3))]
        stage.quiet()
    answered = contestants.approved(samples) + sum(b.load.codes.get("00", 0) for b in beside)
    proof = lab.prove(DATABASE, answered)
    figures = results.medians(samples)
    p99, p50 = _ratio(samples, "p99_us"), _ratio(samples, "p50_us")
    findings = {"p99_ratio": p99, "p50_ratio": p50, "beside": _told(beside), "audit": proof}
    results.show("The bank", figures, UP)
    results.say(f"vouchers alone, black hole / up: p99 {p99:.2f}, p50 {p50:.2f}")
    results.say(f"top-ups beside them: {findings['beside']}")
    results.say(f"audit holds: {proof['holds']}, {proof['decisions_made_again']} decisions again")
    assert __doc__ is not None
    results.keep("bank", __doc__, lab, samples, findings, options, load_before)


@contextmanager
def _staged(lab: Lab, options: Options) -> Iterator[Stage]:
    doors = ("--listen", "127.0.0.1:0", "--control", "127.0.0.1:0")
    money = ("--balance", "1000000000000")
    log = Path(lab.directory) / "bank.log"
    with started(("simulate", "bank", *doors, *money), log) as (_, bank):
        service = contestants.millesime(lab, DATABASE, 1, "--bank", bank["bank"])
        with contestants.started(lab, service) as running:
            yield Stage(lab, running, bank["control"], options)


def _ratio(samples: list[Sample], measure: str) -> float:
    """Black hole to bank up: the median over the rounds, each compared with its neighbour."""

    def of(name: str) -> list[float]:
        return [getattr(sample, measure) for sample in samples if sample.contestant == name]

    return median(hole / up for hole, up in zip(of(HOLE), of(UP), strict=True))


def _told(beside: list[Beside]) -> dict[str, dict[str, Any]]:
    """Median latencies of the top-ups beside, and their answers in all."""
    told: dict[str, dict[str, Any]] = {}
    for name in (UP, HOLE):
        loads = [each.load for each in beside if each.contestant == name]
        codes = {code for load in loads for code in load.codes}
        told[name] = {
            "p50_ms": round(median(load.p50_us for load in loads) / 1_000, 1),
            "p99_ms": round(median(load.p99_us for load in loads) / 1_000, 1),
            "codes": {code: sum(load.codes.get(code, 0) for load in loads) for code in codes},
            "unanswered": sum(load.unanswered for load in loads),
        }
    return told

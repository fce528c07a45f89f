"""Question: what does a peer cost that is only connected, and does their number slow the others?

One to ten thousand connections with equally many requests under way; and the memory of new, idle
connections: what the engine's grows by, divided by their number.
"""

import subprocess
import sys
from typing import Any, Final

import msgspec

from benchmarks import contestants, loadgen, meter, results
from benchmarks.contestants import Sample
from benchmarks.lab import Lab
from benchmarks.options import Options
from benchmarks.world import Size

NUMBERS: Final = (1, 100, 1_000, 10_000)
QUICK: Final = (1, 100, 1_000)
ROOM: Final = 100
"""Above the most connections: who is being taken in counts too."""
DATABASE: Final = "bench_connections"


def run(lab: Lab, options: Options) -> None:
    """Measure, prove, show and keep."""
    load_before = results.load_average()
    lab.make_world(DATABASE, Size(options.accounts))
    numbers = QUICK if options.quick else NUMBERS
    limits = lab.directory / "connections.toml"
    room = numbers[-1] + ROOM
    limits.write_text(f"connections_max = {room}\nconnections_per_host_max = {room}\n")
    service = contestants.millesime(lab, DATABASE, 1, "--config", str(limits))
    samples: list[Sample] = []
    for _ in range(options.rounds):
        for number in numbers:
            order: dict[str, Any] = {
                "seconds": options.seconds,
                "in_flight": options.in_flight,
                "connections": number,
            }
            name = f"{number:,} connections"
            samples.append(contestants.measure(lab, service, name=name, **order))
    idle_bytes = idle_connection_bytes(lab, service, numbers[-1] - 1)
    proof = lab.prove(DATABASE, contestants.approved(samples))
    results.show("Connections", results.medians(samples), f"{numbers[0]:,} connections")
    results.say(f"a new idle connection takes {idle_bytes / 1024:.1f} KiB of the engine's memory")
    assert __doc__ is not None
    findings = {"idle_connection_bytes": idle_bytes, "audit": proof}
    results.keep("connections", __doc__, lab, samples, findings, options, load_before)


def idle_connection_bytes(lab: Lab, service: contestants.Service, number: int) -> float:
    """How much the engine grows for each of so many connections that say nothing."""
    with contestants.started(lab, service) as running:
        before = meter.resident_bytes(running.pid)
        order = loadgen.Order(
            contestants.LOOPBACK, running.port, 0, 1, 1.0, connections=number, idle=True
        )
        argv = (sys.executable, "-m", "benchmarks.loadgen", msgspec.json.encode(order).decode())
        with subprocess.Popen(argv, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as peers:
            assert peers.stdin is not None and peers.stdout is not None
            if peers.stdout.readline() != b"connected\n":
                raise RuntimeError("the idle peers did not connect")
            grown = meter.resident_bytes(running.pid) - before
            peers.stdin.close()
    return grown / number

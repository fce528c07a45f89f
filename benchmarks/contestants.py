"""Those who run side by side, each in processes of its own on the same PostgreSQL server."""

import json
import os
import re
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from statistics import median
from typing import Any, Final

import httpx
import msgspec
from msgspec import Struct

from authz.postgres.binaries import binary
from benchmarks import designs, loadgen, meter, world
from benchmarks.lab import Lab

READY_S: Final = 60.0
STOP_S: Final = 30.0
LOOPBACK: Final = "127.0.0.1"
PGBENCH: Final = "pgbench"
SCALE: Final = 50
_TPS: Final = re.compile(r"^tps = ([0-9.]+)", re.MULTILINE)
_DONE: Final = re.compile(r"actually processed: ([0-9]+)")
_BUCKET: Final = re.compile(r'^millesime_batch_requests_bucket\{le="([^"]+)"\} ([0-9.]+)')


class Sample(Struct, frozen=True):
    """One run of one contestant. Processor time is in microseconds for each operation."""

    contestant: str
    per_second: float
    p50_us: float
    p99_us: float
    p999_us: float
    engine_cpu_us: float
    postgres_cpu_us: float
    wal_bytes: float
    rows: float
    full_pages: int
    checkpoints: int
    resident_mib: float = 0.0
    batch_mean: float = 0.0
    batches: dict[str, int] = {}
    load: loadgen.Result | None = None


class Service(Struct, frozen=True):
    """A contestant that speaks ISO 8583: how to start it and which database it works on."""

    name: str
    database: str
    argv: tuple[str, ...]


def millesime(lab: Lab, database: str, workers: int = 1, *more: str) -> Service:
    """The product, as a user starts it."""
    argv = (
        *(sys.executable, "-m", "authz", "serve", "--iso-port", "0", "--http-port", "0"),
        *("--database-url", lab.url(database), "--keys", str(lab.keys)),
        *("--test-clock", world.NOON, "--workers", str(workers), *more),
    )
    name = "millesime" if workers == 1 else f"millesime, {workers} workers"
    return Service(name, database, argv)


def design(lab: Lab, name: str, database: str, pool: int = 0) -> Service:
    """One of the other designs."""
    order = designs.Order(name, str(lab.keys), lab.url(database), pool)
    argv = (sys.executable, "-m", "benchmarks.designs", msgspec.json.encode(order).decode())
    return Service(f"{name}, pool of {pool}" if pool else name, database, argv)


class Running(Struct, frozen=True):
    """A started service: its process and its doors."""

    pid: int
    port: int
    http: str


@contextmanager
def started(lab: Lab, service: Service) -> Iterator[Running]:
    """Run a service for the length of a block."""
    log = lab.directory / "contestant.log"
    with log.open("ab") as errors:
        child = subprocess.Popen(
            service.argv, stdout=subprocess.PIPE, stderr=errors, start_new_session=True, text=True
        )
    assert child.stdout is not None
    try:
        said = child.stdout.readline()
        if not said:
            raise RuntimeError(f"{service.name} did not start: {log.read_text()[-2000:]}")
        ready = json.loads(said)
        yield Running(child.pid, int(ready["iso"].rpartition(":")[2]), ready.get("http", ""))
    finally:
        child.terminate()
        try:
            child.wait(STOP_S)
        except subprocess.TimeoutExpired:
            child.kill()
            child.wait()
        child.stdout.close()


def generate_load(order: loadgen.Order) -> loadgen.Result:
    """Run the load generator to its end."""
    argv = (sys.executable, "-m", "benchmarks.loadgen", msgspec.json.encode(order).decode())
    ended = subprocess.run(argv, stdout=subprocess.PIPE, check=True)
    return msgspec.json.decode(ended.stdout, type=loadgen.Result)


def measure(lab: Lab, service: Service, **order: Any) -> Sample:
    """Start the service, load it, stop it. `order` is the load generator's."""
    with started(lab, service) as running:
        return measure_running(lab, service, running, **order)


def measure_running(lab: Lab, service: Service, running: Running, **order: Any) -> Sample:
    """Load a service that runs. Costs are of the whole run, warm-up included."""
    size, url = lab.size(service.database), lab.url(service.database)
    before = meter.written(url)
    engine_s, postgres_s = meter.cpu_s(running.pid), meter.cpu_s(lab.server.pid)
    load = generate_load(
        loadgen.Order(
            LOOPBACK,
            running.port,
            lab.next_run(),
            size.holders,
            merchants=size.merchants,
            **order,
        )
    )
    engine_s = meter.cpu_s(running.pid) - engine_s
    postgres_s = meter.cpu_s(lab.server.pid) - postgres_s
    after, answers = meter.written(url), sum(load.codes.values())
    batches, mean = _batches(running)
    return Sample(
        service.name,
        load.per_second,
        load.p50_us,
        load.p99_us,
        load.p999_us,
        engine_s / answers * 1e6,
        postgres_s / answers * 1e6,
        (after.wal_bytes - before.wal_bytes) / answers,
        (after.rows - before.rows) / answers,
        after.full_pages - before.full_pages,
        after.checkpoints - before.checkpoints,
        meter.resident_bytes(running.pid) / 2**20,
        mean,
        batches,
        load,
    )


def _batches(running: Running) -> tuple[dict[str, int], float]:
    """How many batches of which size there were since the start, and the mean size."""
    if not running.http:
        return {}, 0.0
    text = httpx.get(f"http://{running.http}/metrics").text
    totals = {
        found[1]: float(found[2]) for line in text.splitlines() if (found := _BUCKET.match(line))
    }
    sums = re.search(r"^millesime_batch_requests_sum ([0-9.e+]+)", text, re.MULTILINE)
    count = totals.get("+Inf", 0.0)
    if not count or sums is None:
        return {}, 0.0
    sizes, below = {}, 0.0
    for bound, total in totals.items():
        if total > below:
            sizes[f"<= {bound}"] = int(total - below)
        below = total
    return sizes, float(sums[1]) / count


def _pgbench(lab: Lab, *arguments: str) -> str:
    host = str(lab.server.place.socket_dir)
    argv = (str(binary("pgbench")), "-h", host, "-p", "5432", "-U", "postgres", *arguments, PGBENCH)
    ended = subprocess.run(argv, capture_output=True, text=True, check=True, cwd=lab.directory)
    return ended.stdout


def prepare_pgbench(lab: Lab, scale: int = SCALE) -> None:
    """Its tables, vacuumed, in the same server."""
    lab.make_empty(PGBENCH)
    _pgbench(lab, "-i", "-q", "-s", str(scale))


def measure_pgbench(lab: Lab, clients: int, seconds: float) -> Sample:
    """TPC-B with prepared statements; its own processor time stands in the engine's column."""
    for old in lab.directory.glob("pgbench_log*"):
        old.unlink()
    url = lab.url(PGBENCH)
    before, postgres_s = meter.written(url), meter.cpu_s(lab.server.pid)
    own_s = _children_s()
    said = _pgbench(
        lab, "-n", "-M", "prepared", "-c", str(clients), "-j", "2" if clients > 1 else "1",
        "-T", str(round(seconds)), "-l",
    )  # fmt: skip
    own_s = _children_s() - own_s
    postgres_s = meter.cpu_s(lab.server.pid) - postgres_s
    after = meter.written(url)
    tps, done = _TPS.search(said), _DONE.search(said)
    assert tps is not None and done is not None, said
    count = int(done[1])
    took = sorted(
        int(line.split()[2])
        for path in lab.directory.glob("pgbench_log*")
        for line in path.read_text().splitlines()
    )
    return Sample(
        f"pgbench -c {clients}",
        float(tps[1]),
        median(took),
        took[len(took) * 99 // 100],
        took[len(took) * 999 // 1000],
        own_s / count * 1e6,
        postgres_s / count * 1e6,
        (after.wal_bytes - before.wal_bytes) / count,
        (after.rows - before.rows) / count,
        after.full_pages - before.full_pages,
        after.checkpoints - before.checkpoints,
    )


def _children_s() -> float:
    times = os.times()
    return times.children_user + times.children_system

"""Those who run side by side, each in processes of its own on the same PostgreSQL server."""

import json
import re
import subprocess
import sys
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from time import monotonic
from typing import Any, Final

import httpx
import msgspec
from msgspec import Struct
from msgspec.structs import replace

from authz.postgres.binaries import binary
from benchmarks import designs, http_load, loadgen, meter
from benchmarks.lab import Lab

READY_S: Final = 60.0
STOP_S: Final = 30.0
LOOPBACK: Final = "127.0.0.1"
PGBENCH: Final = "pgbench"
SCALE: Final = 50
_TPS: Final = re.compile(r"^tps = ([0-9.]+)", re.MULTILINE)
_DONE: Final = re.compile(r"actually processed: ([0-9]+)")
_BUCKET: Final = re.compile(r'^millesime_batch_requests_bucket\{le="([^"]+)"\} ([0-9.e+]+)')


class Sample(Struct, frozen=True):
    """One run of one contestant. Processor time is in microseconds for each operation.

    `cpu_us` is that of engine, PostgreSQL and load generator together: what an operation costs the
    machine, whoever else is at work on it. `others_cores` says how many cores strangers took.
    """

    contestant: str
    per_second: float
    p50_us: float
    p99_us: float
    p999_us: float
    engine_cpu_us: float
    postgres_cpu_us: float
    generator_cpu_us: float
    cpu_us: float
    others_cores: float
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
    clocked: bool = False
    """Whether it is to be told where the world's clock stands."""


def millesime(lab: Lab, database: str, workers: int = 1, *more: str) -> Service:
    """The product, as a user starts it."""
    argv = (
        *(sys.executable, "-m", "authz", "serve", "--iso-port", "0", "--http-port", "0"),
        *("--database-url", lab.url(database), "--keys", str(lab.keys)),
        *("--workers", str(workers), *more),
    )
    name = "millesime" if workers == 1 else f"millesime, {workers} workers"
    return Service(name, database, argv, clocked=True)


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
    clock = ("--test-clock", lab.clock(service.database)) if service.clocked else ()
    with log.open("ab") as errors:
        child = subprocess.Popen(
            (*service.argv, *clock),
            stdout=subprocess.PIPE,
            stderr=errors,
            start_new_session=True,
            text=True,
        )
    assert child.stdout is not None
    try:
        said = child.stdout.readline()
        if not said:
            raise RuntimeError(f"{service.name} did not start: {log.read_text()[-2000:]}")
        ready = json.loads(said)
        with lab.ticking(service.database):
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
    return _generated("benchmarks.loadgen", order)


def generate_online(order: http_load.Order) -> loadgen.Result:
    """Run the load generator of the HTTP door to its end."""
    return _generated("benchmarks.http_load", order)


def _generated(module: str, order: Struct) -> loadgen.Result:
    argv = (sys.executable, "-m", module, msgspec.json.encode(order).decode())
    ended = subprocess.run(argv, stdout=subprocess.PIPE, check=True)
    return msgspec.json.decode(ended.stdout, type=loadgen.Result)


def measure(lab: Lab, service: Service, name: str = "", **order: Any) -> Sample:
    """Start the service, load it, stop it. `order` is the load generator's.

    Rows and WAL are read again once it has stopped: its SQL sessions hand in their counts then.
    """
    url = lab.url(service.database)
    before = meter.written(url)
    with started(lab, service) as running:
        sample = measure_running(lab, service, running, name, **order)
    after = meter.written(url)
    assert sample.load is not None
    answers = sum(sample.load.codes.values())
    return replace(
        sample,
        wal_bytes=(after.wal_bytes - before.wal_bytes) / answers,
        rows=(after.rows - before.rows) / answers,
    )


def measure_running(
    lab: Lab, service: Service, running: Running, name: str = "", **order: Any
) -> Sample:
    """Load a service that runs. Costs are of the whole run, warm-up included."""
    size = lab.size(service.database)
    wanted = loadgen.Order(
        LOOPBACK, running.port, lab.next_run(), size.holders, merchants=size.merchants, **order
    )
    return measure_load(lab, service, running, lambda: generate_load(wanted), name)


def measure_load(
    lab: Lab,
    service: Service,
    running: Running,
    generate: Callable[[], loadgen.Result],
    name: str = "",
) -> Sample:
    """What a load costs that is generated in a process of its own."""
    costs = _Costs(lab, lab.url(service.database), running.pid)
    load = generate()
    batches, mean = _batches(running)
    return Sample(
        contestant=name or service.name,
        per_second=load.per_second,
        p50_us=load.p50_us,
        p99_us=load.p99_us,
        p999_us=load.p999_us,
        **costs.of(sum(load.codes.values()), load.cpu_s),
        resident_mib=meter.resident_bytes(running.pid) / 2**20,
        batch_mean=mean,
        batches=batches,
        load=load,
    )


class _Costs:
    """What everything used since this was made."""

    def __init__(self, lab: Lab, url: str, pid: int | None) -> None:
        """`pid` is the engine's; a contestant without one is its own load generator."""
        self._lab, self._url, self._pid = lab, url, pid
        self._books = meter.written(url)
        self._before = self._seconds()
        self._at = monotonic()

    def _seconds(self) -> tuple[float, float, float, float]:
        engine_s = 0.0 if self._pid is None else meter.cpu_s(self._pid)
        return engine_s, meter.cpu_s(self._lab.server.pid), meter.children_s(), meter.busy_s()

    def of(self, operations: int, generator_s: float | None = None) -> dict[str, Any]:
        """For each operation; `others_cores` is what strangers took of the machine meanwhile.

        `generator_s` is what the load generator says of itself: without its making of frames.
        """
        lasted_s = monotonic() - self._at
        pairs = zip(self._seconds(), self._before, strict=True)
        engine_s, postgres_s, children_s, busy_s = (now - then for now, then in pairs)
        ours_s = engine_s + postgres_s + children_s
        generator_s = children_s if generator_s is None else generator_s
        books, before = meter.written(self._url), self._books
        us = 1e6 / operations
        return {
            "engine_cpu_us": engine_s * us,
            "postgres_cpu_us": postgres_s * us,
            "generator_cpu_us": generator_s * us,
            "cpu_us": (engine_s + postgres_s + generator_s) * us,
            "others_cores": (busy_s - ours_s) / lasted_s,
            "wal_bytes": (books.wal_bytes - before.wal_bytes) / operations,
            "rows": (books.rows - before.rows) / operations,
            "full_pages": books.full_pages - before.full_pages,
            "checkpoints": books.checkpoints - before.checkpoints,
        }


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


def measure_pgbench(
    lab: Lab, clients: int, seconds: float, *, name: str | None = None, rate: float | None = None
) -> Sample:
    """TPC-B with prepared statements; pgbench is its own load generator and has no engine.

    With a `rate` (transactions a second) in an open loop: latency from the scheduled instant.
    """
    for old in lab.directory.glob("pgbench_log*"):
        old.unlink()
    costs = _Costs(lab, lab.url(PGBENCH), None)
    said = _pgbench(
        lab, "-n", "-M", "prepared", "-c", str(clients), "-j", str(min(clients, 2)),
        "-T", str(round(seconds)), "-l", *(() if rate is None else ("-R", f"{rate:.0f}")),
    )  # fmt: skip
    reached, done = _TPS.search(said), _DONE.search(said)
    assert reached is not None and done is not None, said
    took = sorted(_latencies_us(lab))
    return Sample(
        contestant=name or f"pgbench -c {clients}",
        per_second=float(reached[1]),
        p50_us=took[len(took) // 2],
        p99_us=took[len(took) * 99 // 100],
        p999_us=took[len(took) * 999 // 1000],
        **costs.of(int(done[1])),
    )


def _latencies_us(lab: Lab) -> Iterator[int]:
    """The third column of pgbench's log of single transactions."""
    for path in lab.directory.glob("pgbench_log*"):
        for line in path.read_text().splitlines():
            yield int(line.split()[2])


def approved(samples: Iterable[Sample]) -> int:
    """How many approvals the load generator was answered."""
    return sum(sample.load.codes.get("00", 0) for sample in samples if sample.load is not None)


def sent(samples: Iterable[Sample]) -> int:
    """How many requests the load generator sent."""
    return sum(sample.load.sent for sample in samples if sample.load is not None)

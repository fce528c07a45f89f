"""Question: how many online payments a second go through the HTTP door, and what does one cost?

`POST /v1/authorizations` with a card, a key of its own and a holder's proof that is checked, over
16 and 64 kept-alive connections with one payment under way each; beside them the same purchases
over ISO 8583. Processor time of engine and PostgreSQL for each; the audit must hold.
"""

from typing import Final

from benchmarks import contestants, http_load, results
from benchmarks.contestants import LOOPBACK, Sample, Service
from benchmarks.lab import Lab
from benchmarks.options import Options
from benchmarks.world import Size

DATABASE: Final = "bench_http"
CONNECTIONS: Final = (16, 64)
ENOUGH: Final = 1_000_000
CONFIG: Final = f"""
online_authentication = "require"
api_key_requests_per_s = {ENOUGH}
api_key_burst_max = {ENOUGH}
"""
"""With the test clock proofs are off by themselves; and one key is all the shops of the town."""


def run(lab: Lab, options: Options) -> None:
    """Measure, prove, show and keep."""
    load_before = results.load_average()
    lab.make_world(DATABASE, Size(options.accounts))
    samples: list[Sample] = []
    for _ in range(options.rounds):
        for connections in CONNECTIONS:
            samples.append(_online(lab, connections, options.seconds))
        service = contestants.millesime(lab, DATABASE)
        order = {"seconds": options.seconds, "in_flight": CONNECTIONS[-1]}
        samples.append(contestants.measure(lab, service, "ISO 8583", **order))
    proofs = lab.prove(DATABASE, contestants.approved(samples))
    figures = results.medians(samples)
    results.show("Online payments over HTTP", figures, f"HTTP, {CONNECTIONS[-1]} connections")
    for sample in samples:
        assert sample.load is not None
        results.say(f"{sample.contestant}: answers {sample.load.codes}")
    assert __doc__ is not None
    results.keep("http", __doc__, lab, samples, {"audit": proofs}, options, load_before)


def _online(lab: Lab, connections: int, seconds: float) -> Sample:
    config = lab.directory / "online.toml"
    config.write_text(CONFIG)
    service = contestants.millesime(lab, DATABASE, 1, "--config", str(config))
    name = f"HTTP, {connections} connections"
    with contestants.started(lab, service) as running:
        order = _order(lab, service, int(running.http.rpartition(":")[2]), connections, seconds)
        return contestants.measure_load(
            lab, service, running, lambda: contestants.generate_online(order), name
        )


def _order(
    lab: Lab, service: Service, port: int, connections: int, seconds: float
) -> http_load.Order:
    size = lab.size(service.database)
    return http_load.Order(
        LOOPBACK,
        port,
        lab.next_run(),
        str(lab.keys),
        lab.api_key(service.database),
        size.holders,
        size.merchants,
        seconds,
        connections=connections,
    )

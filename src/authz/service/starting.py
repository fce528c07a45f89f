"""Start the service: what is wrong is found before any door opens, each with one line.

Then one process runs, or a supervisor with its workers.
"""

import signal
from contextlib import nullcontext

import uvloop

from authz.door.descriptors import fit_connections
from authz.logs import configure_logs
from authz.postgres.guard import guarding
from authz.service.prepare import arguments_are_good, certificates_are_good, ports_are_free, prepare
from authz.service.process import run
from authz.service.workers import supervise
from authz.settings import Settings
from authz.sources import store


def serve(settings: Settings) -> int:
    """Run until SIGTERM, then drain; the exit code. Raises `UsageError` and `DatabaseError`."""
    configure_logs(settings.log_level, settings.log_format)
    signal.signal(signal.SIGHUP, signal.SIG_IGN)  # until there is something to read again
    settings = fit_connections(settings)
    arguments_are_good(settings)
    ports_are_free(settings)
    certificates_are_good(settings)
    url, embedded = store(settings)
    uvloop.run(prepare(settings, url))
    with nullcontext() if embedded is None else guarding(embedded):
        if settings.workers > 1:
            return supervise(settings, url)
        return uvloop.run(run(settings, url))

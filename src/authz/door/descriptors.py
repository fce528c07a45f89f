"""File descriptors: every connection is one, and the system gives a process only so many."""

import resource
from typing import Final

import structlog

from authz.settings import Settings
from authz.usage import UsageError

RESERVED: Final = 160
"""For the SQL connections but the lanes', the doors, logs and what libraries open."""

_log = structlog.get_logger()


def fit_connections(settings: Settings) -> Settings:
    """Raise the process's limit as far as `connections_max` needs it, and workers inherit it.

    Where the system does not allow enough, a `connections_max` that somebody chose is refused with
    `UsageError`; the usual one is lowered, with a warning.
    """
    reserved = RESERVED + settings.lanes + settings.http_connections_max
    wanted = settings.connections_max + reserved
    allowed = _raise_limit(wanted)
    if allowed >= wanted:
        return settings
    words = f"needs {wanted} file descriptors, the system allows {allowed}"
    if "connections_max" in settings.model_fields_set or allowed <= reserved:
        raise UsageError(f"connections_max {settings.connections_max} {words} (ulimit -n)")
    fitting = allowed - reserved
    _log.warning("connections_max_lowered", why=words, connections_max=fitting)
    return settings.model_copy(update={"connections_max": fitting})


def _raise_limit(wanted: int) -> int:
    """Raise the soft limit to `wanted`, or to the hard one; how many there may be then."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    if soft == resource.RLIM_INFINITY or soft >= wanted:
        return wanted
    limit = wanted if hard == resource.RLIM_INFINITY else min(wanted, hard)
    resource.setrlimit(resource.RLIMIT_NOFILE, (limit, hard))
    return limit

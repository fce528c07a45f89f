"""The embedded server's settings: written at each start, so that they follow our code."""

import os
from collections.abc import Mapping
from pathlib import Path

MEBIBYTE = 1024 * 1024
CGROUP_MEMORY = Path("/sys/fs/cgroup/memory.max")

DURABLE = {"fsync": "on", "full_page_writes": "on", "synchronous_commit": "on"}
"""What an answered authorization rests on; a caller may not change these."""

SETTINGS = {
    # The door: our own unix socket and no other. A worker takes 17 sessions: room for ten of them.
    "listen_addresses": "",
    "unix_socket_permissions": "0700",
    "max_connections": "200",
    # Checkpoints rarely: after each, the first change of a page writes the whole page again. By
    # time, and not by size as long as there is disk (`_spread`): what comes of size alone is that
    # a large world writes whole pages, which fill the WAL, which makes another checkpoint.
    "checkpoint_timeout": "15min",
    "checkpoint_completion_target": "0.9",
    "min_wal_size": "256MB",
    "wal_buffers": "16MB",
    # The wheel has neither lz4 nor zstd, and pglz would spend the processor that decides.
    "wal_compression": "off",
    # Balances and versions are updated in place all day: vacuum early, and in small bites.
    "autovacuum_naptime": "15s",
    "autovacuum_vacuum_scale_factor": "0.05",
    "autovacuum_analyze_scale_factor": "0.05",
    "autovacuum_vacuum_insert_scale_factor": "0.1",
    "autovacuum_vacuum_cost_limit": "1000",
    # Short statements by key: compiling or spreading them costs more than running them.
    "jit": "off",
    "max_parallel_workers_per_gather": "0",
    "random_page_cost": "1.1",
    "huge_pages": "try",
    "track_commit_timestamp": "off",
    # Instants are UTC in the log too.
    "timezone": "UTC",
    "log_timezone": "UTC",
    "log_line_prefix": "%m [%p] ",
    "log_checkpoints": "off",
}


def settings_text(
    extra: Mapping[str, str], *, disk_free_bytes: int, memory_bytes: int | None = None
) -> str:
    """Return the text of the settings file; `extra` may add and change all but DURABLE.

    `disk_free_bytes` is what is free where the cluster lies.
    """
    memory = memory_bytes if memory_bytes is not None else machine_memory_bytes()
    chosen = {**SETTINGS, **_sized(memory), **_spread(disk_free_bytes), **extra, **DURABLE}
    lines = (f"{name} = '{value.replace(chr(39), chr(39) * 2)}'" for name, value in chosen.items())
    return "\n".join(("# Written at each start; change nothing here.", *lines, ""))


def machine_memory_bytes() -> int:
    """Return the memory we may use: the machine's, or our container's when that is less."""
    whole = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
    limit = CGROUP_MEMORY.read_text().strip() if CGROUP_MEMORY.exists() else "max"
    return min(whole, int(limit)) if limit.isdigit() else whole


def _sized(memory_bytes: int) -> dict[str, str]:
    """Scale the buffers: a quarter of memory, as PostgreSQL's own manual begins.

    Ten million holders and their indexes are 12 GB, of which a minute needs every part: a request
    cost 255 us with 2 GB of buffers, and then 212 with 6 GB, a minute each in one run.
    """
    memory_mib = memory_bytes // MEBIBYTE
    return {
        "shared_buffers": f"{min(max(memory_mib // 4, 64), 8192)}MB",
        "effective_cache_size": f"{max(memory_mib // 2, 128)}MB",
        "maintenance_work_mem": f"{min(max(memory_mib // 64, 32), 512)}MB",
        "work_mem": "16MB" if memory_mib >= 4096 else "4MB",
    }


def _spread(disk_free_bytes: int) -> dict[str, str]:
    """Let the WAL of a whole interval fit: a quarter of the free disk, and no more than is used.

    A quarter of an hour of lunch over ten million accounts is some 12 GB; the server begins a
    checkpoint at half of the limit.
    """
    free_mib = disk_free_bytes // MEBIBYTE
    return {"max_wal_size": f"{min(max(free_mib // 4, 1024), 32 * 1024)}MB"}

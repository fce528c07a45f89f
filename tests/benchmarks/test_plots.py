"""The pictures of docs/PERFORMANCE.md show the results that are kept, to the figure."""

from pathlib import Path

import msgspec
import numpy as np
import pytest
from matplotlib.container import BarContainer

from benchmarks import plots
from benchmarks.results import RESULTS


def kept(name: str) -> plots.Result:
    result: plots.Result = msgspec.json.decode((RESULTS / f"{name}.json").read_bytes())
    return result


@pytest.mark.parametrize("name", plots.DRAWN)
def test_a_picture_shows_the_run_that_is_kept(name: str) -> None:
    picture = (plots.PICTURES / f"{name}.svg").read_text()
    assert plots.measured(kept(name)) in picture
    page = (plots.PICTURES.parent / "PERFORMANCE.md").read_text()
    assert f"(plots/{name}.svg)" in page


@pytest.mark.parametrize("name", plots.DRAWN)
def test_the_same_result_draws_the_same_bytes(name: str, tmp_path: Path) -> None:
    first = plots.draw(name, tmp_path).read_bytes()
    assert plots.draw(name, tmp_path).read_bytes() == first


def test_the_best_of_each_design_stands_beside_the_others() -> None:
    speed = {"millesime": 9, "millesime, 2 workers": 11, "pgbench -c 8": 4, "pgbench -c 16": 3}
    speed |= {"plain, pool of 8": 1, "echo": 40}
    row = {"engine_cpu_us": 2.0, "postgres_cpu_us": 3.0, "generator_cpu_us": 0.5, "cpu_us": 5.5}
    medians = {name: {**row, "per_second": each} for name, each in speed.items()}
    rate, cost = plots.beside({"medians": medians}).axes
    assert [label.get_text() for label in rate.get_yticklabels()] == [
        "echo", "plain, pool of 8", "pgbench -c 8", "millesime, 2 workers",
    ]  # fmt: skip
    assert widths(rate.containers[0]) == [40, 1, 4, 11]
    assert [widths(bars) for bars in cost.containers] == [[2.0] * 4, [3.0] * 4, [0.5] * 4]


def test_latency_is_drawn_in_milliseconds() -> None:
    sample = {"p50_us": 1500.0, "p99_us": 3000.0, "p999_us": 9000.0, "resident_mib": 180.0}
    latency, memory = plots.soak({"samples": [sample, sample]}).axes
    drawn = {
        line.get_label(): np.asarray(line.get_ydata()).tolist() for line in latency.get_lines()
    }
    assert drawn == {"p99.9": [9.0, 9.0], "p99": [3.0, 3.0], "p50": [1.5, 1.5]}
    (line,) = memory.get_lines()
    assert np.asarray(line.get_ydata()).tolist() == [180.0, 180.0]


def widths(bars: object) -> list[float]:
    assert isinstance(bars, BarContainer)
    return [float(bar.get_width()) for bar in bars]

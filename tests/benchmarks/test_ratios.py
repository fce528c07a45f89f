"""How contestants are compared."""

from benchmarks.bench_service import ratios


def a_row(per_second: float, cpu_us: float) -> dict[str, float]:
    return {"per_second": per_second, "cpu_us": cpu_us}


def test_we_are_compared_with_the_best_of_each_other() -> None:
    compared = ratios(
        {
            "millesime": a_row(8_000, 50),
            "pgbench -c 8": a_row(1_000, 300),
            "pgbench -c 16": a_row(2_000, 400),
            "millesime, 2 workers": a_row(10_000, 60),
            "plain, pool of 8": a_row(500, 900),
            "plain, pool of 16": a_row(400, 800),
            "echo": a_row(20_000, 25),
        }
    )

    assert compared["a/b"] == 4
    assert compared["best a/b"] == 5
    assert compared["a/c"] == 16
    assert compared["a/d"] == 0.4
    assert compared["cpu b/a"] == 8
    assert compared["cpu c/a"] == 18

"""`python -m benchmarks [NAME ...]`: the stages one by one, and the whole service beside others."""

import importlib
from typing import Annotated, Final

import typer
from msgspec.structs import replace

from benchmarks import lab
from benchmarks.options import Options

STAGES: Final = ("framing", "decode", "encode", "translate", "rules", "post", "security")
WHOLE: Final = (
    "batch",
    "service",
    "open",
    "third",
    "bank",
    "growth",
    "window",
    "connections",
    "hot",
    "soak",
    "http",
)
QUICK: Final = Options(seconds=5, rounds=1, accounts=10_000, quick=True)


def main(
    names: Annotated[
        list[str] | None, typer.Argument(help=", ".join((*STAGES, *WHOLE)), show_default=False)
    ] = None,
    seconds: Annotated[float | None, typer.Option(help="Of each counted run.")] = None,
    rounds: Annotated[int | None, typer.Option(help="Interleaved rounds; medians count.")] = None,
    accounts: Annotated[int | None, typer.Option(help="In the generated world.")] = None,
    in_flight: Annotated[int | None, typer.Option(help="Requests under way at a time.")] = None,
    quick: Annotated[bool, typer.Option(help="A first impression in few minutes.")] = False,
    full: Annotated[bool, typer.Option(help="Ten million accounts, half an hour of soak.")] = False,
) -> None:
    """Measure; results go to benchmarks/results, tables to the screen."""
    given = {
        "seconds": seconds, "rounds": rounds, "accounts": accounts, "in_flight": in_flight,
    }  # fmt: skip
    options = replace(QUICK if quick else Options(), full=full)
    options = replace(options, **{name: value for name, value in given.items() if value})
    for name in names or (*STAGES, *WHOLE):
        benchmark = importlib.import_module(f"benchmarks.bench_{name}")
        if name in STAGES:
            benchmark.main()
        else:
            with lab.opened() as opened:
                benchmark.run(opened, options)


if __name__ == "__main__":
    typer.run(main)

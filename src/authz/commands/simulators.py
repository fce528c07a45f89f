"""`millesime simulate` and `millesime demo`: the outside world, which knows nothing of our code."""

from simulators.cli import app as simulate
from simulators.demo import demo

__all__ = ["demo", "simulate"]

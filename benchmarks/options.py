"""How long and how large a benchmark is to be."""

from msgspec import Struct


class Options(Struct, frozen=True):
    """`seconds` of each counted run, `rounds` interleaved, `accounts` in the world."""

    seconds: float = 60.0
    rounds: int = 3
    accounts: int = 1_000_000
    in_flight: int = 256
    quick: bool = False
    full: bool = False

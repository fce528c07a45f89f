"""What an API key may be used for, and who somebody that came with one is. Pure."""

from collections.abc import Iterable
from enum import Enum
from typing import Final

from msgspec import Struct


class Scope(Enum):
    """One part of the work; a key has one or more of them."""

    GATEWAY = "gateway"
    """Merchants and wallets: online payments, cards into phones."""
    HOLDER = "holder"
    """What holders do in their app."""
    EMPLOYER = "employer"
    """Orders of employers and what became of them."""
    OPS = "ops"
    """Those who run the service: records, payments of orders, cards of others."""
    AUDITOR = "auditor"
    """Looks at everything and changes nothing."""


ALL: Final = frozenset(Scope)


class Caller(Struct, frozen=True):
    """Who asks. Keys that follow each other under one `name` are one caller."""

    key_id: str
    name: str
    scopes: frozenset[Scope]
    proof_wanted: bool = True
    """Whether the holder's proof is asked for in online payments, where the service does."""


def parse_scopes(words: Iterable[str]) -> frozenset[Scope]:
    """Names of scopes, parted by commas or blanks. Raises ValueError, which names them all."""
    named = {name for each in words for name in each.replace(",", " ").split()}
    known = {scope.value: scope for scope in Scope}
    if not named or named - known.keys():
        wrong = ", ".join(sorted(named - known.keys())) or "nothing"
        raise ValueError(f"scopes: {wrong} is none; choose among {', '.join(known)}")
    return frozenset(known[name] for name in named)


def in_order(scopes: Iterable[Scope]) -> list[str]:
    """Their names in the order of their declaration."""
    wanted = set(scopes)
    return [scope.value for scope in Scope if scope in wanted]

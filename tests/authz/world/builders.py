"""A world of one of everything, to be bent by a test."""

import json
from copy import deepcopy
from pathlib import Path
from typing import Any

World = dict[str, list[dict[str, Any]]]

_ONE_OF_EACH: World = {
    "employers": [{"id": "emp-1", "name": "Atelier Nord", "department": "75"}],
    "accounts": [
        {
            "id": "acc-1",
            "employer": "emp-1",
            "person": "per-1",
            "lots": [{"vintage": 2026, "amount": 10_000, "loaded_on": "2026-01-05"}],
        }
    ],
    "cards": [{"id": "card-1", "account": "acc-1", "pan": "9999670000000012", "expiry": "2912"}],
    "tokens": [
        {
            "id": "tok-1",
            "card": "card-1",
            "dpan": "9999790000000018",
            "expiry": "2912",
            "wallet": "APPLE_PAY",
        }
    ],
    "merchants": [
        {
            "acquirer": "12345",
            "mid": "MERCH0000000001",
            "class": "restaurant",
            "mcc": "5812",
            "department": "75",
            "agreement_from": "2020-01-01",
        }
    ],
}


def some_world() -> World:
    """One employer, account, card, token and merchant."""
    return deepcopy(_ONE_OF_EACH)


def write(path: Path, world: object) -> Path:
    """The world as one JSON object."""
    path.write_text(json.dumps(world))
    return path


def write_lines(path: Path, world: World, *, plural: bool = False) -> Path:
    """The world as JSON Lines, backwards: a file may name things before it says what they are."""
    lines = [
        json.dumps({"kind": kind if plural else kind.removesuffix("s"), **record})
        for kind in reversed(world)
        for record in world[kind]
    ]
    path.write_text("\n".join(lines) + "\n\n")
    return path

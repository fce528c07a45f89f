"""What goes into the staging table: no card number, and a content that tells records apart."""

from pathlib import Path

import pytest

from authz.custody.pan import PanDigester
from authz.world.read import WorldError, read_world
from authz.world.stage import Staged, stage
from tests.authz.world.builders import World, some_world, write

DIGESTER = PanDigester(b"k" * 32, "test")
PROGRAMMES = frozenset({"fr-meal"})


def staged(tmp_path: Path, world: World, digester: PanDigester = DIGESTER) -> dict[str, Staged]:
    rows = enumerate(read_world(write(tmp_path / "w.json", world)))
    return {each.kind: stage(n, each, digester, PROGRAMMES) for n, each in rows}


def test_no_row_holds_a_card_number_or_a_pin(tmp_path: Path) -> None:
    world = some_world()
    world["accounts"][0]["topup"] = {"bank_pan": "9999490000000015", "bank_expiry": "2912"}
    world["cards"][0]["pin"] = "271828"
    printed = repr(staged(tmp_path, world))
    assert not any(secret in printed for secret in ("999967", "999979", "999949", "271828"))


def test_cards_and_tokens_carry_their_reference(tmp_path: Path) -> None:
    rows = staged(tmp_path, some_world())
    assert rows["card"].card_ref == DIGESTER.card_ref("9999670000000012")
    assert rows["token"].card_ref == DIGESTER.card_ref("9999790000000018")
    assert rows["account"].card_ref is None


def test_each_row_names_its_parent(tmp_path: Path) -> None:
    rows = staged(tmp_path, some_world())
    parents = {kind: (row.name, row.parent, row.person) for kind, row in rows.items()}
    assert parents == {
        "employer": ("emp-1", None, None),
        "merchant": ("12345/MERCH0000000001", None, None),
        "account": ("acc-1", "emp-1", "per-1"),
        "card": ("card-1", "acc-1", None),
        "token": ("tok-1", "card-1", None),
    }


@pytest.mark.parametrize(
    ("kind", "field", "value"),
    [
        ("cards", "pan", "9999670000000020"),
        ("cards", "pin", "1234"),
        ("cards", "status", "BLOCKED"),
        ("accounts", "lots", [{"vintage": 2026, "amount": 9_999, "loaded_on": "2026-01-05"}]),
        ("tokens", "device", "iphone-2"),
    ],
)
def test_another_content_is_seen(tmp_path: Path, kind: str, field: str, value: object) -> None:
    before = staged(tmp_path, some_world())
    world = some_world()
    world[kind][0][field] = value
    one = kind.removesuffix("s")
    assert staged(tmp_path, world)[one].content != before[one].content


def test_a_default_that_is_written_out_is_the_same_content(tmp_path: Path) -> None:
    before = staged(tmp_path, some_world())
    world = some_world()
    world["cards"][0] |= {"psn": "00", "status": "ACTIVE", "pin_block": None}
    assert staged(tmp_path, world)["card"].content == before["card"].content


def test_the_content_is_keyed(tmp_path: Path) -> None:
    other = PanDigester(b"o" * 32, "other")
    mine, theirs = staged(tmp_path, some_world()), staged(tmp_path, some_world(), other)
    assert mine["card"].content != theirs["card"].content


def test_a_programme_without_a_rulebook_is_refused(tmp_path: Path) -> None:
    world = some_world()
    world["accounts"][0]["programme"] = "be-lunch"
    with pytest.raises(WorldError, match=r"accounts\[0\]\.programme: no such programme"):
        staged(tmp_path, world)

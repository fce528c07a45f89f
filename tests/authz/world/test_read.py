"""World files are read whole or refused with the place and the reason."""

import json
from pathlib import Path
from typing import Any

import pytest

from authz.world.read import WorldError, read_world
from authz.world.records import AccountRecord
from rules.provision import FOUR_CORNERS
from tests.authz.world.builders import some_world, write, write_lines


def refusal(path: Path) -> str:
    with pytest.raises(WorldError) as refused:
        list(read_world(path))
    file, said = str(refused.value).split(": ", 1)
    assert file == str(path)
    return said


def test_the_example_of_the_interface_is_read(tmp_path: Path) -> None:
    placed = list(read_world(Path(__file__).with_name("interface.json")))
    assert [(each.place, each.kind) for each in placed] == [
        ("employers[0]", "employer"),
        ("merchants[0]", "merchant"),
        ("accounts[0]", "account"),
        ("cards[0]", "card"),
        ("tokens[0]", "token"),
    ]


@pytest.mark.parametrize("plural", [False, True])
def test_lines_and_object_say_the_same(tmp_path: Path, *, plural: bool) -> None:
    world = some_world()
    whole = list(read_world(write(tmp_path / "w.json", world)))
    lines = list(read_world(write_lines(tmp_path / "w.jsonl", world, plural=plural)))
    assert [each.place for each in lines] == [f"line {n}" for n in range(1, 6)]
    assert {each.kind: each.record for each in lines} == {each.kind: each.record for each in whole}


def test_an_object_on_one_line_is_no_line_of_many(tmp_path: Path) -> None:
    path = tmp_path / "w.json"
    path.write_text(json.dumps(some_world()))
    assert next(read_world(path)).place == "employers[0]"


BENT = [
    ("employers", "department", "7S", "employers[0]: '7S' is no French department"),
    ("accounts", "status", "OPEN", "accounts[0].status: "),
    ("accounts", "person", "", "accounts[0].person: "),
    ("accounts", "colour", "red", "accounts[0]: Object contains unknown field `colour`"),
    ("accounts", "used", [{"day": "24/11/2026", "amount": 1}], "accounts[0].used[0].day: "),
    ("accounts", "used", [{"day": "9999-12-31", "amount": 1}], "accounts[0].used[0]: a day from"),
    ("accounts", "used", [{"day": "0001-01-01", "amount": 1}], "accounts[0].used[0]: a day from"),
    (
        "accounts",
        "lots",
        [{"vintage": 2026, "amount": 1, "loaded_on": "2200-01-01"}],
        "accounts[0].lots[0]: a day from",
    ),
    ("accounts", "lots", [{"vintage": "2026", "amount": 1}], "accounts[0].lots[0].vintage: "),
    ("accounts", "lots", [{"vintage": 2026, "amount": -1}], "accounts[0].lots[0].amount: "),
    ("accounts", "lots", [{"vintage": 2026, "amount": 1.5}], "accounts[0].lots[0].amount: "),
    ("accounts", "lots", [{"vintage": 2013, "amount": 1}], "accounts[0].lots[0].vintage: "),
    ("cards", "pan", "99996700000", "cards[0].pan: a card number is 12 to 19 digits"),
    ("cards", "pan", "9" * 20, "cards[0].pan: a card number is 12 to 19 digits"),
    ("cards", "pan", 9999670000000012, "cards[0].pan: a card number is written as text"),
    ("cards", "expiry", "2913", "cards[0].expiry: "),
    ("cards", "status", "OPPOSED", "cards[0]: `opposed_as` goes with the status OPPOSED"),
    ("cards", "opposed_as", "LOST", "cards[0]: `opposed_as` goes with the status OPPOSED"),
    ("cards", "generation", "4coins", "cards[0].generation: "),
    ("tokens", "wallet", "OTHER_PAY", "tokens[0].wallet: "),
    ("merchants", "class", "bar", "merchants[0].class: "),
    ("merchants", "agreement_to", "2019-12-31", "merchants[0]: `agreement_to` is before"),
]


@pytest.mark.parametrize(
    "off", [{"enabled": False}, {"enabled": False, "bank_pan": None, "bank_expiry": None}]
)
def test_a_top_up_that_is_off_and_has_no_card_is_none(tmp_path: Path, off: dict[str, Any]) -> None:
    world = some_world()
    world["accounts"][0]["topup"] = off
    records = [each.record for each in read_world(write(tmp_path / "w.json", world))]
    (account,) = (record for record in records if isinstance(record, AccountRecord))
    assert account.topup is None


@pytest.mark.parametrize(
    "half", [{}, {"enabled": True}, {"enabled": False, "bank_pan": "9999490000000015"}]
)
def test_a_bank_card_has_its_expiry(tmp_path: Path, half: dict[str, Any]) -> None:
    world = some_world()
    world["accounts"][0]["topup"] = half
    said = refusal(write(tmp_path / "w.json", world))
    assert said.startswith("accounts[0].topup: `bank_expiry` is wanted")


@pytest.mark.parametrize("generation", ["hybrid", *sorted(FOUR_CORNERS)])
def test_crd_05_the_words_for_a_generation_are_read(tmp_path: Path, generation: str) -> None:
    world = some_world()
    world["cards"][0]["generation"] = generation
    assert len(list(read_world(write(tmp_path / "w.json", world)))) == 5


@pytest.mark.parametrize(("kind", "field", "value", "words"), BENT)
def test_what_does_not_fit_is_refused_at_its_place(
    tmp_path: Path, kind: str, field: str, value: Any, words: str
) -> None:
    world = some_world()
    world[kind][0][field] = value
    assert refusal(write(tmp_path / "w.json", world)).startswith(words)


def test_a_missing_field_is_refused(tmp_path: Path) -> None:
    world = some_world()
    del world["cards"][0]["account"]
    assert "cards[0]: " in refusal(write(tmp_path / "w.json", world))


def test_a_bad_line_is_named_by_its_number(tmp_path: Path) -> None:
    path = write_lines(tmp_path / "w.jsonl", some_world())
    path.write_text(path.read_text() + '{"kind": "card", "id": "card-2"}\n')
    assert refusal(path).startswith("line 7: ")


@pytest.mark.parametrize(
    ("last", "words"),
    [
        ('{"kind": "lot"}', "kind must be one of"),
        ('{"kind": 5}', "kind must be one of"),
        ("[]", "an object is wanted"),
        ("{", "line 7: "),
    ],
)
def test_a_line_of_no_kind_is_refused(tmp_path: Path, last: str, words: str) -> None:
    path = write_lines(tmp_path / "w.jsonl", some_world())
    path.write_text(path.read_text() + last)
    assert words in refusal(path)


@pytest.mark.parametrize(
    ("content", "words"),
    [(b"", "is empty"), (b"\n \n", "is empty"), (b"{", "truncated"), (b"\xff{}", "malformed")],
)
def test_what_is_no_json_is_refused(tmp_path: Path, content: bytes, words: str) -> None:
    path = tmp_path / "w.json"
    path.write_bytes(content)
    assert words in refusal(path)


def test_a_file_that_is_not_there_is_refused(tmp_path: Path) -> None:
    assert "cannot be read" in refusal(tmp_path / "nowhere.json")


def test_a_refusal_never_shows_a_card_number(tmp_path: Path) -> None:
    world = some_world()
    world["cards"][0]["pan"] = "99996700000000123456789"
    assert "999967" not in refusal(write(tmp_path / "w.json", world))


@pytest.mark.parametrize("name", ["9999670000000012", "9999 6700 0000 0012", "a`9999670000000012"])
def test_a_name_that_is_not_ours_is_not_said_back(tmp_path: Path, name: str) -> None:
    world: dict[str, Any] = some_world()
    world["cards"][0][name] = 1
    files = (write(tmp_path / "w.json", world), write_lines(tmp_path / "w.jsonl", world))
    world[name] = []
    for path in (*files, write(tmp_path / "top.json", world)):
        assert "unknown field" in refusal(path)
        assert "9999" not in refusal(path)


@pytest.mark.parametrize("deep", ["[" * 100_000, '{"kind":' * 100_000, '{"x":' + "[" * 100_000])
def test_what_is_nested_without_end_is_refused(tmp_path: Path, deep: str) -> None:
    path = tmp_path / "w.json"
    path.write_text(deep)
    assert len(refusal(path)) < 100
    path.write_text('{"kind": "card", "id": "c"}\n' + deep)
    assert refusal(path).startswith("line 1: ")
    lines = write_lines(tmp_path / "w.jsonl", some_world())
    lines.write_text(lines.read_text() + deep)
    assert refusal(lines) == "line 7: is nested too deep"


@pytest.mark.parametrize(
    "twice",
    [
        '{"accounts": [], "accounts": []}',
        '{"employers": [{"id": "e", "id": "f", "department": "75"}]}',
    ],
)
def test_a_name_that_is_written_twice_is_refused(tmp_path: Path, twice: str) -> None:
    path = tmp_path / "w.json"
    path.write_text(twice)
    assert "is written twice" in refusal(path)


def test_records_print_no_card_number(tmp_path: Path) -> None:
    world = some_world()
    world["accounts"][0]["topup"] = {"bank_pan": "9999490000000015", "bank_expiry": "2912"}
    printed = repr(list(read_world(write(tmp_path / "w.json", world))))
    assert "****0012" in printed
    assert not any(number in printed for number in ("999967", "999979", "999949"))

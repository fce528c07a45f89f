"""A name that stands twice in one object is found wherever it stands, and nothing else is."""

import json
from pathlib import Path

import pytest

from authz.world.names import written_twice
from authz.world.read import WorldError, read_world

CARD = '"id": "c1", "account": "a1", "pan": "9999670000000012", "expiry": "2912"'


@pytest.mark.parametrize(
    ("text", "place"),
    [
        ("{}", None),
        ('{"a": 1, "b": {"a": 1}, "c": [{"a": 1}, {"a": 2}]}', None),
        ('{"a": "b:c", "d": "12:30:00"}', None),
        ('{"a": 1, "a": 1}', "`a` is written twice"),
        ('{"a" :1,"b":2,"a":3}', "`a` is written twice"),
        ('{"a": [0, {"b": {"c": 1, "d": 1, "c": 2}}]}', "a[1].b: `c` is written twice"),
        ('[1, {"a": 1, "\\u0061": 2}]', "[1]: `a` is written twice"),
        ('{"x": {"a": 1, "a": 2}, "x": 1}', "`x` is written twice"),
        ('{"9999670000000012": 1, "9999670000000012": 2}', "`(a name that is not repeated here)`"),
    ],
)
def test_a_name_that_stands_twice_is_told_with_its_place(text: str, place: str | None) -> None:
    found = written_twice(text.encode(), json.loads(text))
    if place is None:
        assert found is None
    else:
        assert found is not None and found.startswith(place)


def refusal(path: Path, text: str) -> str:
    path.write_text(text)
    with pytest.raises(WorldError) as refused:
        list(read_world(path))
    where, _, what = str(refused.value).partition(": ")
    assert where == str(path), "the file is named first"
    return what


def test_a_line_of_a_world_is_refused_at_its_number(tmp_path: Path) -> None:
    good = '{"kind": "employer", "id": "e1", "department": "75"}\n'
    twice = f'{{"kind": "card", {CARD}, "expiry": "3012"}}\n'
    said = refusal(tmp_path / "w.jsonl", good + twice)
    assert said == "line 2: `expiry` is written twice"
    nested = '{"kind": "account", "id": "a", "lots": [{"vintage": 2026, "vintage": 2025}]}\n'
    assert refusal(tmp_path / "w.jsonl", nested) == "line 1: lots[0]: `vintage` is written twice"


def test_a_record_of_a_world_object_is_refused_at_its_place(tmp_path: Path) -> None:
    text = f'{{"cards": [{{{CARD}}}, {{{CARD}, "pan": "9999670000000020"}}]}}'
    assert refusal(tmp_path / "w.json", text) == "cards[1]: `pan` is written twice"

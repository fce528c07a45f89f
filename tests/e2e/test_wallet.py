"""Phones at a real engine: cards put into wallets over HTTP, taps over ISO 8583, every story."""

import json
from collections.abc import Iterator
from pathlib import Path

import pytest
from typer.testing import CliRunner, Result

from simulators.cli import app
from simulators.engine_process import Engine, output_of, running
from simulators.phones.stories import STORIES

pytestmark = pytest.mark.timeout(180)

NOON = "2026-11-24T11:30:00+00:00"
DOORS = ("--iso-port", "0", "--http-port", "0", "--test-clock", NOON)


@pytest.fixture(scope="module")
def town(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("phones") / "world.json"
    path.write_text(output_of("world", "generate", "--accounts", "150", "--seed", "5"))
    return path


@pytest.fixture(scope="module")
def engine(town: Path) -> Iterator[Engine]:
    store = ("--data-dir", str(town.parent / "engine"))
    with running((*DOORS, *store, "--world", str(town)), town.parent / "engine.log") as doors:
        yield doors


def wallet(engine: Engine, town: Path, *options: str) -> Result:
    doors = ("--connect", engine.iso, "--http", engine.http, "--world", str(town))
    return CliRunner(env={"COLUMNS": "140"}).invoke(app, ("wallet", *doors, *options))


def test_every_story_ends_as_the_law_says_and_the_books_agree(engine: Engine, town: Path) -> None:
    result = wallet(engine, town, "--clock", NOON, "--phones", "24", "--json")
    told = json.loads(result.stdout)
    assert (told["differences"], told["findings"]) == ([], []), result.output
    assert result.exit_code == 0
    assert told["people"] == 24 and told["steps"] == told["as_expected"] > 100


def test_the_table_shows_every_story_and_no_number(engine: Engine, town: Path) -> None:
    journal = town.parent / "phones.jsonl"
    result = wallet(engine, town, "--clock", NOON, "--seed", "2", "--journal", str(journal))
    assert result.exit_code == 0, result.output
    for story in STORIES:
        if not story.chips:
            assert story.name in result.output, story.name
    assert "agree, both ways" in result.output
    for text in (result.output, journal.read_text()):
        assert "999967" not in text and "999979" not in text


def test_a_difference_ends_with_one(engine: Engine, town: Path) -> None:
    armistice = "2026-11-11T11:30:00+00:00"
    result = wallet(engine, town, "--clock", armistice, "--seed", "3")
    assert result.exit_code == 1, result.output
    assert "57 not allowed" in result.output
    assert "not as expected" in result.output


def test_nobody_taps_on_a_sunday(engine: Engine, town: Path) -> None:
    result = wallet(engine, town, "--clock", "2026-11-29T11:30:00+00:00")
    assert result.exit_code == 2
    assert "Sunday" in result.output


def test_at_the_end_the_books_hold(town: Path, engine: Engine) -> None:
    assert "the books hold" in output_of("audit", "--data-dir", str(town.parent / "engine"))

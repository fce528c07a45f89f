"""Phones and chips at a real engine that takes nothing without a cryptogram."""

import json
from collections.abc import Iterator
from datetime import date, datetime
from pathlib import Path

import pytest
from typer.testing import CliRunner, Result

from simulators.auditor import audit_books, audit_journals, read_books
from simulators.chips.drawer import MEMORY, Drawer
from simulators.chips.keyring import read_keyring
from simulators.cli import app
from simulators.door import API_KEY_VARIABLE, client_of, set_clock
from simulators.engine_process import Engine, output_of, running
from simulators.journal import Journal
from simulators.phones.stories import STORIES
from simulators.rush import Plan, play
from simulators.tally import Tally
from simulators.traffic import lunch_rush
from simulators.world_file import World, read_world

pytestmark = pytest.mark.timeout(180)

NOON = "2026-11-24T11:30:00+00:00"
TUESDAY = date(2026, 11, 24)
DOORS = ("--iso-port", "0", "--http-port", "0", "--test-clock", NOON)
STRICT = (*DOORS, "--cryptograms", "require")
NOT_LOOKED_AT = {"14", "41", "43", "62"}
"""What is declined before anybody looks at a chip."""


@pytest.fixture(scope="module")
def town(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("phones") / "world.json"
    path.write_text(output_of("world", "generate", "--accounts", "200", "--seed", "5"))
    return path


@pytest.fixture(scope="module")
def engine(town: Path) -> Iterator[Engine]:
    store = ("--data-dir", str(town.parent / "engine"))
    with running((*STRICT, *store, "--world", str(town)), town.parent / "engine.log") as doors:
        yield doors


@pytest.fixture(scope="module")
def keys(town: Path, engine: Engine) -> Path:
    """What the engine made for itself, chips of the test ranges included."""
    return town.parent / "engine" / "keys.development.toml"


def simulated(engine: Engine, town: Path, *options: str, api_key: str | None = None) -> Result:
    doors = ("--connect", engine.iso, "--http", engine.http, "--world", str(town))
    environment = {"COLUMNS": "140", API_KEY_VARIABLE: api_key}
    return CliRunner(env=environment).invoke(app, ("wallet", *doors, *options))


def test_every_story_ends_as_the_law_says_and_the_books_agree(
    engine: Engine, town: Path, keys: Path
) -> None:
    chips = ("--keys", str(keys), "--phones", str(2 * len(STORIES)))
    result = simulated(engine, town, "--clock", NOON, "--json", *chips)
    told = json.loads(result.stdout)
    assert (told["differences"], told["findings"]) == ([], []), result.output
    assert result.exit_code == 0
    assert told["people"] == 2 * len(STORIES)
    assert told["steps"] == told["as_expected"] > 5 * told["people"]


def test_the_table_shows_every_story_and_no_number(engine: Engine, town: Path, keys: Path) -> None:
    journal = town.parent / "phones.jsonl"
    options = ("--seed", "2", "--journal", str(journal), "--keys", str(keys))
    result = simulated(engine, town, "--clock", NOON, *options)
    assert result.exit_code == 0, result.output
    for story in STORIES:
        assert story.name in result.output, story.name
    assert "agree, both ways" in result.output
    for text in (result.output, journal.read_text()):
        assert "999967" not in text and "999979" not in text


def test_on_a_holiday_nothing_goes_as_expected_and_the_command_ends_with_one(
    engine: Engine, town: Path, keys: Path
) -> None:
    armistice = "2026-11-11T11:30:00+00:00"
    options = ("--seed", "3", "--phones", "2", "--keys", str(keys))
    result = simulated(engine, town, "--clock", armistice, *options)
    assert result.exit_code == 1, result.output
    assert "57 not allowed" in result.output
    assert "not as expected" in result.output


def test_nobody_taps_on_a_sunday(engine: Engine, town: Path) -> None:
    result = simulated(engine, town, "--clock", "2026-11-29T11:30:00+00:00")
    assert result.exit_code == 2
    assert "Sunday" in result.output


async def rushed(
    engine: Engine, world: World, chips: Drawer | None, seed: int
) -> tuple[Tally, Journal]:
    async with client_of(engine.http) as client:
        await set_clock(client, datetime.fromisoformat(NOON))
    drawn, journal = lunch_rush(world, 150, seed, TUESDAY), Journal()
    tally = Tally(len(drawn))
    await play(drawn, Plan(engine.iso, in_flight=16, chips=chips), journal, tally)
    return tally, journal


async def test_a_rush_of_plastic_and_phones_pays_by_chip_and_knows_every_answer(
    engine: Engine, town: Path, keys: Path
) -> None:
    world = read_world(town)
    # The cards of the stories go on counting from where they are.
    chips = Drawer(read_keyring(keys), keys.with_name(MEMORY))
    tally, journal = await rushed(engine, world, chips, seed=1)
    assert tally.good(), tally.summary()
    assert set(tally.by_means) == {"plastic", "Apple Pay", "Pluxee Pay"}
    assert tally.proved == tally.answered - tally.by_code["14"] > 100, tally.summary()
    assert "82" not in tally.by_code and tally.approved > 75
    entries = journal.entries()
    async with client_of(engine.http) as client:
        tills = {entry.key.terminal for entry in entries}
        books = [line for line in await read_books(client) if line.terminal in tills]
    topped_up = {who.person for who in world.people if who.top_up}
    assert audit_journals(entries, topped_up) == []
    assert audit_books(entries, books) == []


async def test_without_chips_nobody_pays(engine: Engine, town: Path) -> None:
    tally, _ = await rushed(engine, read_world(town), None, seed=2)
    assert tally.approved == 0
    assert set(tally.by_code) <= NOT_LOOKED_AT | {"1A"} and tally.by_code["1A"] > 100


async def test_chips_of_a_forger_pay_nothing(engine: Engine, town: Path, keys: Path) -> None:
    forged = Drawer(read_keyring(keys).forged())
    tally, _ = await rushed(engine, read_world(town), forged, seed=3)
    assert tally.approved == 0 and tally.proved == tally.forged == 0
    assert set(tally.by_code) <= NOT_LOOKED_AT | {"82"} and tally.by_code["82"] > 100


async def test_counters_that_begin_anew_are_refused(engine: Engine, town: Path, keys: Path) -> None:
    """Chips without a memory come with numbers that the engine has seen."""
    tally, _ = await rushed(engine, read_world(town), Drawer(read_keyring(keys)), seed=4)
    assert tally.by_code["82"] > 50, tally.summary()
    assert tally.good(), "the issuer proves a refusal too"


def test_codes_come_by_file_and_the_api_key_from_the_environment(
    town: Path, tmp_path: Path
) -> None:
    codes, settings, store = (tmp_path / name for name in ("codes.jsonl", "m.toml", "engine"))
    settings.write_text(f'codes_file = "{codes}"\n')
    options = ("--data-dir", str(store), "--world", str(town), "--config", str(settings))
    with running((*STRICT, *options), tmp_path / "engine.log") as doors:
        scopes = ("--scopes", "gateway,holder,ops,auditor", "--data-dir", str(store))
        key = output_of("keys", "create", *scopes).strip()
        chips = ("--keys", str(store / "keys.development.toml"), "--clock", NOON)
        told = simulated(doors, town, *chips, "--codes", str(codes), "--json", api_key=key)
        refused = simulated(doors, town, *chips, api_key="mk_nobody_made_this")
    assert told.exit_code == 0, told.output
    assert codes.read_text().count("\n") >= 10, "codes went where they were told to"
    assert refused.exit_code == 2
    assert "401" in refused.output and "mk_nobody" not in refused.output


def test_at_the_end_the_books_hold(town: Path, engine: Engine) -> None:
    assert "the books hold" in output_of("audit", "--data-dir", str(town.parent / "engine"))

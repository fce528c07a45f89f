"""A door of some acquirers, over TCP: who speaks for another is not heard, whatever he tells."""

from datetime import UTC, datetime
from pathlib import Path

import pytest

from simulators.engine_process import started
from simulators.link import Link
from simulators.messages import Stamp, purchase
from tests.database.roads import prove
from tests.e2e.engines import ask_books, key_file, populate
from tests.road.people import Setting, card, terminal

pytestmark = pytest.mark.timeout(120)

NOON = datetime(2026, 11, 24, 11, 30, tzinfo=UTC)
PLAIN = Setting()
OWN = terminal().acquirer


async def pays(door: str, number: int) -> str:
    """The answer to a purchase at a door."""
    stamp = Stamp(f"{number:06d}", NOON, f"{number:012d}")
    async with Link(door) as link:
        return (await link.ask(purchase(card(PLAIN), terminal(), stamp, 1_250)))["39"]


async def test_a_listener_takes_only_what_its_acquirers_say(
    database_url: str, tmp_path: Path
) -> None:
    await populate(database_url, [(1, PLAIN)], tmp_path)
    doors = ("--iso-port", "0", "--http-port", "0", "--test-clock", NOON.isoformat())
    named = [f"127.0.0.1:0,acquirers={names}" for names in (f"1+{OWN}", "1")]
    listen = [word for door in named for word in ("--listen", door)]
    store = ("--database-url", database_url, "--keys", str(key_file(tmp_path)))
    with started(("serve", *doors, *store, *listen), tmp_path / "engine.log") as (_, ready):
        codes = [await pays(door, n) for n, door in enumerate(ready["listen"], 1)]
    assert codes == ["00", "63"]
    assert "foreign_acquirer" in (tmp_path / "engine.log").read_text()
    [(kept,)] = await ask_books(database_url, "select count(*) from authorizations")
    assert kept == 1
    await prove(database_url)

"""A network that no release knows: its profile lies in a folder, and a door speaks it over TCP."""

import json
from datetime import UTC, datetime
from importlib.resources import files
from pathlib import Path

import pytest

from simulators.engine_process import running
from simulators.link import Link
from simulators.messages import Stamp, purchase
from tests.road.people import Setting, as_world, card, terminal

pytestmark = pytest.mark.timeout(120)

NOON = datetime(2026, 11, 24, 11, 30, tzinfo=UTC)
PLAIN = Setting()


def bistro() -> str:
    """As `ascii`, in other frames, and with one word for whatever the cap declines."""
    text = (files("authz") / "profiles" / "ascii.toml").read_text("utf-8")
    return text.replace('framing = "2b"', 'framing = "4a-incl"') + '"61" = "05"\n'


async def test_a_profile_of_the_installation_is_served_with_its_frames_and_codes(
    tmp_path: Path,
) -> None:
    (tmp_path / "profiles").mkdir()
    (tmp_path / "profiles" / "bistro.toml").write_text(bistro())
    (tmp_path / "world.json").write_text(json.dumps(as_world((1, PLAIN))))
    doors = ("--iso-port", "0", "--http-port", "0", "--test-clock", NOON.isoformat())
    store = ("--data-dir", str(tmp_path / "data"), "--world", str(tmp_path / "world.json"))
    spoken = ("--profiles-dir", str(tmp_path / "profiles"), "--profile", "bistro")
    with running((*doors, *store, *spoken), tmp_path / "engine.log") as engine:
        async with Link(engine.iso, framing="4a-incl") as link:
            codes = []
            for number, amount_minor in enumerate((9_000, 1_250), 1):
                stamp = Stamp(f"{number:06d}", NOON, f"{number:012d}")
                answer = await link.ask(purchase(card(PLAIN), terminal(), stamp, amount_minor))
                codes.append(answer["39"])
    assert codes == ["05", "00"]

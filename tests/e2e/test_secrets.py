"""Payments at log level debug leave no card number anywhere: logs, dump, metrics, HTTP."""

import asyncio
import re
import subprocess
from pathlib import Path

import httpx
import pytest

from authz.postgres import binary
from simulators.frames import framing_of, wrap
from simulators.link import Link
from simulators.messages import Stamp, purchase, repeat
from simulators.wire import Fields, encode, profile_of
from tests.database.roads import prove
from tests.e2e.engines import NOON, engine_on, populate
from tests.road import people
from tests.road.people import EXPIRY, Setting
from tests.road.road import instant

pytestmark = pytest.mark.timeout(90)

PLAIN = Setting()
TRACK_TAIL = "2010000012300000"
PIN_BLOCK = "0412ACD8FF123456"
TEST_RANGES = re.compile(r"9999(?:67|79|49)\d{10,13}")


def bought(number: int, person: int, **changes: str) -> Fields:
    stamp = Stamp(f"{number:06d}", instant(NOON), f"{number:012d}")
    return purchase(people.card(PLAIN, person), people.terminal(person), stamp, 500) | changes


def questions() -> list[Fields]:
    """Approved, declined, unknown, repeated, refused; with a track and a PIN block."""
    track = f"{people.pan(2)}={EXPIRY}{TRACK_TAIL}"
    return [
        bought(1, 1),
        bought(2, 1, **{"4": "000000003000"}),
        repeat(bought(1, 1)),
        bought(3, 2, **{"35": track, "52": PIN_BLOCK}),
        bought(4, 9),
        bought(5, 1, **{"35": track}),
        bought(6, 1, **{"3": "990000"}),
        bought(7, 1, **{"49": "840"}),
        bought(8, 1, **{"48": "EA99"}),
    ]


def dumped(url: str) -> str:
    """Everything in the database, as text."""
    command = [str(binary("pg_dump")), "--dbname", url]
    return subprocess.run(command, capture_output=True, check=True).stdout.decode()


async def test_no_card_number_track_or_pin_block_is_left_anywhere(
    database_url: str, tmp_path: Path
) -> None:
    await populate(database_url, [(1, PLAIN), (2, PLAIN)], tmp_path)
    ascii_wire = profile_of("ascii")
    async with engine_on(database_url, tmp_path, "--log-level", "debug") as engine:
        async with Link(engine.iso) as link:
            answers = [await link.ask(question) for question in questions()]
            broken = wrap(encode(bought(9, 1), ascii_wire), framing_of("2b"))
            await link.send_raw(broken.replace(b"000000000500", b"00000000050X"))
            await link.send_raw(b"\x00\x20" + people.pan(1).encode() * 2)
        codes = [answer["39"] for answer in answers]
        assert codes == ["00", "61", "00", "55", "14", "30", "12", "57", "30"]
        headers = {"Authorization": "Bearer dev"}
        async with httpx.AsyncClient(base_url=f"http://{engine.http}", headers=headers) as client:
            shown = [(await client.get(path)).text for path in ("/metrics", "/v1/authorizations")]
    dump = await asyncio.to_thread(dumped, database_url)
    assert "COPY public.authorizations" in dump
    log = (tmp_path / "engine.log").read_text()
    assert "refused" in log and "unreadable" in log
    secrets = [people.pan(1), people.pan(2), people.pan(9), TRACK_TAIL, PIN_BLOCK]
    for place in (log, dump, *shown):
        found = [place.index(secret) for secret in secrets if secret in place]
        assert not found, [place[max(0, at - 200) : at] for at in found]
        assert not [secret for secret in secrets if secret.encode().hex() in place]
        assert not TEST_RANGES.search(place)
    await prove(database_url)

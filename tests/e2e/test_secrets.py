"""A day of everything at log level debug leaves no secret anywhere, in whatever spelling.

Card numbers, tracks, PINs and their blocks, activation codes, telephone numbers and keys; looked
for in logs, a dump of the database, metrics, answers and refusals over HTTP, exports and traces.
"""

import asyncio
import json
import re
import subprocess
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any, Final

import httpx
import pytest

from authz.postgres import binary
from authz.storage import database, schema
from authz.world.load import load_world
from rules.facts import Wallet
from simulators.bank import BankHost
from simulators.bank_books import BankBooks
from simulators.chips import pin_block
from simulators.engine_process import Engine, output_of
from simulators.frames import framing_of, wrap
from simulators.link import Link
from simulators.messages import Stamp, purchase, repeat
from simulators.wire import Fields, encode, profile_of
from tests.authz.hsm.keys import IMK, MAC_KEY, MASTER_KEY, PIN_KEY, some_safe
from tests.authz.wire.test_message_auth import NEW_KEY, key_change, with_mac
from tests.database.checkout import order
from tests.database.roads import prove
from tests.e2e.engines import NOON, engine_on
from tests.e2e.test_bank_leg import until
from tests.e2e.test_key_changes import keys_with_macs, told
from tests.leaks import Needle, leaks, needles_of_bytes, needles_of_digits
from tests.road import people
from tests.road.people import DIGESTER, EXPIRY, Setting, bank_pan, pan
from tests.road.road import instant

pytestmark = [
    pytest.mark.timeout(180),
    pytest.mark.filterwarnings("ignore::cryptography.utils.CryptographyDeprecationWarning"),
]

POOR: Final = Setting(top_up=True, lots={2026: 1000})
PLAIN: Final = Setting()
PHONE: Final = Setting(phone=Wallet.APPLE_PAY)
SETTINGS: Final = {1: POOR, 2: PLAIN, 3: PHONE}
TRACK_TAIL: Final = "2010000012300000"
PIN, NEW_PIN, WRONG_PIN = "271828182845", "314159265358", "161803398874"
TELEPHONE: Final = "+33698765432"
ENROLLED: Final = bank_pan(7)
REPLACING: Final = pan(8)
UNKNOWN: Final = pan(9)
TEST_RANGES: Final = re.compile(rb"9999(?:67|79|49)\d{10,13}")
HEADERS: Final = {"Authorization": "Bearer dev"}
SHOWS_ONCE: Final = re.compile(r"POST /v1/tokens|GET /v1/test/codes/.*")
"""Answers that are there to show a secret to whoever asked for it."""


class Day:
    """What is done, and what is left behind by it."""

    def __init__(self, engine: Engine, http: httpx.AsyncClient, link: Link) -> None:
        self.engine, self.http, self.link = engine, http, link
        self.answers: list[bytes] = []
        self.shown: dict[str, str] = {}

    async def ask(self, verb: str, path: str, status: int, body: Any = None, **more: Any) -> Any:
        """One request over HTTP; its answer is kept, but where it shows what was asked for."""
        content = {} if body is None else {"json": body}
        answer = await self.http.request(verb, path, **content, **more)
        assert answer.status_code == status, (verb, path.split("/")[:3], answer.text)
        if not SHOWS_ONCE.fullmatch(f"{verb} {path}"):
            self.answers.append(repr(answer.headers.multi_items()).encode() + answer.content)
        return answer.json() if answer.content else None


def bought(
    number: int, person: int, amount_minor: int = 500, changes: Fields | None = None
) -> Fields:
    stamp = Stamp(f"{number:06d}", instant(NOON), f"{number:012d}")
    card, till = people.card(SETTINGS.get(person, PLAIN), person), people.terminal(person)
    return purchase(card, till, stamp, amount_minor) | (changes or {})


def sealed_pin(pin: str, person: int = 2) -> str:
    return pin_block.sealed(PIN_KEY, pin, pan(person))


async def pay(day: Day) -> None:
    """Approved, declined, unknown, repeated, refused, unreadable; tracks, PINs, a top-up, a key."""
    track = f"{pan(2)}={EXPIRY}{TRACK_TAIL}"
    asked = [
        bought(1, 2),
        bought(2, 2, 3000),
        repeat(bought(1, 2)),
        bought(3, 2, 500, {"35": track, "52": sealed_pin(PIN)}),
        bought(4, 9),
        bought(5, 1, 500, {"35": track}),
        bought(6, 1, 500, {"3": "990000"}),
        bought(7, 1, 500, {"49": "840"}),
        bought(8, 1, 500, {"48": "EA99"}),
        bought(9, 2, 500, {"52": sealed_pin(WRONG_PIN)}),
        bought(10, 1, 2000),
        bought(11, 3),
    ]
    codes = [(await day.link.ask(each))["39"] for each in asked]
    assert codes == ["00", "61", "00", "00", "14", "30", "12", "57", "30", "55", "00", "00"]
    assert await told(day.engine.iso, with_mac(key_change(12))) == "00"
    broken = wrap(encode(bought(20, 1), profile_of("ascii")), framing_of("2b"))
    await day.link.send_raw(broken.replace(b"000000000500", b"00000000050X"))
    await day.link.send_raw(b"\x00\x20" + pan(1).encode() * 2)


async def serve_holders(day: Day) -> None:
    """Phones with their codes, PINs, a new card, a bank card, an online order."""
    wish = {"card": "card-2", "wallet": "APPLE_PAY", "device": "iphone-9", "attested": True}
    told = await day.ask("POST", "/v1/tokens", 201, wish)
    code = (await day.ask("GET", f"/v1/test/codes/{told['id']}", 200))["code"]
    day.shown = {"device": told["dpan"], "code": code}
    token = f"/v1/tokens/{told['id']}"
    await day.ask("POST", f"{token}/activate", 409, {"code": f"{(int(code) + 1) % 10**6:06d}"})
    await day.ask("POST", f"{token}/activate", 200, {"code": code})
    await day.ask("POST", f"{token}/activate", 409, {"code": code})
    await day.ask("POST", "/v1/cards/card-2/pin", 200, {"pin_block": sealed_pin(NEW_PIN)})
    await day.ask("POST", "/v1/cards/card-2/pin", 200, {"pin": NEW_PIN, "reason": f"for {pan(2)}"})
    await day.ask("POST", "/v1/cards/card-2/pin", 422, {"pin": f"{NEW_PIN}x"})
    linked = {"pan": ENROLLED, "expiry": EXPIRY}
    await day.ask("POST", "/v1/accounts/acc-2/bank-card", 201, linked)
    await day.ask("POST", "/v1/accounts/acc-2/bank-card", 422, linked | {"pan": f"{ENROLLED}x"})
    new = {"id": "card-8", "pan": REPLACING, "expiry": "3112"}
    await day.ask("POST", "/v1/cards/card-2/replace", 201, {"card": new})
    await day.ask("POST", "/v1/cards/card-2/replace", 409, {"card": new})
    await day.ask("PUT", "/v1/accounts/acc-2/contact", 200, {"phone": TELEPHONE})
    await day.ask("PUT", "/v1/accounts/acc-2/contact", 422, {"phone": f"{TELEPHONE}x"})
    key = {"headers": {"Idempotency-Key": f"order {pan(1)}"}}
    await day.ask("POST", "/v1/authorizations", 201, order(100), **key)
    await day.ask("POST", "/v1/authorizations", 422, order(100) | {"amount": "much"}, **key)


async def blunder(day: Day) -> None:
    """Secrets where they do not belong: in paths, queries, names, headers and broken bodies."""
    await day.ask("GET", f"/v1/cards/{pan(1)}", 404)
    await day.ask("GET", f"/v1/authorizations?rrn={pan(1)}&card={pan(1)}", 422)
    await day.ask("GET", f"/v1/authorizations?limit={pan(1)}", 422)
    await day.ask("GET", "/v1/accounts/acc-1", 401, headers={"Authorization": f"Bearer {pan(1)}"})
    await day.ask("POST", "/v1/cards/card-1/block", 422, {pan(1): PIN})
    await day.ask("POST", "/v1/cards/card-1/pin", 422, {"pin": {"it is": PIN}})
    await day.ask("PUT", "/v1/cards/card-7", 422, content=f'{{"pan": "{pan(1)}", pan'.encode())
    card = {"id": "card-7", "account": "acc-1", "pan": pan(1), "expiry": EXPIRY, "pin": PIN}
    await day.ask("PUT", "/v1/cards/card-7", 409, card)
    await day.ask("PUT", "/v1/cards/card-7", 422, card | {"pin": f"{PIN}0", "expiry": pan(1)})


async def look(day: Day) -> None:
    """Everything that is there to be looked at."""
    found = await day.ask("GET", "/v1/authorizations?limit=200", 200)
    for each in found["data"]:
        await day.ask("GET", f"/v1/authorizations/{each['id']}/trace", 200)
    for path in ("accounts/acc-2", "accounts/acc-2/statement", "accounts/acc-2/contact",
                 "cards/card-2", "ledger/transfers", "ledger/trial-balance", "acts"):  # fmt: skip
        await day.ask("GET", f"/v1/{path}", 200)
    metrics = await day.http.get("/metrics")
    day.answers.append(metrics.content)


def exported(url: str, folder: Path) -> dict[str, bytes]:
    """What commands print of the same database."""
    store, keys = ("--database-url", url), ("--keys", str(folder / "sealing.toml"))
    days = ("--from", "2026-01-01", "--to", "2026-12-31")
    commands: Sequence[tuple[str, ...]] = (
        ("jobs", "run", "roll-up", *store),
        ("jobs", "run", "seal", *store, *keys),
        ("jobs", "run", "re-encrypt", *store, *keys),
        ("keys", "file", "used", *store),
        ("export", "journal", *days, *store),
        ("export", "trial-balance", *store),
        ("export", "fec", "--year", "2026", *store),
        ("audit", "--json", *store),
    )
    return {" ".join(each[:3]): output_of(*each).encode() for each in commands}


def dumped(url: str) -> bytes:
    """Everything in the database, as text."""
    command = [str(binary("pg_dump")), "--dbname", url]
    return subprocess.run(command, capture_output=True, check=True).stdout


def secrets_of(day: Day) -> list[Needle]:
    """Every spelling of everything that was secret this day."""
    numbers = {
        "card 1": pan(1), "card 2": pan(2), "phone": pan(3, phone=True), "bank card": bank_pan(1),
        "enrolled": ENROLLED, "replacing": REPLACING, "unknown": UNKNOWN, "track": TRACK_TAIL,
        "pin": PIN, "new pin": NEW_PIN, "wrong pin": WRONG_PIN, "telephone": TELEPHONE[1:],
        **day.shown,
    }  # fmt: skip
    blocks = {
        f"{name} of {pin[:2]}": block
        for pin in (PIN, NEW_PIN, WRONG_PIN)
        for name, block in (
            ("clear block", pin_block.clear_block(pin, pan(2))),
            ("block", bytes.fromhex(sealed_pin(pin))),
        )
    }
    keys = {
        "digest and number key": bytes(range(32)), "issuer key": IMK, "pin key": PIN_KEY,
        "mac key": MAC_KEY, "zone master key": MASTER_KEY, "changed key": NEW_KEY,
    }  # fmt: skip
    return [
        *(each for name, digits in numbers.items() for each in needles_of_digits(name, digits)),
        *(
            each
            for name, value in (blocks | keys).items()
            for each in needles_of_bytes(name, value)
        ),
    ]


async def populate(url: str, folder: Path) -> None:
    """Three people, the second of whom has a PIN and a telephone number."""
    world = people.as_world(*SETTINGS.items())
    world["cards"][1]["pin"] = PIN
    world["accounts"][1]["phone"] = TELEPHONE
    file = folder / "world.json"
    file.write_text(json.dumps(world), encoding="utf-8")
    await schema.upgrade(url)
    sql = await database.connect(url)
    try:
        await load_world(sql, file, DIGESTER, safe=some_safe())
    finally:
        await sql.close()


@asynccontextmanager
async def a_day(url: str, folder: Path) -> AsyncIterator[Day]:
    """An engine that tells everything, with a bank; all its keys."""
    await populate(url, folder)
    bank = BankHost(BankBooks())
    address = await bank.open()
    flags = ("--log-level", "debug", "--bank", address, "--keys", str(keys_with_macs(folder)))
    try:
        async with engine_on(url, folder, *flags) as engine, Link(engine.iso) as link:
            await until(lambda: bank.signed_on > 0)
            base = f"http://{engine.http}"
            async with httpx.AsyncClient(base_url=base, headers=HEADERS) as http:
                yield Day(engine, http, link)
    finally:
        await bank.close()


async def test_a_day_of_everything_leaves_no_secret_anywhere(
    database_url: str, tmp_path: Path
) -> None:
    async with a_day(database_url, tmp_path) as day:
        await pay(day)
        await serve_holders(day)
        await blunder(day)
        await look(day)
    places = await asyncio.to_thread(exported, database_url, tmp_path)
    places["dump"] = await asyncio.to_thread(dumped, database_url)
    places["log"] = (tmp_path / "engine.log").read_bytes()
    places |= {f"answer {number}": each for number, each in enumerate(day.answers)}
    assert b"COPY public.authorizations" in places["dump"]
    assert b"COPY public.sealed_numbers" in places["dump"]
    assert b"refused" in places["log"] and b"unreadable" in places["log"]
    assert leaks(places, secrets_of(day)) == []
    assert not [name for name, place in places.items() if TEST_RANGES.search(place)]
    await prove(database_url)

"""Numbers in the database: every door keeps them sealed, and they move over to a new key."""

import asyncio
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import cast

import asyncpg
import httpx
import pytest
from typer.testing import CliRunner

from authz.commands import key_file
from authz.custody.keys import new_key_file, read_key_file
from authz.custody.safe import Safe
from authz.custody.sealed_numbers import Row, numbers_by_key, re_encrypt, refuse_missing_keys
from authz.custody.vault import Sealed, Slot, Vault
from authz.gateway import CardDesk, Deps, Road, create_app
from authz.holders.contacts import forget_phone, phone_of
from authz.hsm import Pin
from authz.hsm.des import DesKey
from authz.metrics import Metrics
from authz.storage import database
from authz.usage import UsageError
from authz.world.fold import decode_profile
from authz.world.load import load_world
from authz.world.read import WorldError
from rules.facts import Wallet
from tests.authz.builders import BOOKS
from tests.authz.hsm.keys import PIN_KEY, VAULT, some_module, some_safe
from tests.database.roads import prove
from tests.road.people import DIGESTER, Setting, as_world, bank_pan, pan

PHONE = "+33612345678"
NEW_KEY = ("pan-new", bytes(32))
BOTH = Vault([NEW_KEY, ("pan-test", bytes(range(32)))])
WALLET = Setting(top_up=True, phone=Wallet.APPLE_PAY)
HOLDER = "select holder_id from directory where kind = 'account' and name = 'acc-1'"


@asynccontextmanager
async def house(
    url: str, tmp_path: Path, *, people: int = 1, **card: str
) -> AsyncIterator[asyncpg.Pool]:
    """A database with persons who have a card, a phone, a bank card and a telephone number."""
    world = as_world(*((number, WALLET) for number in range(1, people + 1)))
    world["accounts"][0]["phone"] = PHONE
    world["cards"][0] |= card
    file = tmp_path / "world.json"
    file.write_text(json.dumps(world), encoding="utf-8")
    pool = await database.open_pool(url, size=2)
    try:
        async with pool.acquire() as sql:
            await load_world(cast("asyncpg.Connection", sql), file, DIGESTER, safe=some_safe())
        yield pool
        await prove(url)
    finally:
        await pool.close()


@asynccontextmanager
async def counter(pool: asyncpg.Pool) -> AsyncIterator[httpx.AsyncClient]:
    """HTTP over the same database."""

    async def nobody_pays(_: object) -> None:
        raise AssertionError("nothing is paid here")

    road = Road(nobody_pays, DIGESTER, None, False, 1.0)
    desk = CardDesk(DIGESTER, some_safe())
    deps = Deps(pool, pool, Metrics(), BOOKS, lambda: True, True, road=road, cards=desk)
    transport = httpx.ASGITransport(create_app(deps), client=("127.0.0.1", 1))
    async with httpx.AsyncClient(
        transport=transport, base_url="http://issuer", headers={"authorization": "Bearer dev"}
    ) as http:
        yield http


async def numbers(pool: asyncpg.Pool, vault: Vault = VAULT) -> list[str]:
    """Everything that is kept, opened in its own slot."""
    rows = await pool.fetch("select * from sealed_numbers order by holder_id, kind, name")
    return sorted(
        vault.open(Sealed(row["key_id"], row["encrypted"]), Slot(row["kind"], row["name"]))
        for row in rows
    )


async def pin_holds(pool: asyncpg.Pool, pin: str) -> bool:
    profile = decode_profile(await pool.fetchval("select profile from holders where holder_id > 1"))
    own = next(each for each in profile.credentials if each.token_id is None)
    return own.pin_ref is not None and some_module().pin_holds(own.card_ref, Pin(pin), own.pin_ref)


async def test_a_world_keeps_every_number_sealed_under_its_person(
    calendar_url: str, tmp_path: Path
) -> None:
    async with house(calendar_url, tmp_path) as pool:
        everything = [pan(1), pan(1, phone=True), bank_pan(1), PHONE]
        assert await numbers(pool) == sorted(everything)
        rows = repr(await pool.fetch("select * from sealed_numbers"))
        assert not any(number in rows for number in everything)
        holders = await pool.fetch("select distinct holder_id from sealed_numbers")
        assert [row[0] for row in holders] == [await pool.fetchval(HOLDER)]


async def test_the_pin_of_a_world_can_be_verified(calendar_url: str, tmp_path: Path) -> None:
    async with house(calendar_url, tmp_path, pin="4826") as pool:
        assert await pin_holds(pool, "4826") and not await pin_holds(pool, "4827")


async def test_the_pin_block_of_a_world_is_opened_by_the_zone_key(
    calendar_url: str, tmp_path: Path
) -> None:
    account = int(f"0000{pan(1)[-13:-1]}", 16)
    clear = int("044826FFFFFFFFFF", 16) ^ account  # ISO 9564-1, format 0, by hand
    block = DesKey(PIN_KEY).encrypt(clear.to_bytes(8)).hex()
    async with house(calendar_url, tmp_path, pin_block=block) as pool:
        assert await pin_holds(pool, "4826")


async def test_a_pin_block_of_another_card_is_refused_at_its_place(
    calendar_url: str, tmp_path: Path
) -> None:
    with pytest.raises(WorldError, match=r"cards\[0\]\.pin_block: no PIN block of this card"):
        async with house(calendar_url, tmp_path, pin_block="00" * 8):
            raise AssertionError("it was loaded")


async def test_what_is_put_replaced_or_provisioned_is_kept_too(
    calendar_url: str, tmp_path: Path
) -> None:
    async with house(calendar_url, tmp_path) as pool, counter(pool) as http:
        card = {"id": "card-8", "account": "acc-1", "pan": pan(8), "expiry": "2912", "pin": "1357"}
        assert (await http.put("/v1/cards/card-8", json=card)).status_code == 201
        new = {"id": "card-9", "pan": pan(9), "expiry": "3112"}
        answer = await http.post("/v1/cards/card-1/replace", json={"card": new})
        assert answer.status_code == 201
        wish = {"card": "card-1", "wallet": "PLUXEE_PAY", "device": "a-1", "attested": True}
        told = (await http.post("/v1/tokens", json=wish)).json()
        assert {pan(8), pan(9), told["dpan"]} < set(await numbers(pool))


async def test_a_put_changes_pin_and_telephone_and_silence_leaves_them(
    calendar_url: str, tmp_path: Path
) -> None:
    async with house(calendar_url, tmp_path, pin="4826") as pool, counter(pool) as http:
        world = as_world((1, WALLET))
        account, card = world["accounts"][0], world["cards"][0]
        changed = [
            await http.put("/v1/accounts/acc-1", json=account | {"phone": "+33700000000"}),
            await http.put("/v1/cards/card-1", json=card | {"pin": "1357"}),
        ]
        assert [each.json()["result"] for each in changed] == ["changed"] * 2
        assert await pin_holds(pool, "1357") and "+33700000000" in await numbers(pool)
        await http.put("/v1/accounts/acc-1", json=account)
        await http.put("/v1/cards/card-1", json=card)
        assert await pin_holds(pool, "1357") and "+33700000000" in await numbers(pool)
        assert PHONE not in await numbers(pool)


async def test_a_telephone_number_is_found_and_forgotten(calendar_url: str, tmp_path: Path) -> None:
    async with house(calendar_url, tmp_path) as pool, pool.acquire() as sql:
        holder_id = await sql.fetchval(HOLDER)
        found = await phone_of(sql, some_safe().vault, holder_id)
        assert found is not None and found.reveal() == PHONE and PHONE not in repr(found)
        assert await phone_of(sql, Safe(some_module()).vault, holder_id) is None
        assert await forget_phone(sql, holder_id) and not await forget_phone(sql, holder_id)
        assert await phone_of(sql, some_safe().vault, holder_id) is None


class Dies(Vault):
    """A vault whose process ends in the middle of a step."""

    left = 5

    def again(self, sealed: Sealed, slot: Slot, to: Slot | None = None) -> Sealed:
        if not self.left:
            raise RuntimeError("killed")
        self.left -= 1
        return super().again(sealed, slot, to)


async def test_a_rotation_that_dies_half_way_is_taken_up_and_the_old_key_may_go(
    calendar_url: str, tmp_path: Path
) -> None:
    async with house(calendar_url, tmp_path, people=3) as pool:
        before = await numbers(pool)
        assert len(before) == 10
        with pytest.raises(RuntimeError):
            await re_encrypt(pool, Dies([NEW_KEY, ("pan-test", bytes(range(32)))]), 2)
        assert await numbers_by_key(pool) == [("pan-new", 4), ("pan-test", 6)]
        assert await numbers(pool, BOTH) == before
        for one in (VAULT, Vault([NEW_KEY]), None):
            with pytest.raises(UsageError, match="lacks: put it back"):
                await refuse_missing_keys(pool, one)
        assert await re_encrypt(pool, BOTH, 4) == {"moved": 6, "unreadable": 0}
        assert await re_encrypt(pool, BOTH) == {"moved": 0, "unreadable": 0}
        await refuse_missing_keys(pool, Vault([NEW_KEY]))
        assert await numbers(pool, Vault([NEW_KEY])) == before


async def test_a_number_that_cannot_be_read_does_not_stop_the_others(
    calendar_url: str, tmp_path: Path
) -> None:
    async with house(calendar_url, tmp_path, people=3) as pool:
        await pool.execute(
            "update sealed_numbers set encrypted = $1 where kind = 'PHONE'", bytes(40)
        )
        assert await re_encrypt(pool, BOTH, 3) == {"moved": 9, "unreadable": 1}
        assert await re_encrypt(pool, BOTH, 3) == {"moved": 0, "unreadable": 1}


async def test_two_numbers_that_were_swapped_do_not_open(calendar_url: str, tmp_path: Path) -> None:
    async with house(calendar_url, tmp_path, people=2) as pool:
        rows = await pool.fetch("select * from sealed_numbers where kind = 'BANK_CARD'")
        one, other = (Row(r["holder_id"], Slot(r["kind"], r["name"]),
                          Sealed(r["key_id"], r["encrypted"])) for r in rows)  # fmt: skip
        assert VAULT.open(one.sealed, one.slot) == bank_pan(1)
        with pytest.raises(Exception, match="not in this slot"):
            VAULT.open(one.sealed, other.slot)


async def test_the_command_says_which_keys_must_stay_and_gives_numbers_to_the_next(
    calendar_url: str, tmp_path: Path
) -> None:
    async with house(calendar_url, tmp_path):
        command = ["used", "--database-url", calendar_url]
        said = await asyncio.to_thread(CliRunner().invoke, key_file.app, command)
    assert said.output.split() == ["pan-test", "4"]
    path = tmp_path / "keys.toml"
    before = new_key_file(path).pan_encryption[0].key_id
    assert CliRunner().invoke(key_file.app, ["rotate", str(path)]).exit_code == 0
    assert [key.key_id for key in read_key_file(path).pan_encryption][1:] == [before]

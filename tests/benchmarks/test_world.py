"""Generated worlds are worlds: the audit holds, and every card leads to its holder."""

import asyncpg
from msgspec import msgpack

from authz.audit.prove import prove_all
from authz.custody.pan import PanDigester
from authz.state import Profile
from authz.storage.schema import upgrade
from benchmarks import world

DIGESTER = PanDigester(bytes(range(32)), "test")


async def test_a_generated_world_passes_the_audit(database_url: str) -> None:
    await upgrade(database_url)
    await world.generate(database_url, world.Size(30, merchants=4, employers=3), DIGESTER)
    sql = await asyncpg.connect(database_url)
    try:
        async with sql.transaction(isolation="repeatable_read", readonly=True):
            report = await prove_all(sql, {})
    finally:
        await sql.close()

    assert report.holds, report.broken
    assert report.books.holders == 30 + 1
    assert report.books.loaded_minor == 30 * world.OPENING_MINOR


async def test_every_card_leads_to_a_holder_whose_profile_names_it(database_url: str) -> None:
    await upgrade(database_url)
    await world.generate(database_url, world.Size(12, merchants=1, employers=5), DIGESTER)
    sql = await asyncpg.connect(database_url)
    try:
        for number in (0, 1, 11):
            row = await sql.fetchrow(
                "select h.holder_id, h.profile from credentials c join holders h using (holder_id)"
                " where c.card_ref = $1",
                DIGESTER.card_ref(world.pan(number)),
            )
            assert row is not None
            profile = msgpack.decode(row["profile"], type=Profile)
            assert profile.person == f"per-{number:08}"
            assert profile.accounts[0].employer_no == world.FIRST_EMPLOYER + number % 5
            assert profile.credentials[0].card_ref == DIGESTER.card_ref(world.pan(number))
            assert profile.cards[0].card_id == profile.credentials[0].card_id
    finally:
        await sql.close()

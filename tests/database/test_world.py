"""Loading a world: whole or not at all, once or twice, and the books hold afterwards."""

from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any

import asyncpg
import pytest

from authz.custody.pan import PanDigester
from authz.state import Profile
from authz.usage import UsageError
from authz.world.fold import decode_profile
from authz.world.generate import as_lines, generate
from authz.world.load import WorldReport, load_world
from authz.world.read import WorldError
from ledger import journal
from ledger.accounts import House, lot_account
from ledger.journal import Change, Locked
from ledger.transfers import Transfer
from tests.authz.world.builders import some_world, write, write_lines
from tests.database.worlds import DIGESTER, load, sql, world_url

__all__ = ["sql", "world_url"]

ONE_OF_EACH = {"employer": 1, "merchant": 1, "account": 1, "card": 1, "token": 1}
COUNTED = ("employers", "merchants", "directory", "credentials", "transfers", "ledger_accounts")


async def everything(sql: asyncpg.Connection) -> dict[str, Any]:
    """Every row that a load could have written or changed."""
    tables = (*COUNTED, "holders", "control")
    return {name: await sql.fetch(f"select t::text from {name} t order by 1") for name in tables}


async def holder(sql: asyncpg.Connection) -> tuple[Any, Profile]:
    """The row and the profile of the only person."""
    row = await sql.fetchrow(
        "select h.* from directory d join holders h using (holder_id) where d.kind = 'person'"
    )
    assert row is not None
    return row, decode_profile(row["profile"])


async def test_a_world_is_loaded_and_found(sql: asyncpg.Connection, tmp_path: Path) -> None:
    report = await load(sql, tmp_path, some_world())
    assert (report.loaded, report.skipped, report.holders_opened) == (ONE_OF_EACH, {}, 1)
    row, profile = await holder(sql)
    assert (row["lot_available"], profile.person) == ([10_000], "per-1")
    found = await sql.fetch(
        "select holder_id from credentials where card_ref = any ($1)",
        [DIGESTER.card_ref("9999670000000012"), DIGESTER.card_ref("9999790000000018")],
    )
    assert [each["holder_id"] for each in found] == [row["holder_id"]] * 2


async def test_loading_twice_changes_nothing(sql: asyncpg.Connection, tmp_path: Path) -> None:
    await load(sql, tmp_path, some_world())
    before = await everything(sql)
    report = await load(sql, tmp_path, some_world())
    assert (report.loaded, report.skipped) == ({}, ONE_OF_EACH)
    assert (report.holders_opened, report.holders_changed, report.movements) == (0, 0, 0)
    assert await everything(sql) == before


async def test_lines_are_the_same_world(sql: asyncpg.Connection, tmp_path: Path) -> None:
    await load(sql, tmp_path, some_world())
    before = await everything(sql)
    path = write_lines(tmp_path / "world.jsonl", some_world(), plural=True)
    assert (await load_world(sql, path, DIGESTER)).skipped == ONE_OF_EACH
    assert await everything(sql) == before


async def test_a_record_may_come_before_what_it_refers_to(
    sql: asyncpg.Connection, tmp_path: Path
) -> None:
    path = write_lines(tmp_path / "world.jsonl", some_world())
    assert path.read_text().startswith('{"kind": "merchant"')
    assert (await load_world(sql, path, DIGESTER)).loaded == ONE_OF_EACH


BENT: list[tuple[str, str, Any, str]] = [
    ("employers", "name", "Atelier Sud", "employers[0]: employer emp-1 was loaded before"),
    ("merchants", "mcc", "5814", "merchants[0]: merchant 12345/MERCH0000000001 was loaded before"),
    ("accounts", "status", "CLOSED", "accounts[0]: account acc-1 was loaded before"),
    ("accounts", "lots", [], "accounts[0]: account acc-1 was loaded before"),
    ("cards", "expiry", "2911", "cards[0]: card card-1 was loaded before"),
    ("cards", "pan", "9999670000000020", "cards[0]: card card-1 was loaded before"),
    ("tokens", "wallet", "PLUXEE_PAY", "tokens[0]: token tok-1 was loaded before"),
]


@pytest.mark.parametrize(("kind", "field", "value", "words"), BENT)
async def test_the_same_id_with_other_content_is_refused(
    sql: asyncpg.Connection, tmp_path: Path, kind: str, field: str, value: Any, words: str
) -> None:
    await load(sql, tmp_path, some_world())
    before = await everything(sql)
    world = some_world()
    world[kind][0][field] = value
    with pytest.raises(WorldError) as refused:
        await load(sql, tmp_path, world)
    assert str(refused.value).startswith(words)
    assert await everything(sql) == before


ORPHANS = [
    ("accounts", "employer", "accounts[0].employer: there is no employer nobody"),
    ("cards", "account", "cards[0].account: there is no account nobody"),
    ("tokens", "card", "tokens[0].card: there is no card nobody"),
]


@pytest.mark.parametrize(("kind", "field", "words"), ORPHANS)
async def test_nothing_is_loaded_when_a_reference_leads_nowhere(
    sql: asyncpg.Connection, tmp_path: Path, kind: str, field: str, words: str
) -> None:
    before = await everything(sql)
    world = some_world()
    world[kind][0][field] = "nobody"
    with pytest.raises(WorldError) as refused:
        await load(sql, tmp_path, world)
    assert str(refused.value) == words
    assert await everything(sql) == before


async def test_nothing_is_loaded_when_the_last_record_does_not_fit(
    sql: asyncpg.Connection, tmp_path: Path
) -> None:
    before = await everything(sql)
    path = write_lines(tmp_path / "world.jsonl", some_world())
    path.write_text(path.read_text() + '{"kind": "card"}\n')
    with pytest.raises(WorldError, match="line 7"):
        await load_world(sql, path, DIGESTER)
    assert await everything(sql) == before


async def test_a_name_that_is_written_twice_must_say_the_same(
    sql: asyncpg.Connection, tmp_path: Path
) -> None:
    world = some_world()
    world["cards"].append(dict(world["cards"][0]))
    assert (await load(sql, tmp_path, world)).skipped == {"card": 1}
    world["cards"][1]["expiry"] = "2911"
    with pytest.raises(WorldError) as refused:
        await load(sql, tmp_path, world)
    assert str(refused.value) == "cards[1]: card card-1 is written otherwise at cards[0]"


async def test_a_card_number_is_one_persons_alone(sql: asyncpg.Connection, tmp_path: Path) -> None:
    world = some_world()
    world["cards"].append({**world["cards"][0], "id": "card-2"})
    with pytest.raises(WorldError, match=r"^cards\[1\]: the card number belongs to another"):
        await load(sql, tmp_path, world)
    await load(sql, tmp_path, some_world())
    later = {"cards": [{**some_world()["cards"][0], "id": "card-2"}]}
    with pytest.raises(WorldError, match=r"^cards\[0\]: the card number belongs to another"):
        await load(sql, tmp_path, later)


async def test_what_was_used_is_in_the_books_and_in_the_day(
    sql: asyncpg.Connection, tmp_path: Path
) -> None:
    world = some_world()
    world["accounts"][0]["used"] = [{"day": "2026-11-24", "amount": 2_500}]
    await load(sql, tmp_path, world)
    row, _ = await holder(sql)
    assert (row["lot_available"], row["usage_minor"]) == ([10_000], [2_500])
    assert row["usage_days"] == [date(2026, 11, 24)]
    spent = await sql.fetchval("select sum(amount_minor) from transfers where credit_account = 400")
    assert spent == 2_500


async def test_one_person_may_have_accounts_of_two_employers(
    sql: asyncpg.Connection, tmp_path: Path
) -> None:
    world = some_world()
    world["employers"].append({"id": "emp-2", "department": "67", "good_friday": True})
    world["accounts"].append({"id": "acc-2", "employer": "emp-2", "person": "per-1"})
    assert (await load(sql, tmp_path, world)).holders_opened == 1
    _, profile = await holder(sql)
    assert [held.account.account_id for held in profile.accounts] == ["acc-1", "acc-2"]
    assert len({held.employer_no for held in profile.accounts}) == 2


async def test_a_known_person_gets_more_and_is_seen_to_have_changed(
    sql: asyncpg.Connection, tmp_path: Path
) -> None:
    await load(sql, tmp_path, some_world())
    before, _ = await holder(sql)
    more: dict[str, list[dict[str, Any]]] = {
        "accounts": [
            {
                "id": "acc-2",
                "employer": "emp-1",
                "person": "per-1",
                "lots": [{"vintage": 2025, "amount": 300}],
            }
        ],
        "cards": [{**some_world()["cards"][0], "id": "card-2", "pan": "9999670000000020"}],
    }
    report = await load(sql, tmp_path, more)
    assert (report.holders_opened, report.holders_changed, report.movements) == (0, 1, 2)
    row, profile = await holder(sql)
    assert row["version"] == before["version"] + 1
    assert (row["lot_available"], row["last_seq"]) == ([10_000, 300], before["last_seq"] + 2)
    assert [card.card_id for card in profile.cards] == ["card-1", "card-2"]
    assert [lot.account_no for lot in profile.lots] == [1, 2]


async def test_a_reload_after_spending_refills_nothing(
    sql: asyncpg.Connection, tmp_path: Path
) -> None:
    await load(sql, tmp_path, some_world())
    row, _ = await holder(sql)
    holder_id, day, at = row["holder_id"], date(2026, 11, 24), datetime.now(UTC)

    def spend(locked: Locked) -> Change:
        lot, seq = lot_account(holder_id, 1), locked.running.last_seq + 1
        spent = Transfer.direct(holder_id, seq, lot, House.OPENING_SPEND, 2_000, None, day, at)
        return Change(transfers=[spent], account_of={1: 1})

    async with sql.transaction():
        await journal.post_for_holder(sql, holder_id, spend)
    await load(sql, tmp_path, some_world())
    row, _ = await holder(sql)
    assert row["lot_available"] == [8_000]


async def test_new_reference_records_move_the_epoch_and_known_ones_do_not(
    sql: asyncpg.Connection, tmp_path: Path
) -> None:
    async def epoch() -> int:
        return int(await sql.fetchval("select reference_epoch from control"))

    first = await epoch()
    await load(sql, tmp_path, some_world())
    assert await epoch() == first + 1
    await load(sql, tmp_path, some_world())
    assert await epoch() == first + 1


async def test_movements_are_booked_at_the_test_clock(
    sql: asyncpg.Connection, tmp_path: Path
) -> None:
    clock = datetime(2027, 1, 15, 11, tzinfo=UTC)
    await sql.execute("update control set test_clock = $1", clock)
    await load(sql, tmp_path, some_world())
    assert await sql.fetchval("select array_agg(distinct at) from transfers") == [clock]


async def test_another_digest_key_is_refused(sql: asyncpg.Connection, tmp_path: Path) -> None:
    await load(sql, tmp_path, some_world())
    path = write(tmp_path / "world.json", some_world())
    with pytest.raises(UsageError, match="--keys"):
        await load_world(sql, path, PanDigester(b"o" * 32, "other"))


async def test_no_card_number_reaches_the_database(sql: asyncpg.Connection, tmp_path: Path) -> None:
    world = some_world()
    world["accounts"][0]["topup"] = {"bank_pan": "9999490000000015", "bank_expiry": "2912"}
    world["cards"][0]["pin"] = "271828"
    await load(sql, tmp_path, world)
    rows = repr(await everything(sql)) + repr(await sql.fetch("select profile from holders"))
    secrets = ("9999670000000012", "9999790000000018", "9999490000000015", "271828")
    assert not any(secret in rows or secret.encode().hex() in rows for secret in secrets)


async def test_a_generated_world_is_loaded_in_chunks_of_any_size(
    sql: asyncpg.Connection, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("authz.world.load.HOLDERS_PER_CHUNK", 7)
    monkeypatch.setattr("authz.world.load.RECORDS_PER_COPY", 11)
    path = tmp_path / "world.jsonl"
    path.write_bytes(b"".join(as_lines(generate(60, seed=3))))
    report: WorldReport = await load_world(sql, path, DIGESTER)
    assert report.loaded["account"] == 60
    persons = await sql.fetchval("select count(*) from directory where kind = 'person'")
    assert report.holders_opened == persons
    again = await load_world(sql, path, DIGESTER)
    assert again.skipped == report.loaded


async def test_the_number_of_statements_does_not_grow_with_the_file(
    sql: asyncpg.Connection, tmp_path: Path
) -> None:
    async def statements(accounts: int) -> int:
        path = tmp_path / "world.jsonl"
        path.write_bytes(b"".join(as_lines(generate(accounts, seed=accounts))))
        seen: list[str] = []
        again = sql.transaction()
        await again.start()
        with sql.query_logger(lambda query: seen.append(query.query)):
            await load_world(sql, path, DIGESTER)
        await again.rollback()
        return len(seen)

    await statements(1)  # the driver asks for the types of the columns once
    assert await statements(1) == await statements(40)


async def test_a_text_that_no_database_keeps_is_refused_in_one_line(
    sql: asyncpg.Connection, tmp_path: Path
) -> None:
    world = some_world()
    world["merchants"][0]["name"] = "Chez\0Paul"
    before = await everything(sql)
    with pytest.raises(WorldError, match="NUL"):
        await load(sql, tmp_path, world)
    assert await everything(sql) == before

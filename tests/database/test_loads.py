"""Orders over a database: pending, paid, loaded at once, corrected, bounced, imported (LOD)."""

import asyncio
import json
from datetime import date
from pathlib import Path
from typing import Any

import asyncpg
import pytest
from msgspec.structs import replace
from typer.testing import CliRunner

from authz.commands import loads as commands
from authz.commands.loads import app
from authz.holders.leaving import close_account
from authz.loads import lines, payments
from authz.loads.imports import Imported, import_file
from authz.loads.lines import Bad, Flag, Line
from authz.loads.orders import BadLines, Order, place_order
from authz.loads.payments import LoadView, find_load, pay
from authz.refusal import Refused, Unknown
from ledger.accounts import LOT_NO_MAX, House
from rules.decision import Reason
from tests.database.town import Town, town
from tests.road.people import Setting

ONE = {1: Setting(lots={})}
TWO = {1: Setting(lots={}), 2: Setting(lots={})}
LINE = Line(1, "acc-1", 8, 1250, 700, "2026-11")
PAID_IN = """
    select sum(case debit_account when 100 then amount_minor else -amount_minor end)
    from transfers where 100 in (debit_account, credit_account)
"""
STANDING = """
    select coalesce(sum(case credit_account when $1 then amount_minor else -amount_minor end), 0)
    from transfers where $1 in (debit_account, credit_account)
"""
HEAD = "Compte;Nombre;Valeur faciale;Part employeur;Période\r\n"


async def order(t: Town, *lines: Line, employer: str = "emp-1", **options: Any) -> Order:
    async with t.pool.acquire() as sql, sql.transaction():
        return await place_order(sql, employer, lines or (LINE,), t.books, **options)


async def paid(t: Town, placed: Order, amount_minor: int | None = None, ref: str = "") -> LoadView:
    amount = placed.total_minor if amount_minor is None else amount_minor
    async with t.pool.acquire() as sql, sql.transaction():
        await pay(sql, placed.load_no, ref or placed.reference, amount)
        return await find_load(sql, placed.load_no)


async def found(t: Town, placed: Order) -> LoadView:
    async with t.pool.acquire() as sql:
        return await find_load(sql, placed.load_no)


async def standing(t: Town, house: House) -> int:
    """What an account of the house owes, in cents."""
    return int(await t.pool.fetchval(STANDING, int(house)))


async def taken(t: Town, content: str, **options: bool) -> Imported:
    async with t.pool.acquire() as sql:
        return await import_file(sql, content.encode("cp1252"), t.books, **options)


async def test_lod_01_vouchers_come_with_the_payment_and_bite_at_once(
    calendar_url: str, tmp_path: Path
) -> None:
    async with town(calendar_url, tmp_path, ONE) as t:
        placed = await order(t)
        assert placed.total_minor == 10_000
        assert (await found(t, placed)).state == "PENDING"
        assert (await t.pay(1250)).reason is Reason.INSUFFICIENT_BALANCE
        loaded = await paid(t, placed)
        assert (loaded.state, [line.booked_minor for line in loaded.lines]) == ("LOADED", [10_000])
        assert (await t.pay(1250)).balance_minor == 8750
        assert await t.lots() == [(2026, None, 8750, 0, 0)]


async def test_the_vintage_is_the_civil_year_of_emission(calendar_url: str, tmp_path: Path) -> None:
    people = {1: Setting(lots={}), 2: Setting(lots={}, workplace="974", merchant="974")}
    async with town(calendar_url, tmp_path, people) as t:
        december = await order(t)
        island = await order(t, Line(1, "acc-2", 1, 1000, 500, "2026-12"), employer="emp-2")
        await t.at("2026-12-31T22:00:00+01:00")
        await paid(t, december)
        await paid(t, island)
        assert [lot[0] for lot in await t.lots("acc-1")] == [2026]
        assert [lot[0] for lot in await t.lots("acc-2")] == [2027]
        assert (await t.view("acc-2")).lots[0].loaded_on == date(2027, 1, 1)


async def test_a_reference_may_be_written_in_groups(calendar_url: str, tmp_path: Path) -> None:
    async with town(calendar_url, tmp_path, ONE) as t:
        placed = await order(t)
        r = placed.reference.lower()
        assert (await paid(t, placed, ref=f"{r[:4]} {r[4:8]} {r[8:]}")).state == "LOADED"


@pytest.mark.parametrize(
    ("amount_minor", "reference", "code"),
    [
        (9_999, "", "AMOUNT_DIFFERS"),
        (10_001, "", "AMOUNT_DIFFERS"),
        (10_000, "RF00MIL000000001", "REFERENCE_INVALID"),
        (10_000, "RF18539007547034", "REFERENCE_DIFFERS"),
    ],
)
async def test_a_payment_that_does_not_fit_loads_nothing(
    calendar_url: str, tmp_path: Path, amount_minor: int, reference: str, code: str
) -> None:
    async with town(calendar_url, tmp_path, ONE) as t:
        placed = await order(t)
        with pytest.raises(Refused) as refused:
            await paid(t, placed, amount_minor, reference)
        assert refused.value.code == code
        assert (await found(t, placed)).state == "PENDING"
        assert await t.lots() == []


async def test_a_load_is_paid_once(calendar_url: str, tmp_path: Path) -> None:
    async with town(calendar_url, tmp_path, ONE) as t:
        placed = await order(t)
        await paid(t, placed)
        with pytest.raises(Refused, match="has been paid"):
            await paid(t, placed)
        assert await t.lots() == [(2026, None, 10_000, 0, 0)]


async def test_bad_lines_keep_the_order_out_unless_the_good_are_asked_for(
    calendar_url: str, tmp_path: Path
) -> None:
    lines = (
        LINE,
        Line(2, "acc-2", 8, 1250, 700, "2026-11"),
        Line(3, "acc-9", 8, 1250, 700, "2026-11"),
        Line(4, "acc-1", 0, 1250, 700, "2026-11"),
    )
    async with town(calendar_url, tmp_path, TWO) as t:
        with pytest.raises(BadLines) as refused:
            await order(t, *lines)
        assert refused.value.bad == (
            Bad(2, "account", "the account is of another employer"),
            Bad(3, "account", "there is no such account"),
            Bad(4, "count", "no title at all"),
        )
        assert await t.pool.fetchval("select count(*) from loads") == 0
        placed = await order(t, *lines, only_good=True)
        assert (placed.total_minor, placed.bad) == (10_000, refused.value.bad)


async def test_nobody_orders_who_is_not_there(calendar_url: str, tmp_path: Path) -> None:
    async with town(calendar_url, tmp_path, ONE) as t:
        with pytest.raises(Unknown):
            await order(t, employer="emp-9")
        with pytest.raises(Unknown):
            await paid(t, Order(999, "", "RF18539007547034", 1, (), ()))


async def test_flags_are_kept_and_refuse_nothing(calendar_url: str, tmp_path: Path) -> None:
    async with town(calendar_url, tmp_path, ONE) as t:
        placed = await order(t, Line(1, "acc-1", 32, 2000, 1300, "2026-11"))
        assert (await paid(t, placed)).lines[0].flags == (
            "SHARE_ABOVE_RANGE",
            "SHARE_ABOVE_EXEMPTION",
            "MORE_THAN_A_MONTH",
        )


async def test_lod_04_a_correction_takes_what_is_unspent(calendar_url: str, tmp_path: Path) -> None:
    async with town(calendar_url, tmp_path, ONE) as t:
        await paid(t, await order(t))
        two_less = await order(t, Line(1, "acc-1", -2, 1250, 700, "2026-11"))
        assert (two_less.total_minor, two_less.taken[0].taken_back_minor) == (0, 2500)
        assert (await found(t, two_less)).state == "LOADED"
        assert await t.lots() == [(2026, None, 7500, 0, 0)]
        await t.pay(2500)
        all_of_it = await order(t, Line(1, "acc-1", -8, 1250, 700, "2026-11"))
        assert all_of_it.taken[0].taken_back_minor == 5000
        assert all_of_it.taken[0].flags == (Flag.LIMITED_TO_UNSPENT,)
        assert await t.lots() == [(2026, None, 0, 0, 0)]


async def test_a_correction_follows_into_the_exchanged_lot(
    calendar_url: str, tmp_path: Path
) -> None:
    async with town(calendar_url, tmp_path, ONE) as t:
        await paid(t, await order(t))
        await t.at("2027-03-01T12:30:00+01:00")
        await t.run("exchange-vintages")
        corrected = await order(t, Line(1, "acc-1", -1, 1250, 700, "2026-11"))
        assert corrected.taken[0].taken_back_minor == 1250
        assert await t.lots() == [(2027, 2026, 8750, 0, 0)]


async def test_a_correction_of_nothing_is_a_bad_line(calendar_url: str, tmp_path: Path) -> None:
    async with town(calendar_url, tmp_path, ONE) as t:
        await paid(t, await order(t))
        for wrong in (
            Line(1, "acc-1", -1, 1250, 700, "2026-10"),
            Line(1, "acc-1", -1, 1300, 700, "2026-11"),
        ):
            with pytest.raises(BadLines) as refused:
                await order(t, wrong)
            assert refused.value.bad[0].place == "period"
        assert await t.lots() == [(2026, None, 10_000, 0, 0)]


async def test_crd_06_no_load_reaches_who_has_left_and_its_money_goes_back(
    calendar_url: str, tmp_path: Path
) -> None:
    async with town(calendar_url, tmp_path, ONE) as t:
        placed = await order(t)
        async with t.pool.acquire() as sql, sql.transaction():
            await close_account(sql, "acc-1", "left", t.books)
        view = await paid(t, placed)
        assert [(line.booked_minor, line.frozen) for line in view.lines] == [(0, True)]
        assert await t.lots() == []
        assert await standing(t, House.EMPLOYER_PREPAID) == 0
        assert await standing(t, House.RETURNED_TO_EMPLOYER) == 10_000
        with pytest.raises(BadLines, match="cannot be taken"):
            await order(t)


async def test_vouchers_stay_the_business_of_who_paid_them(
    calendar_url: str, tmp_path: Path
) -> None:
    """R.3262-6, LOD-04, CRD-06: the account of an employee who changes employers."""
    async with town(calendar_url, tmp_path, TWO) as t:
        await paid(t, await order(t))
        pending = await order(t)
        moved = {"id": "acc-1", "person": "per-1", "employer": "emp-2", "programme": "fr-meal"}
        assert await t.put("account", moved) == "changed"
        assert [line.frozen for line in (await paid(t, pending)).lines] == [True]
        less = Line(1, "acc-1", -2, 1250, 700, "2026-11")
        with pytest.raises(BadLines):
            await order(t, less, employer="emp-2")
        async with t.pool.acquire() as sql, sql.transaction():
            await close_account(sql, "acc-1", "left", t.books)
        returned = "select employer_id from vintage_moves join employers using (employer_no)"
        assert await t.pool.fetchval(returned) == "emp-1"


async def test_orders_are_append_only_for_the_engine(calendar_url: str, tmp_path: Path) -> None:
    async with town(calendar_url, tmp_path, ONE) as t:
        await paid(t, await order(t))
        for statement in (
            "update loads set total_minor = 0",
            "delete from load_payments",
            "truncate vintage_moves",
            "update operation_keys set status = 0",
        ):
            with pytest.raises(asyncpg.InsufficientPrivilegeError):
                await t.pool.execute(statement)


async def test_a_file_becomes_an_order_for_each_employer_once(
    calendar_url: str, tmp_path: Path
) -> None:
    content = HEAD + "acc-1;8;12,50;7,00;2026-11\r\nacc-2;4;10,00;5,00;2026-11\r\n"
    async with town(calendar_url, tmp_path, TWO) as t:
        done = await taken(t, content)
        assert [(o.employer, o.total_minor) for o in done.orders] == [
            ("emp-1", 10_000),
            ("emp-2", 4000),
        ]
        again = await taken(t, content)
        assert (again.repeated, again.orders) == (True, done.orders)
        assert await t.pool.fetchval("select count(*) from loads") == 2
        for placed in done.orders:
            await paid(t, placed)
        assert await t.lots("acc-2") == [(2026, None, 4000, 0, 0)]


async def test_a_bad_line_keeps_the_file_out_and_is_told_with_all_others(
    calendar_url: str, tmp_path: Path
) -> None:
    rows = (
        "acc-1;8;12,50;7,00;2026-11",
        "acc-9;8;12,50;7,00;2026-11",
        "acc-2;huit;12,50;7,00;2026-11",
        "acc-2;4;10,00;11,00;2026-11",
    )
    content = HEAD + "\r\n".join(rows)
    async with town(calendar_url, tmp_path, TWO) as t:
        done = await taken(t, content)
        assert not done.kept
        assert [(bad.line_no, bad.place) for bad in done.bad] == [
            (3, "account"),
            (4, "count"),
            (5, "employer_share"),
        ]
        assert await t.pool.fetchval("select count(*) from loads") == 0
        tried = await taken(t, content, only_good=True, dry_run=True)
        assert (tried.kept, len(tried.orders)) == (False, 1)
        assert await t.pool.fetchval("select count(*) from loads") == 0
        done = await taken(t, content, only_good=True)
        assert done.kept
        assert [o.total_minor for o in done.orders] == [10_000]


def test_the_command_tells_every_line_and_pays(calendar_url: str, tmp_path: Path) -> None:
    asyncio.run(_prepare(calendar_url, tmp_path))
    file = tmp_path / "november.csv"
    file.write_bytes((HEAD + "acc-1;8;12,50;8,00;2026-11\r\nacc-9;1;1,00;0,50;2026-11").encode())
    where = ["--database-url", calendar_url]
    refused = CliRunner().invoke(app, ["import", str(file), *where])
    assert refused.exit_code == 2
    assert "BAD account: there is no such account" in refused.output
    done = CliRunner().invoke(app, ["import", str(file), "--only-good", *where])
    assert done.exit_code == 0, done.output
    assert "ok SHARE_ABOVE_RANGE SHARE_ABOVE_EXEMPTION" in done.output
    reference = done.output.split(" under ")[1].split()[0]
    paid_ = CliRunner().invoke(app, ["pay", reference, "10000", *where])
    assert "LOADED: 10,000 cents" in paid_.output
    assert CliRunner().invoke(app, ["pay", "RF18539007547034", "10000", *where]).exit_code != 0


def test_a_long_file_is_told_in_plain_lines(
    calendar_url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    asyncio.run(_prepare(calendar_url, tmp_path))
    monkeypatch.setattr(commands, "TABLE_LINES_MAX", 1)
    file = tmp_path / "november.csv"
    file.write_bytes((HEAD + "acc-1;8;12,50;7,00;2026-11\r\nacc-9;1;1,00;0,50;2026-11").encode())
    words = ["import", str(file), "--dry-run", "--database-url", calendar_url]
    told = CliRunner().invoke(app, words).output
    assert "2\tacc-1\t8\t10,000\tok\n3\t\t\t\tBAD account: there is no such account\n" in told


async def _prepare(url: str, tmp_path: Path) -> None:
    async with town(url, tmp_path, ONE):
        pass


async def test_json_lines_are_taken_as_well(calendar_url: str, tmp_path: Path) -> None:
    record = {
        "account": "acc-1", "count": 8, "face_value": 1250, "employer_share": 700,
        "period": "2026-11",
    }  # fmt: skip
    async with town(calendar_url, tmp_path, ONE) as t:
        done = await taken(t, json.dumps(record))
        assert [o.total_minor for o in done.orders] == [10_000]


async def test_a_person_has_room_for_so_many_loads_and_the_rest_goes_back(
    calendar_url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(lines, "LOTS_LOADED_MAX", 3)
    monkeypatch.setattr(payments, "LOTS_LOADED_MAX", 3)
    four = [replace(LINE, line_no=number) for number in (1, 2, 3, 4)]
    async with town(calendar_url, tmp_path, TWO) as t:
        with pytest.raises(BadLines) as refused:
            await order(t, *four)
        assert [bad.line_no for bad in refused.value.bad] == [4]
        one, three = await order(t), await order(t, *four, only_good=True)
        await paid(t, one)
        booked = [(line.booked_minor, line.frozen) for line in (await paid(t, three)).lines]
        assert booked == [(10_000, False), (10_000, False), (0, True)]
        assert await standing(t, House.RETURNED_TO_EMPLOYER) == 10_000
        with pytest.raises(BadLines):
            await order(t)
        assert (await t.pay(1250)).balance_minor == 28_750


def test_every_lot_that_is_loaded_has_a_number_left_to_be_exchanged_into() -> None:
    assert 2 * lines.LOTS_LOADED_MAX <= LOT_NO_MAX

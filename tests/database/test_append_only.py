"""Books are added to and never changed: the role may do no more (ARCHITECTURE, corner 15)."""

import asyncpg
import pytest

from authz.storage.database import connect
from tests.database.roads import Process, buys, people, people_template

__all__ = ["people", "people_template"]

TABLES = {
    "transfers": "amount_minor",
    "ledger_accounts": "kind",
    "authorizations": "approved_minor",
    "request_keys": "fingerprint",
}


@pytest.mark.parametrize("table", TABLES)
async def test_the_deciding_role_can_neither_update_nor_delete_nor_truncate(
    people: str, table: str
) -> None:
    async with Process(people) as engine:
        assert await engine.reasons(buys()) == ["APPROVED"]
    sql = await connect(people)
    try:
        column = TABLES[table]
        for change in (
            f"update {table} set {column} = {column}",
            f"delete from {table}",
            f"truncate {table}",
        ):
            with pytest.raises(asyncpg.InsufficientPrivilegeError):
                await sql.execute(change)
        assert await sql.fetchval(f"select count(*) from {table}") > 0
    finally:
        await sql.close()


async def test_the_deciding_role_owns_nothing_and_is_no_superuser(people: str) -> None:
    sql = await connect(people)
    try:
        assert await sql.fetchval("select current_user") == "millesime_engine"
        owned = "select count(*) from pg_class where relowner = current_user::regrole"
        assert await sql.fetchval(owned) == 0
        powers = "select rolsuper or rolcreatedb or rolcreaterole or rolbypassrls from pg_roles"
        assert not await sql.fetchval(f"{powers} where rolname = current_user")
    finally:
        await sql.close()

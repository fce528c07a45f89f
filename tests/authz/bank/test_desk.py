"""The desk of the bank: what it says at its opening of a line that others may read."""

import asyncio
from pathlib import Path
from typing import cast

import asyncpg
import pytest
from structlog.testing import capture_logs

from authz.bank.desk import bank_desk
from authz.bank.link import BankLink
from authz.keys import read_key_file
from authz.settings import load
from tests.certificates import Authority
from tests.e2e.engines import key_file


@pytest.mark.parametrize(
    ("bank", "secured", "told"),
    [
        ("bank.example:8600", False, ["bank_in_clear"]),
        ("bank.example:8600", True, []),
        ("127.0.0.1:8600", False, []),
    ],
)
async def test_a_line_in_clear_to_another_machine_is_logged(
    bank: str, secured: bool, told: list[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def idle(_: BankLink) -> None:
        await asyncio.sleep(60)

    monkeypatch.setattr(BankLink, "run", idle)
    ca = Authority(tmp_path, "ours").ca if secured else None
    settings, keys = load({"bank": bank, "bank_tls_ca": ca}), read_key_file(key_file(tmp_path))
    with capture_logs() as logged:
        async with bank_desk(settings, keys, cast("asyncpg.Pool", None)) as desk:
            assert desk is not None
    assert [line["event"] for line in logged] == told

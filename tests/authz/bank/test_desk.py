"""The desk of the bank: what it says at its opening of a line that others may read."""

import asyncio
import os
import signal
from pathlib import Path
from typing import cast

import asyncpg
import pytest
from structlog.testing import capture_logs

from authz.access import tls as module
from authz.access.tls import Certificates
from authz.bank.desk import bank_desk
from authz.bank.link import BankLink
from authz.custody.keys import read_key_file
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


async def test_a_broken_renewal_is_told_while_the_line_is_up(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Whoever reads it then has all the time until the bank hangs up."""

    async def up(link: BankLink) -> None:
        assert link._tls is not None
        link._tls.context()
        await asyncio.sleep(60)

    monkeypatch.setattr(BankLink, "run", up)
    monkeypatch.setattr(module, "LOOK_EVERY_S", 0.001)
    ca = Authority(tmp_path, "ours").ca
    settings = load({"bank": "127.0.0.1:8600", "bank_tls_ca": ca})
    keys, certificates = read_key_file(key_file(tmp_path)), Certificates()
    with capture_logs() as logged:
        async with (
            certificates.fresh(),
            bank_desk(settings, keys, cast("asyncpg.Pool", None), certificates),
        ):
            await asyncio.sleep(0.02)
            assert not logged
            ca.write_text("torn")
            async with asyncio.timeout(5):
                while not logged:  # noqa: ASYNC110 - nobody is told
                    await asyncio.sleep(0.001)
            os.kill(os.getpid(), signal.SIGHUP)
            async with asyncio.timeout(5):
                while len(logged) < 2:  # noqa: ASYNC110 - nobody is told
                    await asyncio.sleep(0.001)
    assert [line["event"] for line in logged] == ["certificate_kept"] * 2
    assert "bank_tls_ca" in str(logged[0]["why"])


async def test_a_fault_that_ends_the_line_is_told_and_ends_nothing_else(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def faulty(_: BankLink) -> None:
        raise ValueError("ours")

    monkeypatch.setattr(BankLink, "run", faulty)
    settings, keys = load({"bank": "127.0.0.1:8600"}), read_key_file(key_file(tmp_path))
    with capture_logs() as logged:
        async with bank_desk(settings, keys, cast("asyncpg.Pool", None)) as desk:
            assert desk is not None
            await asyncio.sleep(0.01)
            assert not desk.link.is_open
    (told,) = logged
    assert (told["event"], told["error"]) == ("bank_line_stopped", "ValueError")
    assert told["log_level"] == "error"

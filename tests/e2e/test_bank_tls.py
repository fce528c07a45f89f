"""The line to the bank over TLS, engine and bank as processes: certificates go, vouchers stay."""

import asyncio
import json
import os
import signal
from pathlib import Path

import pytest

from simulators.engine_process import Engine, command
from tests.certificates import Authority
from tests.database.roads import prove
from tests.e2e.banks import BankProcess
from tests.e2e.engines import engine_on, populate
from tests.e2e.test_workers import workers_of
from tests.road.people import Setting, bank_pan, card

pytestmark = pytest.mark.timeout(180)

LINKED = Setting(top_up=True)
PATIENCE_S = 30


class World:
    """Who signed what; everything lies in the same files when another authority has its turn."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        (cert, key), ca = self.signed_by("first"), folder / "ca.pem"
        self.bank = ("--tls-cert", cert, "--tls-key", key, "--tls-client-ca", str(ca))
        mine = str(folder / "mine.crt"), str(folder / "mine.key")
        self.engine = ("--bank-tls-ca", str(ca), "--bank-tls-cert", mine[0],
                       "--bank-tls-key", mine[1])  # fmt: skip

    def signed_by(self, name: str) -> tuple[str, str]:
        """Write all files anew; the certificate and the key of the bank."""
        authority = Authority(self.folder, name)
        authority.issue("mine")
        authority.ca.rename(self.folder / "ca.pem")
        cert, key = authority.issue("bank")
        return str(cert), str(key)


def pays(engine: Engine, person: int, amount: str) -> bool:
    """Whether a terminal shows the whole amount approved."""
    pan = card(LINKED, person).pan
    till = ("--connect", engine.iso, "--pan", pan, "--amount", amount, "--timeout", "5")
    ended = command("simulate", "terminal", *till)
    assert ended.returncode == 0, ended.stderr
    return "00 approved" in ended.stdout


async def signed_on(bank: BankProcess) -> None:
    async with asyncio.timeout(PATIENCE_S):
        while not (await bank.ask(do="count"))["signed_on"]:  # noqa: ASYNC110 - a process
            await asyncio.sleep(0.05)


async def test_the_bank_pays_over_tls_and_vouchers_pay_without_it(
    database_url: str, tmp_path: Path
) -> None:
    await populate(database_url, [(n, LINKED) for n in (1, 2, 3)], tmp_path)
    world = World(tmp_path)
    bank, log = BankProcess(tmp_path, *world.bank), tmp_path / "engine.log"
    await bank.start()
    flags = ("--bank", bank.address, *world.engine)
    async with engine_on(database_url, tmp_path, *flags) as engine:
        await signed_on(bank)
        assert pays(engine, 1, "40.00")
        assert (await bank.ask(do="books"))["charged"] == 1500
        # Another authority on both sides: neither engine nor its settings were touched.
        await bank.stop()
        world.signed_by("second")
        await bank.start()
        await signed_on(bank)
        assert pays(engine, 2, "40.00")
        assert (await bank.ask(do="books"))["charged"] == 3000
        # The same port in clear, as if somebody had taken the bank's place.
        await bank.stop()
        bank.flags = ()
        await bank.start()
        async with asyncio.timeout(PATIENCE_S):
            while "does it speak TLS" not in log.read_text():  # noqa: ASYNC110 - a file
                await asyncio.sleep(0.05)
        assert pays(engine, 3, "12.50")
        assert not pays(engine, 2, "10.00"), "the day's vouchers are used up"
        assert await bank.ask(do="count") == {"questions": 0, "signed_on": 0}
    await bank.stop()
    assert bank_pan(1) not in log.read_text()
    await prove(database_url)


def told(log: Path, event: str, words: str = "") -> int:
    """In how many lines of the log it is told."""
    lines = (line for line in log.read_text().splitlines() if words in line)
    return sum(json.loads(line)["event"] == event for line in lines)


@pytest.mark.skipif(not Path("/proc/self").exists(), reason="workers are found in /proc")
async def test_a_worker_that_takes_anothers_place_beside_torn_files_pays_with_vouchers(
    database_url: str, tmp_path: Path
) -> None:
    await populate(database_url, [(n, LINKED) for n in (1, 2)], tmp_path)
    world, log = World(tmp_path), tmp_path / "engine.log"
    bank = BankProcess(tmp_path, *world.bank)
    await bank.start()
    flags = ("--bank", bank.address, *world.engine, "--workers", "2")
    async with engine_on(database_url, tmp_path, *flags) as engine:
        await signed_on(bank)
        whole = (tmp_path / "ca.pem").read_bytes()
        (tmp_path / "ca.pem").write_text("torn")
        os.kill(min(workers_of(engine.pid)), signal.SIGKILL)
        async with asyncio.timeout(PATIENCE_S):
            while not told(log, "bank_not_reached", "bank_tls_ca wants"):  # noqa: ASYNC110
                await asyncio.sleep(0.05)
        assert pays(engine, 1, "12.50")
        (tmp_path / "ca.pem").write_bytes(whole)
        async with asyncio.timeout(PATIENCE_S):
            while told(log, "bank_signed_on") < 3:  # noqa: ASYNC110 - a file
                await asyncio.sleep(0.05)
        assert pays(engine, 2, "40.00")
    assert told(log, "worker_died") == 1
    await bank.stop()
    await prove(database_url)


@pytest.mark.parametrize("workers", [1, 2])
async def test_a_hangup_signal_reads_the_files_of_the_bank_again_and_a_broken_renewal_is_told(
    database_url: str, tmp_path: Path, workers: int
) -> None:
    """No door is secured: that is where the signal used to end the engine."""
    await populate(database_url, [(n, LINKED) for n in (1, 2)], tmp_path)
    world, log = World(tmp_path), tmp_path / "engine.log"
    bank = BankProcess(tmp_path, *world.bank)
    await bank.start()

    async def waits(event: str, times: int) -> None:
        async with asyncio.timeout(PATIENCE_S):
            while told(log, event) < times:  # noqa: ASYNC110 - a file
                await asyncio.sleep(0.05)

    flags = ("--bank", bank.address, *world.engine, "--workers", str(workers))
    async with engine_on(database_url, tmp_path, *flags) as engine:
        await waits("bank_signed_on", workers)
        os.kill(engine.pid, signal.SIGHUP)
        await waits("certificate_reloaded", workers)
        assert pays(engine, 1, "40.00")
        (tmp_path / "ca.pem").write_text("torn")
        await waits("certificate_kept", workers)
        assert pays(engine, 2, "40.00"), "the line is up, and stays"
    await bank.stop()
    await prove(database_url)


@pytest.mark.parametrize("workers", ["1", "2"])
async def test_a_hangup_signal_where_nothing_is_secured_ends_no_engine(
    database_url: str, tmp_path: Path, workers: str
) -> None:
    await populate(database_url, [(1, LINKED)], tmp_path)
    log = tmp_path / "engine.log"
    async with engine_on(database_url, tmp_path, "--workers", workers) as engine:
        os.kill(engine.pid, signal.SIGHUP)
        async with asyncio.timeout(PATIENCE_S):
            while told(log, "nothing_to_reload") < int(workers):  # noqa: ASYNC110 - a file
                await asyncio.sleep(0.05)
        assert pays(engine, 1, "12.50")
    assert not told(log, "worker_died")
    await prove(database_url)

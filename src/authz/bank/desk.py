"""Opens what a process needs to ask the bank, and keeps the line up as long as it is open."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress

import asyncpg
import structlog

from authz.access.tls import Certificates
from authz.bank.gauges import BankGauges
from authz.bank.link import BankLink
from authz.bank.stans import Stans
from authz.bank.teller import BankDesk
from authz.bank.tls import line_tls
from authz.custody.keys import KeyFile
from authz.custody.vault import Vault
from authz.faults import told_as
from authz.settings import Settings
from authz.usage import UsageError

_log = structlog.get_logger()


def vault_for_bank(settings: Settings, keys: KeyFile) -> Vault | None:
    """The vault. Raises `UsageError` where a bank is to be asked and no card could be read."""
    vault = Vault.of(keys)
    if vault is None and settings.bank is not None:
        raise UsageError(
            "--bank needs a [[pan_encryption]] key in the key file, to keep bank cards under"
        )
    return vault


@asynccontextmanager
async def bank_desk(
    settings: Settings, keys: KeyFile, pool: asyncpg.Pool, certificates: Certificates | None = None
) -> AsyncIterator[BankDesk | None]:
    """The desk with its line to `--bank`, or None without one.

    `certificates` keep those of the line fresh while it is up; a new connection does in any case.
    """
    vault = vault_for_bank(settings, keys)
    if settings.bank is None or vault is None:
        yield None
        return
    institution = settings.bank_institution
    tls = line_tls(settings)
    if tls is None and not settings.bank.loopback:
        _log.warning("bank_in_clear", bank=str(settings.bank), wanted="bank_tls_ca")
    if tls is not None and certificates is not None:
        certificates.keep_fresh(tls)
    link = BankLink(settings.bank, institution, tls=tls)
    stans = Stans(pool, institution)
    running = asyncio.create_task(link.run())
    # Only a fault of ours ends the line before the service; vouchers pay without it.
    running.add_done_callback(told_as("bank_line_stopped"))
    try:
        budget_s = settings.bank_budget_ms / 1000
        yield BankDesk(pool, link, vault, stans, institution, budget_s, BankGauges(link))
    finally:
        running.cancel()
        await asyncio.wait([running])


async def opened(desk: BankDesk, within_s: float) -> bool:
    """Wait for the line; whether it came up in time."""
    with suppress(TimeoutError):
        async with asyncio.timeout(within_s):
            while not desk.link.is_open:  # noqa: ASYNC110 - rare, at start and by hand only
                await asyncio.sleep(0.02)
    return desk.link.is_open

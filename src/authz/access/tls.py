"""The certificate that a door shows, whose clients' certificates it wants, and all made anew.

Connections that are open keep what they began with; the next ones get what the files say now. A
session is never resumed from one state of the files to the next: its tickets were the old one's.
"""

import asyncio
import signal
import ssl
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Final, Protocol

import structlog

from authz.access.pem import OLDEST, PemFiles, mark_of, show, trust
from authz.usage import UsageError

LOOK_EVERY_S: Final = 2.0

_log = structlog.get_logger()


class TlsFiles(PemFiles, frozen=True):
    """PEM files: our chain, its private key, and the authorities whose clients are let in.

    Without `client_ca` clients need no certificate.
    """

    cert: Path
    key: Path
    client_ca: Path | None = None

    def context(self) -> ssl.SSLContext:
        """What the files make together. Raises UsageError."""
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.minimum_version = OLDEST
        show(context, self.cert, self.key)
        if self.client_ca is not None:
            trust(context, self.client_ca, "client authorities")
            context.verify_mode = ssl.CERT_REQUIRED
        return context


class Tls:
    """What new connections of one door, or of one line, are secured with."""

    def __init__(self, files: PemFiles) -> None:
        """Read the files. Raises UsageError, which names the file and what is wrong with it."""
        self._files = files
        self._mark = mark_of(files.all)
        self.context = files.context()

    def reload(self) -> None:
        """Read the files again; where they cannot be used, what there was stays, and is logged."""
        mark = mark_of(self._files.all)
        try:
            self.context = self._files.context()
        except UsageError as refused:
            _log.error("certificate_kept", why=str(refused))
        else:
            _log.warning("certificate_reloaded", files=[str(path) for path in self._files.all])
        self._mark = mark

    def reload_if_changed(self) -> None:
        """Read the files again if one of them is another one since they were read."""
        if mark_of(self._files.all) != self._mark:
            self.reload()


class Renewed(Protocol):
    """What is made of files that may be renewed while we run."""

    def reload(self) -> None:
        """Read the files again; where they cannot be used, what there was stays, and is logged."""

    def reload_if_changed(self) -> None:
        """Read the files again if one of them is another one since they were read."""


class Certificates:
    """What a process is secured with at its doors and elsewhere, and read again as files change.

    Doors with the same files share one.
    """

    def __init__(self) -> None:
        """Nothing is secured yet."""
        self._by_files: dict[TlsFiles, Tls] = {}
        self._renewed: list[Renewed] = []

    def of(self, files: TlsFiles) -> Tls:
        """What a door with these files is secured with. Raises UsageError."""
        if files not in self._by_files:
            self._by_files[files] = Tls(files)
            self.keep_fresh(self._by_files[files])
        return self._by_files[files]

    def keep_fresh(self, renewed: Renewed) -> None:
        """From now on let it be read again with all others."""
        self._renewed.append(renewed)

    def reload(self) -> None:
        """Read all files again, as SIGHUP asks for."""
        if not self._renewed:
            _log.warning("nothing_to_reload", why="SIGHUP came, and no certificate is in use")
        for each in self._renewed:
            each.reload()

    @asynccontextmanager
    async def fresh(self) -> AsyncIterator[None]:
        """Read the files again at SIGHUP, and when they change, for as long as the context lasts.

        Where nothing is secured SIGHUP is a line of the log: whoever reloads all daemons alike, or
        leaves the terminal, does not mean payments to end.
        """
        loop = asyncio.get_running_loop()
        before = signal.getsignal(signal.SIGHUP)
        loop.add_signal_handler(signal.SIGHUP, self.reload)
        watching = loop.create_task(self._watch())
        try:
            yield
        finally:
            loop.remove_signal_handler(signal.SIGHUP)
            signal.signal(signal.SIGHUP, before)
            watching.cancel()

    async def _watch(self) -> None:
        while True:
            await asyncio.sleep(LOOK_EVERY_S)
            for each in self._renewed:
                each.reload_if_changed()

"""The certificate that a door shows, whose clients' certificates it wants, and both made anew.

Connections that are open keep what they began with; the next ones get what the files say now. A
session is never resumed from one state of the files to the next: its tickets were the old one's.
"""

import asyncio
import signal
import ssl
import stat
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Final

import structlog
from msgspec import Struct

from authz.usage import UsageError

LOOK_EVERY_S: Final = 2.0
OLDEST: Final = ssl.TLSVersion.TLSv1_2
"""RFC 8996 has done away with the older ones."""
Mark = tuple[tuple[int, int, int], ...]

_log = structlog.get_logger()


class TlsFiles(Struct, frozen=True):
    """PEM files: our chain, its private key, and the authorities whose clients are let in.

    Without `client_ca` clients need no certificate.
    """

    cert: Path
    key: Path
    client_ca: Path | None = None

    @property
    def all(self) -> tuple[Path, ...]:
        """Every file there is."""
        return tuple(x for x in (self.cert, self.key, self.client_ca) if x is not None)


class Tls:
    """What new connections of one door are secured with."""

    def __init__(self, files: TlsFiles) -> None:
        """Read the files. Raises UsageError, which names the file and what is wrong with it."""
        self._files = files
        self._mark = _mark_of(files)
        self.context = context_of(files)

    def reload(self) -> None:
        """Read the files again; where they cannot be used, what there was stays, and is logged."""
        mark = _mark_of(self._files)
        try:
            self.context = context_of(self._files)
        except UsageError as refused:
            _log.error("certificate_kept", why=str(refused))
        else:
            _log.warning("certificate_reloaded", cert=str(self._files.cert))
        self._mark = mark

    def reload_if_changed(self) -> None:
        """Read the files again if one of them is another one since they were read."""
        if _mark_of(self._files) != self._mark:
            self.reload()


class Certificates:
    """What all doors of a process are secured with; doors with the same files share one."""

    def __init__(self) -> None:
        """No door is secured yet."""
        self._by_files: dict[TlsFiles, Tls] = {}

    def of(self, files: TlsFiles) -> Tls:
        """What a door with these files is secured with. Raises UsageError."""
        if files not in self._by_files:
            self._by_files[files] = Tls(files)
        return self._by_files[files]

    def reload(self) -> None:
        """Read all files again, as SIGHUP asks for."""
        for tls in self._by_files.values():
            tls.reload()

    @asynccontextmanager
    async def fresh(self) -> AsyncIterator[None]:
        """Read the files again at SIGHUP, and when they change, for as long as the context lasts.

        Where no door is secured SIGHUP ends the process, as it does any that is left alone.
        """
        if not self._by_files:
            yield
            return
        loop = asyncio.get_running_loop()
        loop.add_signal_handler(signal.SIGHUP, self.reload)
        watching = loop.create_task(self._watch())
        try:
            yield
        finally:
            loop.remove_signal_handler(signal.SIGHUP)
            watching.cancel()

    async def _watch(self) -> None:
        while True:
            await asyncio.sleep(LOOK_EVERY_S)
            for tls in self._by_files.values():
                tls.reload_if_changed()


def context_of(files: TlsFiles) -> ssl.SSLContext:
    """What the files make together. Raises UsageError."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.minimum_version = OLDEST
    _refuse_open_key(files.key)
    _read(
        f"certificate {files.cert} with key {files.key}",
        lambda: context.load_cert_chain(files.cert, files.key, password=_no_password),
    )
    if files.client_ca is not None:
        authorities = files.client_ca
        _read(
            f"client authorities {authorities}",
            lambda: context.load_verify_locations(cafile=authorities),
        )
        context.verify_mode = ssl.CERT_REQUIRED
    return context


def _read(what: str, step: Callable[[], None]) -> None:
    try:
        step()
    except ssl.SSLError as error:
        raise UsageError(f"{what}: not usable PEM ({error.reason or 'unreadable'})") from None
    except OSError as error:
        raise UsageError(f"{what}: {error.strerror or error}") from None


def _no_password() -> str:
    raise UsageError("the private key is encrypted: nobody is here to type its password in")


def _refuse_open_key(key: Path) -> None:
    try:
        mode = key.stat().st_mode
    except OSError as error:
        raise UsageError(f"private key {key}: {error.strerror or error}") from None
    if mode & stat.S_IRWXO:
        raise UsageError(f"private key {key}: everybody may read it; chmod 600 {key}")


def _mark_of(files: TlsFiles) -> Mark:
    """What changes when a file is written or another one takes its place."""
    return tuple(_state(path) for path in files.all)


def _state(path: Path) -> tuple[int, int, int]:
    try:
        found = path.stat()
    except OSError:  # it is about to come back: whoever replaces it is not done
        return 0, 0, 0
    return found.st_mtime_ns, found.st_size, found.st_ino

"""What the line to the bank is secured with: whom we trust, what we show, which name we expect."""

import ssl
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from authz.access.pem import OLDEST, PemFiles, show, trust
from authz.access.tls import Tls
from authz.settings import Settings
from authz.usage import UsageError


class LineFiles(PemFiles, frozen=True):
    """PEM files: the authorities of the bank's certificate, our own chain and its private key.

    Without `cert` and `key` we show none.
    """

    ca: Path
    cert: Path | None = None
    key: Path | None = None

    def context(self) -> ssl.SSLContext:
        """What the files make together; names are checked. Raises UsageError."""
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
        context.minimum_version = OLDEST
        context.hostname_checks_common_name = False  # RFC 9525, 6.1
        with _wanted("bank_tls_ca wants the authorities of the bank's certificate (PEM)"):
            trust(context, self.ca, "authorities")
        if self.cert is not None and self.key is not None:
            with _wanted("bank_tls_cert and bank_tls_key want our chain and its key (PEM)"):
                show(context, self.cert, self.key)
        return context


class LineTls:
    """What the next connection to the bank is secured with.

    Nothing is read before the first one: an engine that comes up while its files are being renewed
    has no line yet, and pays with vouchers.
    """

    def __init__(self, files: LineFiles, name: str) -> None:
        """`name` is wanted in the bank's certificate. Raises UsageError where no host can have it.

        That is found at start, and not at every connection.
        """
        _refuse_no_name(name)
        self.name = name
        self._files = files
        self._tls: Tls | None = None

    def context(self) -> ssl.SSLContext:
        """Of the files as they are now; where those cannot be used, what there was.

        Raises UsageError where there never was anything.
        """
        if self._tls is None:
            self._tls = Tls(self._files)
        else:
            self._tls.reload_if_changed()
        return self._tls.context

    def reload(self) -> None:
        """Read the files again, if they were read; else the next connection will."""
        if self._tls is not None:
            self._tls.reload()

    def reload_if_changed(self) -> None:
        """As `reload`, if one of them is another one since they were read.

        Done while the line is up, so that a broken renewal is in the log before the line is lost.
        """
        if self._tls is not None:
            self._tls.reload_if_changed()


def refuse_unusable(settings: Settings) -> None:
    """Read the files before an engine or a job starts. Raises UsageError, which names the file."""
    secured = line_tls(settings)
    if secured is not None:
        secured.context()


def line_tls(settings: Settings) -> LineTls | None:
    """What the line of these settings is secured with; None: in clear. Raises as `LineTls`."""
    if settings.bank is None or settings.bank_tls_ca is None:
        return None
    files = LineFiles(settings.bank_tls_ca, settings.bank_tls_cert, settings.bank_tls_key)
    return LineTls(files, settings.bank_tls_name or settings.bank.host)


def _refuse_no_name(name: str) -> None:
    """OpenSSL is asked, which will have to look for it."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    try:
        context.wrap_bio(ssl.MemoryBIO(), ssl.MemoryBIO(), server_hostname=name)
    except ValueError:
        raise UsageError(f"bank_tls_name: {name!r} is no name of a host") from None


@contextmanager
def _wanted(words: str) -> Iterator[None]:
    try:
        yield
    except UsageError as refused:
        raise UsageError(f"{words}: {refused}") from None

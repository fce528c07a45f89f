"""PEM files put into a TLS context, refused with a line that names them, seen to have changed.

What is said is for who runs us: which file, and what is wrong with it.
"""

import ssl
import stat
from collections.abc import Callable
from pathlib import Path
from typing import Final

from msgspec import Struct
from msgspec.structs import astuple

from authz.usage import UsageError

OLDEST: Final = ssl.TLSVersion.TLSv1_2
"""RFC 8996 has done away with the older ones."""
Mark = tuple[tuple[int, int, int, int], ...]


class PemFiles(Struct, frozen=True):
    """Files that make a context together; its fields are their paths, None where there is none."""

    @property
    def all(self) -> tuple[Path, ...]:
        """Every file there is."""
        return tuple(path for path in astuple(self) if path is not None)

    def context(self) -> ssl.SSLContext:
        """What they make together. Raises UsageError."""
        raise NotImplementedError


def show(context: ssl.SSLContext, cert: Path, key: Path) -> None:
    """Let the context show a chain of certificates. Raises UsageError."""
    _refuse_open_key(key)
    _read(
        f"certificate {cert} with key {key}",
        lambda: context.load_cert_chain(cert, key, password=_no_password),
    )


def trust(context: ssl.SSLContext, authorities: Path, whose: str) -> None:
    """Let the context trust what these have signed. Raises UsageError."""
    _read(f"{whose} {authorities}", lambda: context.load_verify_locations(cafile=authorities))


def mark_of(paths: tuple[Path, ...]) -> Mark:
    """What changes when a file is written, opened or closed to others, or replaced."""
    return tuple(_state(path) for path in paths)


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


def _state(path: Path) -> tuple[int, int, int, int]:
    try:
        found = path.stat()
    except OSError:  # it is about to come back: whoever replaces it is not done
        return 0, 0, 0, 0
    # Who may read a key is in none of the first three, and a reason to take it or not.
    return found.st_mtime_ns, found.st_size, found.st_ino, found.st_ctime_ns

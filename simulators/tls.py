"""How a simulator speaks TLS, as who calls and as who is called: whom it trusts, what it shows."""

import ssl
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Annotated

import typer

TlsCa = Annotated[
    Path | None,
    typer.Option(metavar="FILE", help="Speak TLS and trust these authorities (PEM)."),
]
Tls = Annotated[bool, typer.Option("--tls", help="Speak TLS; trust what the system trusts.")]
TlsCert = Annotated[
    Path | None, typer.Option(metavar="FILE", help="Certificate to show, where one is wanted.")
]
TlsKey = Annotated[Path | None, typer.Option(metavar="FILE", help="Its private key.")]
ServerCert = Annotated[
    Path | None, typer.Option(metavar="FILE", help="Its certificates (PEM): it speaks TLS.")
]
TlsClientCa = Annotated[
    Path | None, typer.Option(metavar="FILE", help="Clients need a certificate of these (PEM).")
]


def context_of(
    tls: bool = False, ca: Path | None = None, cert: Path | None = None, key: Path | None = None
) -> ssl.SSLContext | None:
    """What connections are secured with, or None where TLS is not asked for.

    ValueError: the files do not go together, or cannot be used.
    """
    if not tls and ca is None:
        if cert is not None or key is not None:
            raise ValueError("--tls-cert and --tls-key need --tls or --tls-ca")
        return None
    with _usable(ca, cert, key):
        context = ssl.create_default_context(cafile=ca)
        if cert is not None:
            context.load_cert_chain(cert, key, password=_refusal_of(key or cert))
    return context


def serving_context_of(
    cert: Path | None = None, key: Path | None = None, client_ca: Path | None = None
) -> ssl.SSLContext | None:
    """What whoever calls is answered with, or None in clear. ValueError as `context_of`."""
    if (cert is None) != (key is None):
        raise ValueError("--tls-cert and --tls-key go together")
    if cert is None:
        if client_ca is not None:
            raise ValueError("--tls-client-ca needs --tls-cert and --tls-key")
        return None
    assert key is not None, "they go together"
    with _usable(client_ca, cert, key):
        context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH, cafile=client_ca)
        context.load_cert_chain(cert, key, password=_refusal_of(key))
    context.verify_mode = ssl.CERT_NONE if client_ca is None else ssl.CERT_REQUIRED
    return context


@contextmanager
def _usable(*paths: Path | None) -> Iterator[None]:
    """OpenSSL names no file that it misses: each is opened first."""
    path = None
    try:
        for path in filter(None, paths):
            path.open("rb").close()
        path = None
        yield
    except OSError as wrong:  # SSLError is one
        said = str(wrong) if path is None else f"{path}: {wrong.strerror}"
        raise ValueError(f"the certificates cannot be used: {said}") from None


def _refusal_of(key: Path) -> Callable[[], str]:
    """What OpenSSL asks for a password: without it, it would ask who sits at the terminal."""

    def refuse() -> str:
        raise ValueError(f"the private key {key} is encrypted: one without a password is wanted")

    return refuse

"""Why there is no line to the bank, in words for who must mend it: the bank, the network, or us."""

import os
import re
import socket
import ssl
from collections.abc import Mapping
from typing import Final

HUNG_UP: Final = "the bank hung up"
IN_HANDSHAKE: Final = "during the handshake: does it speak TLS, and want our certificate?"

# Results of a verification that have words of their own (openssl-verification-options(1)).
_FROM_NOBODY: Final = "the bank's certificate comes from no authority of bank_tls_ca"
_OTHER_NAME: Final = "the bank's certificate is not for the host, or the bank_tls_name, we want"
_REFUSED_CERTIFICATES: Final[Mapping[int, str]] = {
    # OpenSSL says the same of any certificate of the chain, and its end may be a file of ours.
    9: "the bank's certificate, or an authority in bank_tls_ca, is not valid yet",
    10: "the bank's certificate, or an authority in bank_tls_ca, has expired",
    **dict.fromkeys((18, 19, 20, 21), _FROM_NOBODY),
    **dict.fromkeys((62, 64), _OTHER_NAME),
}
_NO_TLS: Final = frozenset({"WRONG_VERSION_NUMBER", "HTTP_REQUEST", "RECORD_LAYER_FAILURE"})

# Alerts (RFC 8446, 6.2) as OpenSSL writes them, and which setting of ours they are about.
_ALERT: Final = re.compile(r"(?:SSLV3|TLSV1|TLSV13)_(?:ALERT_)?(\w+)")
_ABOUT: Final[Mapping[str, str]] = {
    **dict.fromkeys(
        (
            "handshake failure", "no certificate", "bad certificate", "unsupported certificate",
            "certificate revoked", "certificate expired", "certificate unknown", "unknown ca",
            "access denied", "decrypt error", "certificate required",
        ),
        "; see bank_tls_cert",
    ),
    **dict.fromkeys(
        ("protocol version", "insufficient security"), "; we speak TLS 1.2 and 1.3"
    ),
    "unrecognized name": "; see bank_tls_name",
}  # fmt: skip


def why_not_reached(error: Exception) -> str:
    """Why no connection came about; what we say ourselves is in plain words already."""
    match error:
        case ssl.SSLError():
            return _of_tls(error)
        case ConnectionAbortedError() if error.errno is None:  # asyncio's, of its own timer
            return "the bank was silent during the handshake: does it speak TLS?"
        case ConnectionResetError():
            return f"{HUNG_UP} {IN_HANDSHAKE}"
        case TimeoutError():
            return "no connection in time"
        case OSError():
            return _of_system(error)
        case _:
            return str(error)


def why_lost(error: Exception | None) -> str:
    """Why a connection ended; None: the bank ended it in good order."""
    if error is None or isinstance(error, ConnectionError | ssl.SSLEOFError):
        return HUNG_UP
    return why_not_reached(error)


def why_not_signed_on(why_lost: str, *, secured: bool) -> str:
    """Why a line ended before our sign-on was answered: mostly for what we show, or do not speak.

    A bank that says nothing to that leaves the question which setting it is about.
    """
    if why_lost != HUNG_UP:
        return why_lost
    wanted = "another certificate of ours (bank_tls_cert)" if secured else "TLS (bank_tls_ca)"
    return f"{HUNG_UP} before it took our sign-on: does it want {wanted}?"


def why_refused(code: str | None) -> str:
    """Why there is no line where the bank answered our sign-on, with another code than 00."""
    said = "no response code" if code is None else f"response code {code}"
    return f"the bank refuses our sign-on, {said}: does it know our bank_institution?"


def _of_tls(error: ssl.SSLError) -> str:
    if isinstance(error, ssl.SSLCertVerificationError):
        known = _REFUSED_CERTIFICATES.get(error.verify_code)
        return known or f"the bank's certificate is refused: {error.verify_message}"
    if isinstance(error, ssl.SSLEOFError):
        return f"{HUNG_UP} {IN_HANDSHAKE}"
    reason = getattr(error, "reason", None) or "no reason told"
    if reason in _NO_TLS:
        return "what the bank answers is no TLS"
    if alert := _ALERT.fullmatch(reason):
        said = _plain(alert[1])
        return f"the bank refuses our handshake: {said}{_ABOUT.get(said, '')}"
    return f"the handshake fails: {_plain(reason)}"


def _of_system(error: OSError) -> str:
    if isinstance(error, socket.gaierror) or not error.errno:
        return error.strerror or str(error)
    return os.strerror(error.errno)


def _plain(name: str) -> str:
    return name.replace("_", " ").lower()

"""Why there is no line to the bank: the words for each kind of failure."""

import errno
import socket
import ssl

import pytest

from authz.bank.link import LineBroke, Silent
from authz.bank.why import why_lost, why_not_reached


def refused(code: int, message: str) -> ssl.SSLCertVerificationError:
    error = ssl.SSLCertVerificationError(1, "certificate verify failed")
    error.verify_code, error.verify_message = code, message
    return error


def of_tls(reason: str) -> ssl.SSLError:
    error = ssl.SSLError(1, f"[SSL: {reason}] (_ssl.c:1002)")
    error.reason = reason
    return error


@pytest.mark.parametrize(
    ("error", "words"),
    [
        (ConnectionRefusedError(errno.ECONNREFUSED, "Connect call failed"), "Connection refused"),
        (OSError(errno.EHOSTUNREACH, "Connect call failed"), "No route to host"),
        (OSError("Multiple exceptions: here, there"), "Multiple exceptions: here, there"),
        (socket.gaierror(-2, "Name or service not known"), "Name or service not known"),
        (TimeoutError(), "no connection in time"),
        (Silent("no answer in time"), "no answer in time"),
        (LineBroke("the bank hung up"), "the bank hung up"),
        (
            refused(10, "certificate has expired"),
            "the bank's certificate, or an authority in bank_tls_ca, has expired",
        ),
        (
            refused(9, "not yet valid"),
            "the bank's certificate, or an authority in bank_tls_ca, is not valid yet",
        ),
        (refused(23, "it is revoked"), "the bank's certificate is refused: it is revoked"),
        (of_tls("UNSUPPORTED_PROTOCOL"), "the handshake fails: unsupported protocol"),
        (
            of_tls("TLSV1_ALERT_UNKNOWN_CA"),
            "the bank refuses our handshake: unknown ca; see bank_tls_cert",
        ),
        (
            of_tls("TLSV1_ALERT_PROTOCOL_VERSION"),
            "the bank refuses our handshake: protocol version; we speak TLS 1.2 and 1.3",
        ),
        (
            of_tls("TLSV1_UNRECOGNIZED_NAME"),
            "the bank refuses our handshake: unrecognized name; see bank_tls_name",
        ),
        (
            of_tls("TLSV1_ALERT_INTERNAL_ERROR"),
            "the bank refuses our handshake: internal error",
        ),
        (ssl.SSLError("odd"), "the handshake fails: no reason told"),
    ],
)  # fmt: skip
def test_what_is_wrong_is_said_in_plain_words(error: Exception, words: str) -> None:
    assert why_not_reached(error) == words


@pytest.mark.parametrize(
    "error", [None, ConnectionResetError(), BrokenPipeError(), ssl.SSLEOFError(8, "eof")]
)
def test_a_bank_that_ends_the_line_hung_up(error: Exception | None) -> None:
    assert why_lost(error) == "the bank hung up"


def test_a_line_that_ends_with_an_alert_says_what_the_alert_says() -> None:
    said = why_lost(of_tls("TLSV13_ALERT_CERTIFICATE_REQUIRED"))
    assert said == "the bank refuses our handshake: certificate required; see bank_tls_cert"

"""Certificates read, refused with a line, and read again while doors are open."""

import asyncio
import os
import signal
import ssl
from pathlib import Path

import pytest
from structlog.testing import capture_logs

from authz.access import tls as module
from authz.access.tls import Certificates, Tls, TlsFiles
from authz.usage import UsageError
from tests.certificates import Authority


@pytest.fixture
def files(tmp_path: Path) -> TlsFiles:
    authority = Authority(tmp_path, "ours")
    return TlsFiles(*authority.issue("server"), authority.ca)


def test_nothing_older_than_tls_1_2_and_no_client_without_a_certificate(files: TlsFiles) -> None:
    context = files.context()
    assert context.minimum_version is ssl.TLSVersion.TLSv1_2
    assert context.verify_mode is ssl.CERT_REQUIRED
    assert TlsFiles(files.cert, files.key).context().verify_mode is ssl.CERT_NONE


def test_files_that_cannot_be_used_are_a_line_that_names_them(
    files: TlsFiles, tmp_path: Path
) -> None:
    other = Authority(tmp_path, "other").issue("elsewhere")
    nothing, empty = tmp_path / "nothing.pem", tmp_path / "empty.pem"
    empty.touch(mode=0o600)
    bad = {
        "No such file": TlsFiles(nothing, files.key),
        "private key .*nothing.pem": TlsFiles(files.cert, nothing),
        "not usable PEM": TlsFiles(empty, files.key),
        "KEY_VALUES_MISMATCH": TlsFiles(files.cert, other[1]),
        "client authorities .*empty.pem": TlsFiles(files.cert, files.key, empty),
        "client authorities .*nothing.pem": TlsFiles(files.cert, files.key, nothing),
    }
    for words, each in bad.items():
        with pytest.raises(UsageError, match=words):
            each.context()
    files.key.chmod(0o604)
    with pytest.raises(UsageError, match="chmod 600"):
        files.context()


def test_an_encrypted_key_is_refused_and_nobody_is_asked_for_its_password(
    files: TlsFiles, tmp_path: Path
) -> None:
    from cryptography.hazmat.primitives import serialization as form

    key = form.load_pem_private_key(files.key.read_bytes(), None)
    locked = form.BestAvailableEncryption(b"password")
    files.key.write_bytes(key.private_bytes(form.Encoding.PEM, form.PrivateFormat.PKCS8, locked))
    with pytest.raises(UsageError, match="is encrypted"):
        files.context()


def test_what_changed_is_read_again_and_what_is_broken_is_not_taken(files: TlsFiles) -> None:
    tls = Tls(files)
    first = tls.context
    tls.reload_if_changed()
    assert tls.context is first
    good = files.cert.read_bytes()
    files.cert.write_bytes(good[:100])
    with capture_logs() as logged:
        tls.reload_if_changed()
        tls.reload_if_changed()
    assert tls.context is first
    assert [line["event"] for line in logged] == ["certificate_kept"], "once, not at every look"
    files.cert.write_bytes(good)
    tls.reload_if_changed()
    assert tls.context is not first


def test_a_key_that_is_closed_to_others_as_asked_for_is_read_again(files: TlsFiles) -> None:
    """Its bytes, its place and the time they were written are what they were."""
    tls = Tls(files)
    first = tls.context
    files.key.chmod(0o644)
    tls.reload_if_changed()
    assert tls.context is first
    files.key.chmod(0o600)
    tls.reload_if_changed()
    assert tls.context is not first


def test_a_file_that_is_away_for_a_moment_changes_nothing(files: TlsFiles) -> None:
    tls = Tls(files)
    first, away = tls.context, files.cert.with_suffix(".away")
    files.cert.rename(away)
    tls.reload_if_changed()
    assert tls.context is first
    away.rename(files.cert)
    tls.reload_if_changed()
    assert tls.context is not first


async def test_a_hangup_signal_reads_them_again_and_so_does_a_change(
    files: TlsFiles, monkeypatch: pytest.MonkeyPatch
) -> None:
    certificates, before = Certificates(), signal.getsignal(signal.SIGHUP)
    tls = certificates.of(files)
    assert certificates.of(files) is tls
    first = tls.context
    async with certificates.fresh():
        os.kill(os.getpid(), signal.SIGHUP)
        while tls.context is first:  # noqa: ASYNC110 - a signal tells nobody
            await asyncio.sleep(0.001)
    monkeypatch.setattr(module, "LOOK_EVERY_S", 0.001)
    second = tls.context
    async with certificates.fresh():
        files.cert.touch()
        while tls.context is second:  # noqa: ASYNC110 - nor does a file
            await asyncio.sleep(0.001)
    assert signal.getsignal(signal.SIGHUP) is before


async def test_a_hangup_signal_where_nothing_is_secured_is_a_line_of_the_log() -> None:
    with capture_logs() as logged:
        async with Certificates().fresh():
            os.kill(os.getpid(), signal.SIGHUP)
            while not logged:  # noqa: ASYNC110 - a signal tells nobody
                await asyncio.sleep(0.001)
    assert [line["event"] for line in logged] == ["nothing_to_reload"]

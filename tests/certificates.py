"""A world of certificates of the tests' own: authorities, servers, clients, all made here."""

from datetime import UTC, datetime, timedelta
from ipaddress import ip_address
from pathlib import Path
from typing import Final

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

VALID: Final = timedelta(days=2)


class Authority:
    """Somebody who signs certificates."""

    def __init__(self, folder: Path, name: str) -> None:
        """Its own certificate is in `ca`."""
        self._folder, self._name = folder, _name(name)
        self._key = ec.generate_private_key(ec.SECP256R1())
        self._certificate = self._signed(self._name, self._key, is_authority=True)
        self.ca = folder / f"{name}.pem"
        self.ca.write_bytes(_pem(self._certificate))

    def issue(
        self,
        name: str,
        *,
        serial: int | None = None,
        host: str | None = None,
        names: bool = True,
    ) -> tuple[Path, Path]:
        """A certificate for this machine, for a server or for a client, and its private key.

        With `host` it is for that name alone, without `names` for whoever its subject is.
        """
        key = ec.generate_private_key(ec.SECP256R1())
        made = self._signed(_name(name), key, serial=serial, host=host, names=names)
        cert_file, key_file = self._folder / f"{name}.crt", self._folder / f"{name}.key"
        key_file.touch(mode=0o600)
        key_file.write_bytes(
            key.private_bytes(
                serialization.Encoding.PEM,
                serialization.PrivateFormat.PKCS8,
                serialization.NoEncryption(),
            )
        )
        cert_file.write_bytes(_pem(made))
        return cert_file, key_file

    def _signed(
        self,
        subject: x509.Name,
        key: ec.EllipticCurvePrivateKey,
        *,
        is_authority: bool = False,
        serial: int | None = None,
        host: str | None = None,
        names: bool = True,
    ) -> x509.Certificate:
        now = datetime.now(UTC)
        whom = x509.DNSName(host) if host else x509.IPAddress(ip_address("127.0.0.1"))
        other_names = [x509.SubjectAlternativeName([whom])] if names else []
        uses = x509.KeyUsage(
            digital_signature=True, key_cert_sign=is_authority, crl_sign=is_authority,
            content_commitment=False, key_encipherment=False, data_encipherment=False,
            key_agreement=False, encipher_only=False, decipher_only=False,
        )  # fmt: skip
        # RFC 5280, 4.2.1.1 and 4.2.1.2: Python verifies strictly from 3.13 on and wants both.
        subject_key = x509.SubjectKeyIdentifier.from_public_key(key.public_key())
        issuer_key = x509.AuthorityKeyIdentifier.from_issuer_public_key(self._key.public_key())
        made = (
            x509.CertificateBuilder()
            .subject_name(subject)
            .issuer_name(self._name)
            .public_key(key.public_key())
            .serial_number(serial or x509.random_serial_number())
            .not_valid_before(now - VALID)
            .not_valid_after(now + VALID)
            .add_extension(x509.BasicConstraints(is_authority, None), critical=True)
            .add_extension(uses, critical=True)
            .add_extension(subject_key, critical=False)
            .add_extension(issuer_key, critical=False)
        )
        for each in other_names:
            made = made.add_extension(each, critical=False)
        return made.sign(self._key, hashes.SHA256())


def _name(name: str) -> x509.Name:
    return x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)])


def _pem(certificate: x509.Certificate) -> bytes:
    return certificate.public_bytes(serialization.Encoding.PEM)

"""A root certificate in a folder, and leaf certificates for services, made anew before they end.

    <home>/root.key, root.pem           the authority, one year
    <home>/<name>/tls.key, tls.pem      one service: client and server in one, thirty days

A certificate is replaced once less than a third of its life is left, when it is damaged or missing,
or when the root was replaced. Files are swapped whole, the key first: a watcher should watch the
certificate, and may still meet a new key beside an old certificate for an instant.
"""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from ipaddress import IPv4Address
from pathlib import Path

from cryptography import x509
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    NoEncryption,
    PrivateFormat,
    load_pem_private_key,
)
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

from deploy.sandbox.supervisor.files import write_atomic

ROOT_LIFE = timedelta(days=365)
LEAF_LIFE = timedelta(days=30)
# Clocks differ a little between those who issue and those who verify.
_BACKDATED = timedelta(minutes=5)


def utc_now() -> datetime:
    """The wall clock."""
    return datetime.now(UTC)


@dataclass(frozen=True)
class CertificateFiles:
    """PEM files for one service: its certificate and key, and the authority's certificate."""

    cert: Path
    key: Path
    ca: Path


@dataclass(frozen=True)
class _Pair:
    certificate: x509.Certificate
    key: ec.EllipticCurvePrivateKey


class Authority:
    """The authority of one folder, made with its first use; the folder belongs to it alone."""

    def __init__(
        self,
        home: Path,
        *,
        trust_domain: str = "tollgate.local",
        now: Callable[[], datetime] = utc_now,
    ) -> None:
        self._home = home
        self._trust_domain = trust_domain
        self._now = now
        home.mkdir(parents=True, exist_ok=True, mode=0o700)
        self._root = self._load_or_make_root()

    @property
    def ca(self) -> Path:
        """The root certificate, PEM: what others have to trust."""
        return self._home / "root.pem"

    def spiffe_id(self, name: str) -> str:
        """The identity in the certificate of `name`."""
        return f"spiffe://{self._trust_domain}/{name}"

    def issue(self, name: str, *, spiffe: bool = True) -> CertificateFiles:
        """The certificate of `name`, as it stands in the folder or new if that is due.

        For localhost, 127.0.0.1 and `name`, as server and client; with `spiffe` it also carries
        the SPIFFE identity. `name` must be a DNS label, as it also names a folder.
        """
        if not name.isascii() or not name.replace("-", "").isalnum():
            raise ValueError(f"{name!r} is not a name for a certificate")
        folder = self._home / name
        files = CertificateFiles(folder / "tls.pem", folder / "tls.key", self.ca)
        names = self._names(name, spiffe=spiffe)
        present = _load(files.cert, files.key)
        if present is None or not self._stands(present, names):
            folder.mkdir(exist_ok=True, mode=0o700)
            _store(self._make_leaf(name, names), files.cert, files.key)
        return files

    def _names(self, name: str, *, spiffe: bool) -> list[x509.GeneralName]:
        names: list[x509.GeneralName] = [
            x509.DNSName("localhost"),
            x509.DNSName(name),
            x509.IPAddress(IPv4Address("127.0.0.1")),
        ]
        if spiffe:
            names.append(x509.UniformResourceIdentifier(self.spiffe_id(name)))
        return names

    def _stands(self, leaf: _Pair, names: list[x509.GeneralName]) -> bool:
        """Whether a leaf is still good: from this root, for these names, with life left."""
        try:
            leaf.certificate.verify_directly_issued_by(self._root.certificate)
            present = leaf.certificate.extensions.get_extension_for_class(
                x509.SubjectAlternativeName
            )
        except (InvalidSignature, ValueError, TypeError, x509.ExtensionNotFound):
            return False
        return list(present.value) == names and self._has_life(leaf.certificate)

    def _has_life(self, certificate: x509.Certificate) -> bool:
        life = certificate.not_valid_after_utc - certificate.not_valid_before_utc
        return certificate.not_valid_after_utc - self._now() > life / 3

    def _load_or_make_root(self) -> _Pair:
        root = _load(self.ca, self._home / "root.key")
        if root is None or not self._has_life(root.certificate):
            root = self._make_root()
            _store(root, self.ca, self._home / "root.key")
        return root

    def _make_root(self) -> _Pair:
        key = ec.generate_private_key(ec.SECP256R1())
        name = _common_name("Tollgate sandbox authority")
        builder = (
            self._builder(name, name, key, ROOT_LIFE)
            .add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
            .add_extension(_usage(for_authority=True), critical=True)
        )
        return _Pair(builder.sign(key, hashes.SHA256()), key)

    def _make_leaf(self, name: str, names: list[x509.GeneralName]) -> _Pair:
        key = ec.generate_private_key(ec.SECP256R1())
        issuer = self._root.certificate
        both = [ExtendedKeyUsageOID.SERVER_AUTH, ExtendedKeyUsageOID.CLIENT_AUTH]
        builder = (
            self._builder(_common_name(name), issuer.subject, key, LEAF_LIFE)
            .add_extension(x509.BasicConstraints(ca=False, path_length=None), critical=True)
            .add_extension(_usage(for_authority=False), critical=True)
            .add_extension(x509.ExtendedKeyUsage(both), critical=False)
            .add_extension(x509.SubjectAlternativeName(names), critical=False)
            .add_extension(
                x509.AuthorityKeyIdentifier.from_issuer_public_key(self._root.key.public_key()),
                critical=False,
            )
        )
        return _Pair(builder.sign(self._root.key, hashes.SHA256()), key)

    def _builder(
        self,
        subject: x509.Name,
        issuer: x509.Name,
        key: ec.EllipticCurvePrivateKey,
        life: timedelta,
    ) -> x509.CertificateBuilder:
        now = self._now()
        return (
            x509.CertificateBuilder()
            .subject_name(subject)
            .issuer_name(issuer)
            .public_key(key.public_key())
            .serial_number(x509.random_serial_number())
            .not_valid_before(now - _BACKDATED)
            .not_valid_after(now + life)
            .add_extension(
                x509.SubjectKeyIdentifier.from_public_key(key.public_key()), critical=False
            )
        )


def _common_name(text: str) -> x509.Name:
    return x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, text)])


def _usage(*, for_authority: bool) -> x509.KeyUsage:
    return x509.KeyUsage(
        digital_signature=not for_authority,
        key_cert_sign=for_authority,
        crl_sign=for_authority,
        content_commitment=False,
        key_encipherment=False,
        data_encipherment=False,
        key_agreement=False,
        encipher_only=False,
        decipher_only=False,
    )


def _load(cert: Path, key: Path) -> _Pair | None:
    """A certificate with its key, or None if either is missing, unreadable or not the other's."""
    try:
        certificate = x509.load_pem_x509_certificate(cert.read_bytes())
        private = load_pem_private_key(key.read_bytes(), password=None)
    except (FileNotFoundError, ValueError):
        return None
    if not isinstance(private, ec.EllipticCurvePrivateKey):
        return None
    return _Pair(certificate, private) if certificate.public_key() == private.public_key() else None


def _store(pair: _Pair, cert: Path, key: Path) -> None:
    pem = pair.key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
    write_atomic(key, pem)
    write_atomic(cert, pair.certificate.public_bytes(Encoding.PEM), 0o644)

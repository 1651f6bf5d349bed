"""Certificates from files that may be replaced while the process runs."""

import threading
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path

import grpc
import structlog
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    PublicFormat,
    load_pem_private_key,
)
from cryptography.x509 import load_pem_x509_certificates

from services.chassis.env import StartError

TRUST_DOMAIN = "tollgate.local"
_SPIFFE_PREFIX = f"spiffe://{TRUST_DOMAIN}/"
_SPIFFE_PROPERTY = "peer_spiffe_id"

_log: structlog.typing.FilteringBoundLogger = structlog.get_logger("tollgate.tls")


@dataclass(frozen=True, slots=True)
class TlsFiles:
    """Paths of PEM files: own chain, its key, and the authority that the other side must have.

    ``ca`` is None only for a public listener, which asks nobody for a certificate.
    """

    cert: Path
    key: Path
    ca: Path | None = None


@dataclass(frozen=True, slots=True)
class TlsMaterial:
    """The contents of the files at one moment; certificate and key belong together."""

    cert: bytes
    key: bytes
    ca: bytes | None


Stamp = tuple[tuple[int, int, int], ...]


class CertificateSource:
    """Keeps the newest usable contents of the files.

    Files are replaced one after the other, so a certificate may be seen with the key of the last
    one: such a pair is left alone until the rest has arrived. Safe to ask from any thread, as gRPC
    does on each handshake.
    """

    def __init__(self, files: TlsFiles) -> None:
        self._files = files
        self._lock = threading.Lock()
        self._refused: Stamp | None = None
        try:
            self._stamp = _stamp(files)
            self._material = load(files)
        except (OSError, ValueError) as error:
            raise StartError(f"The certificate {files.cert} cannot be used: {error}.") from error

    @property
    def material(self) -> TlsMaterial:
        """What was usable last, without looking at the files."""
        return self._material

    def refresh(self) -> TlsMaterial | None:
        """Look at the files; return their contents if these changed and are usable."""
        with self._lock:
            try:
                stamp = _stamp(self._files)
                if stamp == self._stamp:
                    return None
                fresh = load(self._files)
            except (OSError, ValueError) as error:
                self._warn_once(str(error))
                return None
            self._stamp, self._refused = stamp, None
            changed = fresh != self._material
            self._material = fresh
        if not changed:
            return None
        _log.info("certificate replaced", file=str(self._files.cert))
        return fresh

    def _warn_once(self, error: str) -> None:
        stamp = _safe_stamp(self._files)
        if stamp != self._refused:
            self._refused = stamp
            _log.warning("certificate not replaced", file=str(self._files.cert), problem=error)


def load(files: TlsFiles) -> TlsMaterial:
    """Read the files; raise OSError or ValueError if they do not make a usable set."""
    cert, key = files.cert.read_bytes(), files.key.read_bytes()
    ca = None if files.ca is None else files.ca.read_bytes()
    chain = load_pem_x509_certificates(cert)
    try:
        private = load_pem_private_key(key, password=None)
    except TypeError as error:
        raise ValueError("the private key is encrypted") from error
    form = (Encoding.DER, PublicFormat.SubjectPublicKeyInfo)
    if chain[0].public_key().public_bytes(*form) != private.public_key().public_bytes(*form):
        raise ValueError("the private key belongs to another certificate")
    if ca is not None:
        load_pem_x509_certificates(ca)
    return TlsMaterial(cert, key, ca)


def server_credentials(source: CertificateSource, *, mutual: bool) -> grpc.ServerCredentials:
    """Make credentials that follow the files; ``mutual`` requires a certificate of the caller."""

    def fetch() -> grpc.ServerCertificateConfiguration | None:
        fresh = source.refresh()
        return None if fresh is None else _configuration(fresh)

    return grpc.dynamic_ssl_server_credentials(
        _configuration(source.material),
        fetch,  # type: ignore[arg-type]  # None means no change; the stubs do not know
        require_client_authentication=mutual,
    )


def channel_credentials(material: TlsMaterial) -> grpc.ChannelCredentials:
    """Make a caller's credentials; they cannot follow the files, so the channel is replaced."""
    return grpc.ssl_channel_credentials(
        root_certificates=material.ca, private_key=material.key, certificate_chain=material.cert
    )


def spiffe_name(service: str) -> str:
    """Return the name that the certificate of a service carries as its URI."""
    return _SPIFFE_PREFIX + service


def peer_service(auth_context: Mapping[str, Iterable[bytes]]) -> str | None:
    """Return the service that the verified certificate of a caller names, None if it names none.

    gRPC sets the property only for a certificate with exactly one URI, and never from a DNS name.
    """
    names = list(auth_context.get(_SPIFFE_PROPERTY, ()))
    if len(names) != 1:
        return None
    name = names[0].decode("ascii", "replace")
    service = name.removeprefix(_SPIFFE_PREFIX)
    return None if service == name or not service or "/" in service else service


def _configuration(material: TlsMaterial) -> grpc.ServerCertificateConfiguration:
    return grpc.ssl_server_certificate_configuration(
        [(material.key, material.cert)], root_certificates=material.ca
    )


def _stamp(files: TlsFiles) -> Stamp:
    paths = [path for path in (files.cert, files.key, files.ca) if path is not None]
    found = [path.stat() for path in paths]
    return tuple((item.st_ino, item.st_mtime_ns, item.st_size) for item in found)


def _safe_stamp(files: TlsFiles) -> Stamp:
    try:
        return _stamp(files)
    except OSError:
        return ()

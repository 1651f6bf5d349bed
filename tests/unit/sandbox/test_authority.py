"""The certificate authority: what it issues, and when it issues anew."""

from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.x509.oid import ExtendedKeyUsageOID

from deploy.sandbox.ca.authority import LEAF_LIFE, ROOT_LIFE, Authority, CertificateFiles

START = datetime(2026, 1, 1, tzinfo=UTC)


class Clock:
    """A clock that stands until it is moved."""

    def __init__(self) -> None:
        self.now = START

    def __call__(self) -> datetime:
        return self.now


@pytest.fixture
def clock() -> Clock:
    return Clock()


def _certificate(files: CertificateFiles) -> x509.Certificate:
    return x509.load_pem_x509_certificate(files.cert.read_bytes())


def _names(files: CertificateFiles) -> x509.SubjectAlternativeName:
    extensions = _certificate(files).extensions
    return extensions.get_extension_for_class(x509.SubjectAlternativeName).value


def test_a_service_gets_its_spiffe_name_and_may_be_client_and_server(
    tmp_path: Path, clock: Clock
) -> None:
    files = Authority(tmp_path, now=clock).issue("pricing")
    names = _names(files)
    assert names.get_values_for_type(x509.UniformResourceIdentifier) == [
        "spiffe://tollgate.local/pricing"
    ]
    assert names.get_values_for_type(x509.DNSName) == ["localhost", "pricing"]
    assert [str(ip) for ip in names.get_values_for_type(x509.IPAddress)] == ["127.0.0.1"]
    usage = _certificate(files).extensions.get_extension_for_class(x509.ExtendedKeyUsage).value
    assert set(usage) == {ExtendedKeyUsageOID.SERVER_AUTH, ExtendedKeyUsageOID.CLIENT_AUTH}


def test_a_certificate_without_identity_has_no_uri(tmp_path: Path, clock: Clock) -> None:
    files = Authority(tmp_path, now=clock).issue("kubernetes", spiffe=False)
    assert not _names(files).get_values_for_type(x509.UniformResourceIdentifier)


def test_keys_are_readable_by_their_owner_only(tmp_path: Path, clock: Clock) -> None:
    files = Authority(tmp_path, now=clock).issue("pricing")
    for key in (files.key, tmp_path / "root.key"):
        assert key.stat().st_mode & 0o777 == 0o600


def test_a_certificate_stands_until_a_third_of_its_life_is_left(
    tmp_path: Path, clock: Clock
) -> None:
    first = Authority(tmp_path, now=clock).issue("pricing")
    serial = _certificate(first).serial_number
    clock.now = START + LEAF_LIFE * 0.6
    assert _certificate(Authority(tmp_path, now=clock).issue("pricing")).serial_number == serial
    clock.now = START + LEAF_LIFE * 0.7
    renewed = _certificate(Authority(tmp_path, now=clock).issue("pricing"))
    assert renewed.serial_number != serial
    assert renewed.not_valid_after_utc == clock.now + LEAF_LIFE


def test_a_new_root_replaces_the_leaves_of_the_old_one(tmp_path: Path, clock: Clock) -> None:
    first = Authority(tmp_path, now=clock)
    first.issue("pricing")
    old_root = first.ca.read_bytes()
    clock.now = START + ROOT_LIFE * 0.7
    second = Authority(tmp_path, now=clock)
    leaf = _certificate(second.issue("pricing"))
    root = x509.load_pem_x509_certificate(second.ca.read_bytes())
    assert second.ca.read_bytes() != old_root
    leaf.verify_directly_issued_by(root)


def test_a_damaged_or_missing_file_is_replaced(tmp_path: Path, clock: Clock) -> None:
    authority = Authority(tmp_path, now=clock)
    files = authority.issue("pricing")
    files.cert.write_text("not a certificate")
    first = _certificate(authority.issue("pricing")).serial_number
    files.key.unlink()
    assert _certificate(authority.issue("pricing")).serial_number != first


def test_a_certificate_beside_the_key_of_another_is_replaced(tmp_path: Path, clock: Clock) -> None:
    authority = Authority(tmp_path, now=clock)
    files, other = authority.issue("pricing"), authority.issue("payments")
    files.key.write_bytes(other.key.read_bytes())
    serial = _certificate(files).serial_number
    assert _certificate(authority.issue("pricing")).serial_number != serial


def test_asking_for_the_identity_later_issues_anew(tmp_path: Path, clock: Clock) -> None:
    authority = Authority(tmp_path, now=clock)
    authority.issue("pricing", spiffe=False)
    uris = _names(authority.issue("pricing")).get_values_for_type(x509.UniformResourceIdentifier)
    assert uris == [authority.spiffe_id("pricing")]


@pytest.mark.parametrize("name", ["../root", "", "a/b", "ä"])
def test_a_name_that_is_no_label_is_refused(tmp_path: Path, clock: Clock, name: str) -> None:
    with pytest.raises(ValueError, match="not a name for a certificate"):
        Authority(tmp_path, now=clock).issue(name)


def test_leaves_of_the_last_seconds_of_a_third_are_renewed(tmp_path: Path, clock: Clock) -> None:
    serial = _certificate(Authority(tmp_path, now=clock).issue("a")).serial_number
    clock.now = START + LEAF_LIFE * 2 / 3 + timedelta(hours=1)
    assert _certificate(Authority(tmp_path, now=clock).issue("a")).serial_number != serial

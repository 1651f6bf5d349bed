"""Custom resources, claims and keys of quotes as messages."""

from datetime import datetime

from google.protobuf.timestamp_pb2 import Timestamp

from services.pricing.claims import PublicKey, Verified
from services.pricing.convert.catalogs import to_proto_money
from services.pricing.objects import ObjectRequest, QuotedObject
from tollgate.pricing.v1 import pricing_pb2


def from_proto_object(message: pricing_pb2.CustomObject) -> ObjectRequest:
    """Read an object that is asked about; nothing in it was looked at."""
    return ObjectRequest(
        message.api_version, message.kind, message.namespace, message.name, message.spec
    )


def to_proto_bound(bound: QuotedObject) -> pricing_pb2.QuotedObject:
    """Convert the object that a quote is bound to."""
    return pricing_pb2.QuotedObject(
        api_version=bound.api_version,
        kind=bound.kind,
        namespace=bound.namespace,
        name=bound.name,
        spec_hash=bound.spec_hash,
        catalog=bound.catalog,
        catalog_version=bound.catalog_version,
    )


def kept_bound(message: pricing_pb2.QuotedObject) -> QuotedObject:
    """Read back what ``to_proto_bound`` wrote."""
    return QuotedObject(
        message.api_version,
        message.kind,
        message.namespace,
        message.name,
        message.spec_hash,
        message.catalog,
        message.catalog_version,
    )


def to_proto_claims(verified: Verified) -> pricing_pb2.QuoteClaims:
    """Convert what a signature says."""
    claims = verified.claims
    return pricing_pb2.QuoteClaims(
        quote=claims.quote,
        owner=claims.owner,
        spec_hash=claims.spec_hash,
        total=to_proto_money(claims.total),
        catalog_version=claims.catalog_version,
        rate_card_version=claims.rate_card_version,
        payment_required=claims.payment_required,
        issue_time=_time(claims.issue_time),
        expire_time=_time(claims.expire_time),
        key_id=verified.key_id,
    )


def to_proto_key(key: PublicKey) -> pricing_pb2.QuoteKey:
    """Convert a public key."""
    return pricing_pb2.QuoteKey(key_id=key.key_id, algorithm="EdDSA", curve="Ed25519", x=key.x)


def _time(moment: datetime) -> Timestamp:
    time = Timestamp()
    time.FromDatetime(moment)
    return time

"""What OpenAPI says of the bodies of quotes; a ``float`` stands for an exact JSON number."""

from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field

from gateway.bodies import Body, Name, Text
from gateway.routes.scaffolder.models import CommitmentBody, Features, PriceAnswer, Size


class MetadataBody(Body):
    """What an object is called, and where it is to stand; a quote is bound to what is said."""

    namespace: Text | None = None
    name: Text | None = None


class ObjectBody(Body):
    """A custom resource as Kubernetes writes it; ``catalog`` names one of several that price it."""

    apiVersion: Name  # noqa: N815 - Kubernetes' names, here and on
    kind: Name
    metadata: MetadataBody | None = None
    spec: dict[str, Any] = Field(default={})
    catalog: Text | None = None


class PriceObjectBody(ObjectBody):
    """An object, and what else is priced; ``duration`` in hours is a month if it is left out."""

    region: Text | None = None
    cloud: Text | None = None
    duration: Size | None = None
    backupPlan: Text | None = None  # noqa: N815
    additionalFeatures: Features | None = None  # noqa: N815
    commitment: CommitmentBody | None = None
    coupon: Text | None = None


class MatchBody(ObjectBody):
    """An object, and the quote that it should be of."""

    quoteId: Name  # noqa: N815


class VerifyBody(Body):
    """The signature of a quote: a compact JWS."""

    signature: Annotated[str, Field(min_length=1, max_length=4096)]


class _Answer(BaseModel):
    model_config = ConfigDict(extra="forbid")


class DerivedAnswer(_Answer):
    """A billable resource of an object: cores, and GiB of memory and storage, of one replica."""

    type: str
    cpu: float
    memory: float
    storage: float
    replicas: int


class ObjectPriceAnswer(PriceAnswer):
    """The price of an object, what it is billed by, and the digest of its spec."""

    resources: list[DerivedAnswer]
    specHash: str  # noqa: N815


class MatchAnswer(_Answer):
    """The object is what was quoted; ``exact`` is false where it needs less."""

    matches: bool
    exact: bool
    specHash: str  # noqa: N815


class VerifiedAnswer(_Answer):
    """What a signature says, and where its quote stands."""

    valid: bool
    quoteId: str  # noqa: N815
    owner: str
    specHash: str  # noqa: N815
    total: float
    currency: str
    catalogVersion: str | None  # noqa: N815
    rateCardVersion: str | None  # noqa: N815
    requiresPayment: bool  # noqa: N815
    issuedAt: str  # noqa: N815
    expiresAt: str  # noqa: N815
    keyId: str  # noqa: N815
    state: Literal["open", "taken", "expired", "unknown"]
    taker: str | None


class Jwk(_Answer):
    """A public key (RFC 8037)."""

    kty: str
    crv: str
    x: str
    kid: str
    alg: str
    use: str


class JwkSet(_Answer):
    """The public keys, the one that signs first; none where quotes are not signed."""

    keys: list[Jwk]

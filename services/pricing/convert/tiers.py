"""Account tiers as messages."""

import hashlib

from services.pricing.tiers import HeldTier, TierRequest
from tollgate.pricing.v1 import pricing_service_pb2 as pb


def from_proto_tier_request(request: pb.SetAccountTierRequest) -> TierRequest:
    """Read what an account is to be given; nothing in it was looked at."""
    content = pb.SetAccountTierRequest()
    content.CopyFrom(request)
    content.request_id = ""
    return TierRequest(
        account=request.account,
        tier=request.tier,
        reason=request.reason,
        request_id=request.request_id,
        request_hash=hashlib.sha256(content.SerializeToString(deterministic=True)).digest(),
    )


def to_proto_account_tier(held: HeldTier) -> pb.AccountTier:
    """Convert the tier of an account."""
    message = pb.AccountTier(account=held.account, tier=held.tier)
    message.update_time.FromDatetime(held.update_time)
    return message

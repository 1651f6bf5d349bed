"""Who calls: a bearer token, verified. What the caller may do is the services' to decide."""

from typing import Annotated

from fastapi import Depends, Request

from services.chassis.errors import Unauthenticated
from services.chassis.identity import Principal
from services.chassis.tokens import TokenVerifier


async def signed_in(request: Request) -> Principal:
    """Return the caller, or refuse with document 001's words."""
    scheme, _, token = request.headers.get("authorization", "").partition(" ")
    if scheme.lower() != "bearer" or not token.strip():
        raise Unauthenticated("Authentication token required", reason="SIGN_IN_REQUIRED")
    verifier: TokenVerifier = request.app.state.verifier
    try:
        return await verifier.verify(token.strip())
    except Unauthenticated as refusal:
        # The sentence is a contract of document 001; why exactly is told by the reason.
        raise Unauthenticated("Invalid or expired token", reason=refusal.reason) from refusal


SignedIn = Annotated[Principal, Depends(signed_in)]

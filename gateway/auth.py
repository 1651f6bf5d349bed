"""Who calls: a bearer token, verified. Roles are those of document 001's table; whose account
somebody may change is the services' to decide.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Annotated

from fastapi import Depends, Request

from services.chassis.errors import PermissionDenied, Unauthenticated
from services.chassis.identity import Principal, acting
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


async def signed_in_or_public(request: Request) -> Principal | None:
    """Return the caller; None for nobody, where the catalog is open. A token is verified anyway."""
    public: bool = request.app.state.catalog_public
    if public and "authorization" not in request.headers:
        return None
    return await signed_in(request)


def require_org_admin(caller: Principal) -> None:
    """Let an admin of the own organization pass, refuse others with the dialect's words."""
    if not caller.is_org_admin:
        raise PermissionDenied("Organization admin access required", reason="ROLE_NOT_ALLOWED")


async def org_admin(request: Request) -> Principal:
    """Return the caller, who is an admin of the own organization."""
    caller = await signed_in(request)
    require_org_admin(caller)
    return caller


@contextmanager
def on_behalf_of(caller: Principal | None) -> Iterator[None]:
    """Call services for this person within the block; for nobody as the gateway itself."""
    if caller is None:
        yield
        return
    with acting(caller):
        yield


SignedIn = Annotated[Principal, Depends(signed_in)]
SignedInOrPublic = Annotated[Principal | None, Depends(signed_in_or_public)]
OrgAdmin = Annotated[Principal, Depends(org_admin)]

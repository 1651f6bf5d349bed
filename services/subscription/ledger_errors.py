"""The refusals of the credit ledger."""

from services.chassis.errors import FailedPrecondition, InvalidArgument, NotFound


class InsufficientCredits(FailedPrecondition):
    """Fewer credits are left than are asked for."""

    reason = "INSUFFICIENT_CREDITS"

    def __init__(self, available: int, required: int) -> None:
        super().__init__(
            f"{required} credits are needed, and {available} are left.",
            metadata={"available": str(available), "required": str(required)},
        )


class UnknownHold(NotFound):
    """There is no such hold."""

    reason = "UNKNOWN_HOLD"

    def __init__(self, name: str) -> None:
        super().__init__(f"There is no hold {name}.", metadata={"hold": name})


class HoldReleased(FailedPrecondition):
    """The hold was given back, so it cannot be spent."""

    reason = "HOLD_RELEASED"

    def __init__(self, name: str) -> None:
        super().__init__(f"Hold {name} was given back.", metadata={"hold": name})


class HoldCaptured(FailedPrecondition):
    """The hold was spent, so it cannot be given back."""

    reason = "HOLD_CAPTURED"

    def __init__(self, name: str) -> None:
        super().__init__(f"Hold {name} was spent.", metadata={"hold": name})


class KeyReused(InvalidArgument):
    """The key was used for another request."""

    reason = "IDEMPOTENCY_KEY_REUSED"

    def __init__(self, key: str) -> None:
        super().__init__(
            f"The idempotency key {key!r} was used for another request.",
            metadata={"idempotency_key": key},
        )

"""Operations, pages and customers on PostgreSQL."""

from collections.abc import Mapping, Sequence
from datetime import datetime

import asyncpg

from services.chassis import queue
from services.chassis.db import Connection
from services.payments import sql_commerce as sql
from services.payments.binding import Operation, OperationKind, OperationState
from services.payments.commerce import Place, PlaceState
from services.payments.domain import AccountId, OperationId

OPERATIONS = "operations"
"""The work queue of operations."""


class CommerceSql:
    """The part of the store that sells."""

    _connection: Connection

    async def put_operation(self, operation: Operation) -> None:
        """Insert an operation."""
        await self._connection.execute(sql.PUT_OPERATION, *_columns(operation))

    async def put_operation_once(self, operation: Operation) -> Operation:
        """Insert unless it is there; waits for another that inserts the same."""
        await self._connection.execute(sql.PUT_OPERATION_ONCE, *_columns(operation))
        return await self._operation(operation.id)

    async def operation(self, operation_id: OperationId) -> Operation | None:
        """Return an operation."""
        row = await self._connection.fetchrow(sql.OPERATION, operation_id)
        return None if row is None else _to_operation(row)

    async def operations_under_way(
        self, account_id: AccountId, kind: OperationKind
    ) -> Sequence[OperationId]:
        """Lock the account's operations of a kind, then look: a statement sees what was before."""
        await self._connection.execute(sql.LOCK_KIND, account_id, kind.value)
        rows = await self._connection.fetch(sql.UNDER_WAY, account_id, kind.value)
        return [OperationId(row["id"]) for row in rows]

    async def operation_made(self, operation_id: OperationId, object_id: str) -> None:
        """Note what it made."""
        await self._connection.execute(sql.OPERATION_MADE, operation_id, object_id)

    async def prepare_operation(
        self, operation_id: OperationId, parameters: bytes, parameters_hash: bytes
    ) -> Operation:
        """Keep the parameters unless there are some."""
        await self._connection.execute(
            sql.PREPARE_OPERATION, operation_id, parameters, parameters_hash
        )
        return await self._operation(operation_id)

    async def amend_operation(
        self, known: Operation, parameters: bytes, parameters_hash: bytes
    ) -> Operation:
        """Keep other parameters unless somebody did; the key is as old as it was."""
        await self._connection.execute(
            sql.AMEND_OPERATION, known.id, known.parameters_hash, parameters, parameters_hash
        )
        return await self._operation(known.id)

    async def renew_operation(self, operation_id: OperationId, attempt: int) -> Operation:
        """Raise the attempt unless somebody did."""
        await self._connection.execute(sql.RENEW_OPERATION, operation_id, attempt)
        return await self._operation(operation_id)

    async def finish_operation(
        self,
        operation_id: OperationId,
        state: OperationState,
        object_id: str,
        result: Mapping[str, str],
    ) -> bool:
        """Write the outcome, once."""
        written = await self._connection.fetchval(
            sql.FINISH_OPERATION, operation_id, state.value, object_id, dict(result)
        )
        return bool(written)

    async def enqueue_operation(self, operation_id: OperationId, priority: int) -> None:
        """Put it into its queue."""
        await queue.enqueue(self._connection, OPERATIONS, [operation_id], priority=priority)

    async def take_place(self, place: Place) -> Place:
        """Insert, or find who was there first."""
        scope = (place.account_id, place.provider, place.provider_account)
        while True:
            await self._connection.execute(
                sql.TAKE_PLACE,
                place.operation_id,
                *scope,
                place.quote,
                place.ask_hash,
                place.expire_time,
            )
            row = await self._connection.fetchrow(sql.TAKEN_PLACE, *scope)
            if row is not None:
                return _to_place(row)
            mine = await self.place(place.operation_id)
            if mine is not None:
                # It had its place and left it.
                return mine

    async def place(self, operation_id: OperationId) -> Place | None:
        """Return a place."""
        row = await self._connection.fetchrow(sql.PLACE, operation_id)
        return None if row is None else _to_place(row)

    async def place_of(self, provider: str, provider_account: str, session_id: str) -> Place | None:
        """Return the place of a session."""
        row = await self._connection.fetchrow(sql.PLACE_OF, provider, provider_account, session_id)
        return None if row is None else _to_place(row)

    async def fill_place(
        self, operation_id: OperationId, session_id: str, expire_time: datetime
    ) -> None:
        """Note the session."""
        await self._connection.execute(sql.FILL_PLACE, operation_id, session_id, expire_time)

    async def leave_place(self, operation_id: OperationId, state: PlaceState) -> None:
        """Free the account's place."""
        await self._connection.execute(sql.LEAVE_PLACE, operation_id, state.value)

    async def customer_of(self, account_id: AccountId, provider: str, provider_account: str) -> str:
        """Return the account's customer."""
        found = await self._connection.fetchval(
            sql.CUSTOMER_OF, account_id, provider, provider_account
        )
        return found or ""

    async def account_of_customer(
        self, provider: str, provider_account: str, customer_id: str
    ) -> str:
        """Return the customer's account."""
        found = await self._connection.fetchval(
            sql.ACCOUNT_OF_CUSTOMER, provider, provider_account, customer_id
        )
        return found or ""

    async def bind_customer(
        self, account_id: AccountId, provider: str, provider_account: str, customer_id: str
    ) -> str:
        """Insert unless either is taken."""
        await self._connection.execute(
            sql.BIND_CUSTOMER, account_id, provider, provider_account, customer_id
        )
        return await self.customer_of(account_id, provider, provider_account)

    async def fact_recorded(self, fact_id: str) -> bool:
        """Look the fact up."""
        return bool(await self._connection.fetchval(sql.FACT_RECORDED, fact_id))

    async def _operation(self, operation_id: OperationId) -> Operation:
        found = await self.operation(operation_id)
        assert found is not None, "operations are never deleted"  # noqa: S101
        return found


def _columns(operation: Operation) -> tuple[object, ...]:
    return (
        operation.id,
        operation.kind.value,
        operation.account_id,
        operation.provider,
        operation.provider_account,
        operation.deployment,
        operation.parameters,
        operation.parameters_hash,
        operation.object_id,
        operation.state.value,
        operation.ask,
        operation.quote,
        operation.attempt,
        dict(operation.result),
    )


def _to_operation(row: asyncpg.Record) -> Operation:
    return Operation(
        id=OperationId(row["id"]),
        kind=OperationKind(row["kind"]),
        account_id=AccountId(row["account_id"]),
        provider=row["provider"],
        provider_account=row["provider_account"],
        deployment=row["deployment"],
        parameters=row["parameters"],
        parameters_hash=row["parameters_hash"],
        object_id=row["object_id"],
        state=OperationState(row["state"]),
        ask=row["ask"],
        quote=row["quote"],
        attempt=row["attempt"],
        result=row["result"],
        key_age=row["key_age"],
        create_time=row["created_at"],
    )


def _to_place(row: asyncpg.Record) -> Place:
    return Place(
        operation_id=OperationId(row["operation_id"]),
        account_id=AccountId(row["account_id"]),
        provider=row["provider"],
        provider_account=row["provider_account"],
        quote=row["quote"],
        ask_hash=row["ask_hash"],
        expire_time=row["expire_time"],
        session_id=row["session_id"],
        state=PlaceState(row["state"]),
    )

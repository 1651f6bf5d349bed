"""The rows of selling in memory: operations, pages and customers."""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import datetime

from services.payments.binding import Operation, OperationKind, OperationState
from services.payments.commerce import Place, PlaceState
from services.payments.domain import AccountId, OperationId
from services.payments.facts import MoneyFact
from services.payments.store import OPERATIONS as QUEUE
from tests.fakes.chassis import MemoryTx, Table, memory_queue

FACTS: Table[str, MoneyFact] = Table("money_facts")
OPERATIONS: Table[OperationId, Operation] = Table("operations")
KEYED: Table[OperationId, float] = Table("operations.keyed_at")
TURNS: Table[tuple[AccountId, OperationKind], None] = Table("operations_turns")
PLACES: Table[OperationId, Place] = Table("checkouts")
OPEN: Table[tuple[str, str, str], OperationId] = Table("checkouts_open")
CUSTOMERS: Table[tuple[str, str, str], str] = Table("customers")
OWNERS: Table[tuple[str, str, str], AccountId] = Table("customers_customer_id")


class MemoryCommerceRows:
    """The in-memory twin of ``CommerceSql``."""

    _tx: MemoryTx

    async def put_operation(self, operation: Operation) -> None:
        if not await self._tx.insert(OPERATIONS, operation.id, self._stamped(operation)):
            raise ValueError(f"{operation.id} is taken")

    async def put_operation_once(self, operation: Operation) -> Operation:
        await self._tx.insert(OPERATIONS, operation.id, self._stamped(operation))
        return self._known(operation.id)

    async def operation(self, operation_id: OperationId) -> Operation | None:
        await self._tx.db.step()
        known = self._tx.get(OPERATIONS, operation_id)
        return None if known is None else self._known(operation_id)

    async def operations_under_way(
        self, account_id: AccountId, kind: OperationKind
    ) -> Sequence[OperationId]:
        await self._tx.lock(TURNS, (account_id, kind))
        wanted = (account_id, kind, OperationState.STARTED)
        return [
            name
            for name, one in sorted(self._tx.rows(OPERATIONS))
            if (one.account_id, one.kind, one.state) == wanted
        ]

    async def operation_made(self, operation_id: OperationId, object_id: str) -> None:
        known = await self._tx.lock(OPERATIONS, operation_id)
        if known is not None and not known.object_id:
            made = replace(known, object_id=object_id, state=OperationState.MADE)
            await self._tx.put(OPERATIONS, operation_id, made)

    async def prepare_operation(
        self, operation_id: OperationId, parameters: bytes, parameters_hash: bytes
    ) -> Operation:
        known = await self._tx.lock(OPERATIONS, operation_id)
        if known is not None and not known.parameters:
            kept = replace(known, parameters=parameters, parameters_hash=parameters_hash)
            await self._tx.put(OPERATIONS, operation_id, kept)
            await self._tx.put(KEYED, operation_id, self._tx.db.now())
        return self._known(operation_id)

    async def amend_operation(
        self, known: Operation, parameters: bytes, parameters_hash: bytes
    ) -> Operation:
        row = await self._tx.lock(OPERATIONS, known.id)
        if row is not None and row.parameters_hash == known.parameters_hash:
            kept = replace(row, parameters=parameters, parameters_hash=parameters_hash)
            await self._tx.put(OPERATIONS, known.id, kept)
        return self._known(known.id)

    async def renew_operation(self, operation_id: OperationId, attempt: int) -> Operation:
        known = await self._tx.lock(OPERATIONS, operation_id)
        if known is not None and known.attempt == attempt:
            await self._tx.put(OPERATIONS, operation_id, replace(known, attempt=attempt + 1))
            await self._tx.put(KEYED, operation_id, self._tx.db.now())
        return self._known(operation_id)

    async def finish_operation(
        self,
        operation_id: OperationId,
        state: OperationState,
        object_id: str,
        result: Mapping[str, str],
    ) -> bool:
        known = await self._tx.lock(OPERATIONS, operation_id)
        if known is None or known.state is not OperationState.STARTED:
            return False
        done = replace(known, state=state, object_id=object_id, result=dict(result))
        await self._tx.put(OPERATIONS, operation_id, done)
        return True

    async def enqueue_operation(self, operation_id: OperationId, priority: int) -> None:
        await memory_queue.enqueue(self._tx, QUEUE, [operation_id], priority=priority)

    async def take_place(self, place: Place) -> Place:
        scope = (place.account_id, place.provider, place.provider_account)
        mine = self._tx.get(PLACES, place.operation_id)
        holder = await self._tx.lock(OPEN, scope)
        if holder is None:
            if mine is not None:
                return mine
            await self._tx.put(OPEN, scope, place.operation_id)
            await self._tx.put(PLACES, place.operation_id, place)
            return place
        live = await self._tx.lock(PLACES, holder)
        assert live is not None, "an open place has a row"
        return live

    async def place(self, operation_id: OperationId) -> Place | None:
        await self._tx.db.step()
        return self._tx.get(PLACES, operation_id)

    async def place_of(self, provider: str, provider_account: str, session_id: str) -> Place | None:
        await self._tx.db.step()
        wanted = (provider, provider_account, session_id)
        for _, place in self._tx.rows(PLACES):
            if (place.provider, place.provider_account, place.session_id) == wanted and session_id:
                return place
        return None

    async def fill_place(
        self, operation_id: OperationId, session_id: str, expire_time: datetime
    ) -> None:
        known = await self._tx.lock(PLACES, operation_id)
        if known is not None:
            filled = replace(known, session_id=session_id, expire_time=expire_time)
            await self._tx.put(PLACES, operation_id, filled)

    async def leave_place(self, operation_id: OperationId, state: PlaceState) -> None:
        known = await self._tx.lock(PLACES, operation_id)
        if known is not None and known.state is PlaceState.OPEN:
            await self._tx.put(PLACES, operation_id, replace(known, state=state))
            scope = (known.account_id, known.provider, known.provider_account)
            await self._tx.delete(OPEN, scope)

    async def customer_of(self, account_id: AccountId, provider: str, provider_account: str) -> str:
        await self._tx.db.step()
        return self._tx.get(CUSTOMERS, (account_id, provider, provider_account)) or ""

    async def account_of_customer(
        self, provider: str, provider_account: str, customer_id: str
    ) -> str:
        await self._tx.db.step()
        return self._tx.get(OWNERS, (provider, provider_account, customer_id)) or ""

    async def bind_customer(
        self, account_id: AccountId, provider: str, provider_account: str, customer_id: str
    ) -> str:
        scope = (account_id, provider, provider_account)
        owned = (provider, provider_account, customer_id)
        known = await self._tx.lock(CUSTOMERS, scope)
        if known is None and await self._tx.insert(OWNERS, owned, account_id):
            await self._tx.put(CUSTOMERS, scope, customer_id)
        return self._tx.get(CUSTOMERS, scope) or ""

    async def fact_recorded(self, fact_id: str) -> bool:
        await self._tx.db.step()
        return self._tx.get(FACTS, fact_id) is not None

    def _stamped(self, operation: Operation) -> Operation:
        return replace(operation, create_time=self._tx.db.clock.now())

    def _known(self, operation_id: OperationId) -> Operation:
        known = self._tx.get(OPERATIONS, operation_id)
        assert known is not None, "operations are never deleted"
        keyed_at = self._tx.get(KEYED, operation_id)
        age = 0.0 if keyed_at is None else self._tx.db.now() - keyed_at
        return replace(known, key_age=age)

"""Idempotency keys of the provisioner, in memory and on PostgreSQL."""

import pytest

from services.chassis.idempotency import IdempotencyConflict
from services.provisioner.ports import OnceScope, Store
from tests.contract.stores.provisioner_backend import Backend, backend, on_postgres

__all__ = ["backend", "on_postgres"]

SCOPE = OnceScope("acme", "ada", "UpdateProjectQuota", "key", b"content")


async def once(backend: Backend, scope: OnceScope, answer: str) -> str:
    """Ask, with this answer if it was not asked before."""

    async def produce() -> str:
        return answer

    async def work(store: Store) -> str:
        return await store.once(scope, produce)

    return await backend.tx.run(work)


async def test_the_same_key_is_answered_as_the_first_time_and_only_there(backend: Backend) -> None:
    assert await once(backend, SCOPE, "first") == "first"
    assert await once(backend, SCOPE, "second") == "first"
    elsewhere = OnceScope("acme", "bob", "UpdateProjectQuota", "key", b"content")
    assert await once(backend, elsewhere, "other") == "other"


async def test_other_content_under_the_same_key_is_refused(backend: Backend) -> None:
    await once(backend, SCOPE, "first")
    with pytest.raises(IdempotencyConflict):
        await once(backend, OnceScope("acme", "ada", SCOPE.rpc, "key", b"other"), "second")


async def test_what_failed_was_not_answered_and_no_key_is_always_new(backend: Backend) -> None:
    class BrokenError(Exception):
        pass

    async def broken() -> str:
        raise BrokenError

    with pytest.raises(BrokenError):
        await backend.tx.run(lambda store: store.once(SCOPE, broken))
    assert await once(backend, SCOPE, "first") == "first"
    anew = OnceScope("acme", "ada", SCOPE.rpc, "", b"content")
    assert [await once(backend, anew, text) for text in ("a", "b")] == ["a", "b"]


async def test_keys_that_are_not_old_are_kept(backend: Backend) -> None:
    await once(backend, SCOPE, "first")
    assert await backend.tx.run(lambda store: store.forget_answers()) == 0
    assert await once(backend, SCOPE, "second") == "first"

"""Accounts: who may make and see which, and pages of them."""

from dataclasses import replace

import pytest

from services.chassis.errors import InvalidArgument, NotFound, PermissionDenied
from services.chassis.idempotency import IdempotencyConflict
from services.chassis.identity import Principal
from services.subscription import usecases
from services.subscription.asking import AccountRequest, OutsideName, PageRequest
from services.subscription.convert import from_whose
from services.subscription.domain import AccountKind
from services.subscription.errors import CustomerBound
from services.subscription.incoming import Customer
from tests.fakes.subscription_world import (
    ADMIN,
    World,
    checkout,
    customer,
    memory_world,
)
from tollgate.subscription.v1 import subscription_pb2
from tollgate.subscription.v1 import subscription_service_pb2 as pb

ORGANIZATION = subscription_pb2.Account.KIND_ORGANIZATION
ANN = Principal("ann", "user", issuer="http://idp/realms/acme", email="ann@example.com")
BOSS = replace(ANN, subject="boss", organization="acme", groups=("org-admin",))
WORKER = replace(BOSS, subject="worker", groups=("user",))


@pytest.fixture
def world() -> World:
    return memory_world()


async def test_the_same_outside_name_is_the_same_account(world: World) -> None:
    first = await world.create()
    second = await world.create()
    other_kind = await world.create(AccountKind.DID)
    assert first.account.name == second.account.name != other_kind.account.name


async def test_a_replayed_request_answers_the_same_and_other_content_is_refused(
    world: World,
) -> None:
    first = await world.create(external_id="ann", key="r1")
    assert (await world.create(external_id="ann", key="r1")).account.name == first.account.name
    with pytest.raises(IdempotencyConflict):
        await world.create(external_id="bob", key="r1")


async def test_a_customer_of_another_account_is_refused_and_nothing_is_done(world: World) -> None:
    await world.create(external_id="ann", customers=[customer("cus_1")])
    with pytest.raises(CustomerBound):
        await world.create(external_id="bob", customers=[customer("cus_2"), customer("cus_1")])
    assert [view.account.external_id for view in await world.accounts()] == ["ann"]
    assert await world.owner("cus_2") == ""


async def test_every_bad_field_is_named_at_once(world: World) -> None:
    customers = tuple(Customer("", "", "") for _ in range(11))
    request = AccountRequest(AccountKind.USER, "", "x" * 256, customers, "k" * 256, b"")
    with pytest.raises(InvalidArgument) as caught:
        await usecases.create_account(world.tx, world.ids, ADMIN, "sub", request)
    fields = {bad.field for bad in caught.value.fields}
    assert {"external_id", "email", "request_id", "customers", "customers[0]"} <= fields


@pytest.mark.parametrize(
    ("who", "kind", "name"),
    [
        (ANN, AccountKind.USER, "ann"),
        (BOSS, AccountKind.ORGANIZATION, "acme"),
        (BOSS, AccountKind.USER, "boss"),
    ],
)
async def test_people_make_their_own_accounts(
    world: World, who: Principal, kind: AccountKind, name: str
) -> None:
    assert (await world.create(kind, name, who=who)).account.external_id == name


@pytest.mark.parametrize(
    ("who", "kind", "name"),
    [
        (ANN, AccountKind.USER, "bob"),
        (ANN, AccountKind.DID, "ann"),
        (BOSS, AccountKind.ORGANIZATION, "other"),
        (WORKER, AccountKind.ORGANIZATION, "acme"),
    ],
)
async def test_people_make_no_accounts_for_others(
    world: World, who: Principal, kind: AccountKind, name: str
) -> None:
    with pytest.raises(PermissionDenied):
        await world.create(kind, name, who=who)


async def test_only_operators_bind_customers(world: World) -> None:
    with pytest.raises(PermissionDenied):
        await world.create(external_id="ann", who=ANN, customers=[customer("cus_1")])


async def test_the_claim_decides_what_an_own_account_is_called(world: World) -> None:
    made = await world.create(external_id="ann@example.com", who=ANN, claim="email")
    seen = await usecases.get_account(world.tx, ANN, "email", made.account.name)
    assert seen == made
    with pytest.raises(NotFound):
        await usecases.get_account(world.tx, ANN, "sub", made.account.name)


async def test_who_may_not_see_an_account_is_told_that_there_is_none(world: World) -> None:
    name = (await world.create(external_id="bob")).account.name
    for read in (usecases.get_account, usecases.get_capacity_order):
        with pytest.raises(NotFound) as caught:
            await read(world.tx, ANN, "sub", name)
        assert caught.value.reason == "UNKNOWN_ACCOUNT"
    with pytest.raises(NotFound):
        await usecases.list_subscriptions(world.tx, ANN, "sub", name, PageRequest())


async def test_lists_show_what_may_be_seen(world: World) -> None:
    for kind, name in (
        (AccountKind.USER, "ann"),
        (AccountKind.USER, "boss"),
        (AccountKind.ORGANIZATION, "acme"),
        (AccountKind.ORGANIZATION, "other"),
    ):
        await world.create(kind, name)
    expected = {"ann": {"ann"}, "boss": {"boss", "acme"}, "worker": set()}
    for who in (ANN, BOSS, WORKER):
        page = await usecases.list_accounts(world.tx, who, "sub", PageRequest())
        assert {view.account.external_id for view in page.items} == expected[who.subject]
    assert len(await world.accounts()) == 4


async def test_a_user_called_like_an_organization_does_not_see_it(world: World) -> None:
    await world.create(AccountKind.ORGANIZATION, "ann")
    assert not (await usecases.list_accounts(world.tx, ANN, "sub", PageRequest())).items


async def test_an_account_without_an_outside_name_is_nobodys(world: World) -> None:
    await world.give(checkout("cs_1"))
    nameless = replace(ANN, subject="", email="")
    assert not (await usecases.list_accounts(world.tx, nameless, "sub", PageRequest())).items


async def test_the_account_of_a_customer_is_found(world: World) -> None:
    made = await world.create(customers=[customer("cus_1")])
    found = await usecases.list_accounts(world.tx, ADMIN, "sub", PageRequest(), customer("cus_1"))
    assert list(found.items) == [made]
    hidden = await usecases.list_accounts(world.tx, BOSS, "sub", PageRequest(), customer("cus_1"))
    assert not hidden.items


async def test_the_account_of_an_outside_name_is_found_among_all_by_who_may_see_it(
    world: World,
) -> None:
    for number in range(5):
        await world.create(AccountKind.USER, f"u{number}")
    made = await world.create(AccountKind.ORGANIZATION, "acme")
    await world.create(AccountKind.USER, "acme")
    wanted = OutsideName(AccountKind.ORGANIZATION, "acme")
    for who, found in ((ADMIN, [made]), (BOSS, [made]), (ANN, [])):
        page = await usecases.list_accounts(world.tx, who, "sub", PageRequest(1), wanted)
        assert (list(page.items), page.next_token) == (found, "")
    nobody = OutsideName(AccountKind.DID, "acme")
    assert not (await usecases.list_accounts(world.tx, ADMIN, "sub", PageRequest(), nobody)).items


@pytest.mark.parametrize(
    ("asked", "fields"),
    [
        (pb.ListAccountsRequest(external_id="acme"), ["kind"]),
        (pb.ListAccountsRequest(kind=ORGANIZATION), ["external_id"]),
        (pb.ListAccountsRequest(kind=ORGANIZATION, external_id="a" * 256), ["external_id"]),
        (
            pb.ListAccountsRequest(customer=subscription_pb2.CustomerBinding(provider="stripe")),
            ["customer"],
        ),
        (
            pb.ListAccountsRequest(
                customer=subscription_pb2.CustomerBinding(
                    provider="stripe", provider_account="a", customer_id="c"
                ),
                kind=ORGANIZATION,
                external_id="acme",
            ),
            ["customer"],
        ),
    ],
)
def test_half_of_a_name_is_refused_and_so_are_two(
    asked: pb.ListAccountsRequest, fields: list[str]
) -> None:
    with pytest.raises(InvalidArgument) as refused:
        from_whose(asked)
    assert [bad.field for bad in refused.value.fields] == fields


@pytest.mark.parametrize("who", [ANN, BOSS, WORKER])
async def test_purchases_and_parked_facts_are_for_operators(world: World, who: Principal) -> None:
    with pytest.raises(PermissionDenied):
        await usecases.list_purchases(world.tx, who, None, PageRequest())
    with pytest.raises(PermissionDenied):
        await usecases.list_parked_facts(world.tx, who, PageRequest())


@pytest.mark.parametrize(
    "token", ["nonsense", "WyJhIl0", "W10", "WzFlMzAwLCJhIl0", "Wzk5OTk5OTk5OTk5OTk5OTk5OTksImEiXQ"]
)
async def test_a_bad_page_token_is_an_invalid_argument_that_names_the_field(
    world: World, token: str
) -> None:
    page = PageRequest(token=token)
    for call in (
        usecases.list_accounts(world.tx, ADMIN, "sub", page),
        usecases.list_subscriptions(world.tx, ADMIN, "sub", "", page),
        usecases.list_purchases(world.tx, ADMIN, None, page),
        usecases.list_parked_facts(world.tx, ADMIN, page),
    ):
        with pytest.raises(InvalidArgument) as caught:
            await call
        assert [bad.field for bad in caught.value.fields] == ["page_token"]


async def test_pages_follow_each_other_without_gaps_or_doubles(world: World) -> None:
    for number in range(7):
        await world.give(checkout(f"cs_{number}", f"cus_{number}"))
    seen: list[str] = []
    token = ""
    while True:
        page = await usecases.list_purchases(world.tx, ADMIN, None, PageRequest(3, token))
        seen += [purchase.checkout.checkout_id for purchase in page.items]
        token = page.next_token
        if not token:
            break
    assert sorted(seen) == [f"cs_{number}" for number in range(7)]

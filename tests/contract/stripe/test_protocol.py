"""What holds for every call: keys, headers, errors, idempotency, paging, expansion."""

import httpx
import pytest
import stripe

from deploy.sandbox.stripe import SandboxStripe
from deploy.sandbox.stripe.context import API_VERSION
from tests.contract.stripe.support import admin, official, paid_subscription


async def test_the_account_answers_to_bearer_and_to_basic(
    sandbox: SandboxStripe, client: stripe.StripeClient
) -> None:
    account = await client.v1.accounts.retrieve_current_async()
    assert account.id == sandbox.account
    async with httpx.AsyncClient(auth=(sandbox.secret_key, "")) as http:
        answer = await http.get(f"{sandbox.url}/v1/account")
    assert answer.json()["id"] == sandbox.account
    assert answer.headers["Stripe-Version"] == API_VERSION
    assert answer.headers["Request-Id"].startswith("req_")


@pytest.mark.parametrize("key", ["sk_test_somebodyElsesKey", "sk_live_short"])
async def test_another_key_is_refused_without_being_shown(sandbox: SandboxStripe, key: str) -> None:
    async with official(sandbox.url, key) as stranger:
        with pytest.raises(stripe.AuthenticationError) as refused:
            await stranger.v1.accounts.retrieve_current_async()
    assert refused.value.http_status == 401
    assert key not in str(refused.value)


async def test_no_key_is_refused(sandbox: SandboxStripe) -> None:
    async with httpx.AsyncClient() as http:
        answer = await http.get(f"{sandbox.url}/v1/account")
    assert answer.status_code == 401
    assert answer.json()["error"]["type"] == "invalid_request_error"


async def test_the_version_of_the_caller_is_echoed(
    sandbox: SandboxStripe, client: stripe.StripeClient
) -> None:
    headers = {
        "Authorization": f"Bearer {sandbox.secret_key}",
        "Stripe-Version": "2025-03-31.basil",
    }
    async with httpx.AsyncClient(headers=headers) as http:
        answer = await http.get(f"{sandbox.url}/v1/account")
        unknown = await http.get(f"{sandbox.url}/v1/no_such_call")
    assert answer.headers["Stripe-Version"] == "2025-03-31.basil"
    assert unknown.status_code == 404
    assert unknown.json()["error"]["message"].startswith("Unrecognized request URL (GET: /v1/no")


async def test_an_unknown_id_is_resource_missing(client: stripe.StripeClient) -> None:
    with pytest.raises(stripe.InvalidRequestError) as refused:
        await client.v1.customers.retrieve_async("cus_nobody")
    error = refused.value
    assert (error.http_status, error.code) == (404, "resource_missing")
    assert error.user_message == "No such customer: 'cus_nobody'"
    assert error.request_id is not None


async def test_unknown_missing_and_wrong_parameters_are_named(sandbox: SandboxStripe) -> None:
    async with httpx.AsyncClient(auth=(sandbox.secret_key, "")) as http:

        async def refusal(path: str, **form: str) -> dict[str, str]:
            answer = await http.post(f"{sandbox.url}/v1/{path}", data=form)
            assert answer.status_code == 400
            found: dict[str, str] = answer.json()["error"]
            return found

        unknown = await refusal("customers", nonsense="1")
        missing = await refusal("products")
        wrong = await refusal("payment_intents", amount="ten", currency="usd")
        empty = await refusal("products", name="")
        nested = await refusal(
            "checkout/sessions", mode="payment", **{"line_items[0][colour]": "red"}
        )
    assert (unknown["code"], unknown["param"]) == ("parameter_unknown", "nonsense")
    assert (missing["code"], missing["param"]) == ("parameter_missing", "name")
    assert (wrong["code"], wrong["message"]) == (
        "parameter_invalid_integer",
        "Invalid integer: ten",
    )
    assert empty["code"] == "parameter_invalid_empty"
    assert nested["param"] == "line_items[0][colour]"


async def test_a_key_used_again_gets_the_first_answer_and_makes_nothing(
    sandbox: SandboxStripe, client: stripe.StripeClient
) -> None:
    options: stripe.RequestOptions = {"idempotency_key": "key-1"}
    params: stripe.params.CustomerCreateParams = {"email": "a@example.com"}
    first = await client.v1.customers.create_async(params, options)
    again = await client.v1.customers.create_async(params, options)
    assert again.id == first.id
    assert again.last_response is not None
    assert again.last_response.headers["Idempotent-Replayed"] == "true"
    everyone = await client.v1.customers.list_async()
    assert [customer.id for customer in everyone.data] == [first.id]
    with pytest.raises(stripe.IdempotencyError):
        await client.v1.customers.create_async({"email": "b@example.com"}, options)


@pytest.mark.parametrize("applied", [True, False])
async def test_a_server_error_is_replayed_under_its_key(
    sandbox: SandboxStripe, client: stripe.StripeClient, applied: bool
) -> None:
    await admin(sandbox, "faults", {"status": 500, "path": "/v1/customers", "applied": applied})
    options: stripe.RequestOptions = {"idempotency_key": "key-500"}
    for _ in range(2):
        with pytest.raises(stripe.APIError) as failed:
            await client.v1.customers.create_async({"name": "A"}, options)
        assert failed.value.http_status == 500
    # The effect of a call that failed after it had acted is there to be found.
    assert len((await client.v1.customers.list_async()).data) == int(applied)
    other = await client.v1.customers.create_async({"name": "A"}, {"idempotency_key": "key-2"})
    assert other.name == "A"


async def test_a_refused_call_is_not_kept_under_its_key(client: stripe.StripeClient) -> None:
    options: stripe.RequestOptions = {"idempotency_key": "key-3"}
    with pytest.raises(stripe.InvalidRequestError):
        await client.v1.customers.create_async({"email": "nonsense"}, options)
    with pytest.raises(stripe.InvalidRequestError):
        await client.v1.customers.create_async({"email": "nonsense"}, options)
    fresh = await client.v1.customers.create_async({"email": "a@example.com"}, options)
    assert fresh.email == "a@example.com"


async def test_pages_go_both_ways_and_cover_everything_once(client: stripe.StripeClient) -> None:
    made = [
        (await client.v1.customers.create_async({"email": f"{at % 2}@example.com"})).id
        for at in range(7)
    ]
    newest_first = made[::-1]
    first = await client.v1.customers.list_async({"limit": 3})
    assert ([item.id for item in first.data], first.has_more) == (newest_first[:3], True)
    after = await client.v1.customers.list_async({"limit": 3, "starting_after": newest_first[2]})
    assert ([item.id for item in after.data], after.has_more) == (newest_first[3:6], True)
    before = await client.v1.customers.list_async({"limit": 2, "ending_before": newest_first[5]})
    assert ([item.id for item in before.data], before.has_more) == (newest_first[3:5], True)
    mine = await client.v1.customers.list_async({"email": "1@example.com", "limit": 2})
    walked = [item.id async for item in mine.auto_paging_iter()]
    assert walked == [made[5], made[3], made[1]]


async def test_a_cursor_holds_after_its_object_left_the_list(client: stripe.StripeClient) -> None:
    subscriptions = [await paid_subscription(client, "price_pro") for _ in range(3)]
    page = await client.v1.subscriptions.list_async({"limit": 2})
    await client.v1.subscriptions.cancel_async(page.data[1].id)
    rest = await client.v1.subscriptions.list_async({"starting_after": page.data[1].id})
    assert [item.id for item in rest.data] == [subscriptions[0].id]


@pytest.mark.parametrize(
    ("name", "value"),
    [("limit", "0"), ("limit", "101"), ("starting_after", "cus_nobody"), ("ending_before", "x")],
)
async def test_a_bad_page_is_refused(sandbox: SandboxStripe, name: str, value: str) -> None:
    async with httpx.AsyncClient(auth=(sandbox.secret_key, "")) as http:
        answer = await http.get(f"{sandbox.url}/v1/customers", params={name: value})
    assert answer.status_code == 400
    assert answer.json()["error"]["param"] == name


async def test_expansion_reaches_through_lists_to_four_levels(client: stripe.StripeClient) -> None:
    made = await paid_subscription(client, "price_pro")
    found = await client.v1.subscriptions.list_async(
        {"expand": ["data.customer", "data.latest_invoice.payments", "data.items.data.price"]}
    )
    (subscription,) = found.data
    assert isinstance(subscription.customer, stripe.Customer)
    assert subscription.customer.id == made.customer
    invoice = subscription.latest_invoice
    assert isinstance(invoice, stripe.Invoice)
    assert invoice.payments is not None
    assert invoice.payments.data[0].status == "paid"
    whole = await client.v1.invoices.retrieve_async(
        invoice.id, {"expand": ["customer", "payments.data.payment.payment_intent"]}
    )
    assert whole.payments is not None
    intent = whole.payments.data[0].payment.payment_intent
    assert isinstance(intent, stripe.PaymentIntent)
    assert intent.status == "succeeded"


@pytest.mark.parametrize("path", ["name", "email", "nothing_such", "a.b.c.d.e"])
async def test_what_cannot_be_expanded_is_refused(client: stripe.StripeClient, path: str) -> None:
    customer = await client.v1.customers.create_async({"email": "a@example.com"})
    with pytest.raises(stripe.InvalidRequestError, match="expand"):
        await client.v1.customers.retrieve_async(customer.id, {"expand": [path]})


async def test_the_limit_answers_429_per_endpoint(
    sandbox: SandboxStripe, client: stripe.StripeClient
) -> None:
    await admin(sandbox, "limits", {"per_endpoint": 25})
    for _ in range(25):
        await client.v1.customers.list_async()
    with pytest.raises(stripe.RateLimitError) as refused:
        await client.v1.customers.list_async()
    assert refused.value.error is not None
    assert refused.value.error.code == "rate_limit"
    assert (await client.v1.products.list_async({"limit": 1})).data
    await admin(sandbox, "limits", {"per_endpoint": None})
    await client.v1.customers.list_async()


async def test_faults_hit_the_next_calls_only(
    sandbox: SandboxStripe, client: stripe.StripeClient
) -> None:
    await admin(sandbox, "faults", {"status": 429, "count": 2, "method": "GET"})
    for _ in range(2):
        with pytest.raises(stripe.RateLimitError):
            await client.v1.customers.list_async()
    assert (await client.v1.customers.list_async()).data == []


async def test_what_is_not_covered_is_said_aloud(client: stripe.StripeClient) -> None:
    with pytest.raises(stripe.APIError, match="does not cover") as refused:
        await client.v1.checkout.sessions.create_async(
            {"mode": "setup", "currency": "usd", "automatic_tax": {"enabled": True}}
        )
    assert refused.value.http_status == 501

"""Coupons, promotion codes and discounts; prices with tiers and several currencies."""

import pytest
import stripe

from tests.contract.stripe.time_support import funded, moment


async def test_a_coupon_is_made_read_changed_listed_and_deleted(
    client: stripe.StripeClient,
) -> None:
    coupons = client.v1.coupons
    made = await coupons.create_async(
        {"id": "SPRING", "percent_off": 25.5, "duration": "forever", "name": "Spring"}
    )
    assert (made.percent_off, made.valid, made.times_redeemed) == (25.5, True, 0)
    renamed = await coupons.update_async("SPRING", {"name": "Summer", "metadata": {"a": "b"}})
    assert (renamed.name, renamed.percent_off) == ("Summer", 25.5)
    assert [at.id for at in (await coupons.list_async()).data] == ["SPRING"]
    assert (await coupons.delete_async("SPRING")).deleted is True
    with pytest.raises(stripe.InvalidRequestError, match="No such coupon"):
        await coupons.retrieve_async("SPRING")


@pytest.mark.parametrize(
    "wrong",
    [
        {},
        {"percent_off": 10, "amount_off": 5, "currency": "usd"},
        {"percent_off": 101},
        {"amount_off": 100},
        {"percent_off": 10, "duration": "repeating"},
        {"percent_off": 10, "duration_in_months": 2},
    ],
)
async def test_a_coupon_that_makes_no_sense_is_refused(
    client: stripe.StripeClient, wrong: stripe.params.CouponCreateParams
) -> None:
    with pytest.raises(stripe.InvalidRequestError):
        await client.v1.coupons.create_async(wrong)


@pytest.mark.parametrize(
    ("duration", "paid"),
    [
        ({"duration": "once"}, [2450, 4900, 4900]),
        ({"duration": "repeating", "duration_in_months": 2}, [2450, 2450, 4900]),
        ({"duration": "forever"}, [2450, 2450, 2450]),
    ],
)
async def test_a_discount_lasts_as_long_as_its_coupon_says(
    client: stripe.StripeClient,
    duration: stripe.params.CouponCreateParams,
    paid: list[int],
) -> None:
    coupon = await client.v1.coupons.create_async({"percent_off": 50, **duration})
    mine = await funded(client, "2027-01-15")
    subscription = await mine.subscribe(discounts=[{"coupon": coupon.id}])
    await mine.to(moment("2027-03-15"))
    await mine.to(moment("2027-03-16"))
    assert [at.amount_paid for at in await mine.invoices(subscription.id)] == paid
    assert (await client.v1.coupons.retrieve_async(coupon.id)).times_redeemed == 1


async def test_an_invoice_says_what_was_taken_off(client: stripe.StripeClient) -> None:
    coupon = await client.v1.coupons.create_async(
        {"amount_off": 1000, "currency": "usd", "duration": "forever"}
    )
    mine = await funded(client)
    subscription = await mine.subscribe(
        items=[{"price": "price_pro"}, {"price": "price_t", "quantity": 2}],
        discounts=[{"coupon": coupon.id}],
        expand=["discounts.source.coupon"],
    )
    assert subscription.discounts is not None
    (discount,) = subscription.discounts
    assert isinstance(discount, stripe.Discount)
    assert isinstance(discount.source.coupon, stripe.Coupon)
    (invoice,) = await mine.invoices(subscription.id)
    assert (invoice.subtotal, invoice.total, invoice.amount_paid) == (6700, 5700, 5700)
    assert invoice.total_discount_amounts is not None
    assert [at.amount for at in invoice.total_discount_amounts] == [1000]
    taken = [at.amount for line in invoice.lines.data for at in line.discount_amounts or []]
    assert taken == [731, 269]


async def test_a_coupon_for_some_products_leaves_the_others(client: stripe.StripeClient) -> None:
    coupon = await client.v1.coupons.create_async(
        {"percent_off": 50, "duration": "forever", "applies_to": {"products": ["prod_shop_turbo"]}}
    )
    mine = await funded(client)
    subscription = await mine.subscribe(
        items=[{"price": "price_pro"}, {"price": "price_t"}], discounts=[{"coupon": coupon.id}]
    )
    (invoice,) = await mine.invoices(subscription.id)
    assert invoice.amount_paid == 4900 + 450


async def test_discounts_are_changed_and_taken_away(client: stripe.StripeClient) -> None:
    coupon = await client.v1.coupons.create_async({"percent_off": 10, "duration": "forever"})
    mine = await funded(client)
    subscription = await mine.subscribe()
    given = await client.v1.subscriptions.update_async(
        subscription.id, {"discounts": [{"coupon": coupon.id}]}
    )
    assert given.discounts is not None
    (name,) = given.discounts
    assert isinstance(name, str)
    kept = await client.v1.subscriptions.update_async(
        subscription.id, {"discounts": [{"discount": name}]}
    )
    assert kept.discounts == [name]
    await client.v1.subscriptions.delete_discount_async(subscription.id)
    assert (await mine.subscription(subscription.id)).discounts == []
    kinds = await mine.events()
    assert {"customer.discount.created", "customer.discount.deleted"} <= set(kinds)


async def test_a_coupon_is_used_up(client: stripe.StripeClient) -> None:
    coupon = await client.v1.coupons.create_async({"percent_off": 10, "max_redemptions": 1})
    mine = await funded(client)
    await mine.subscribe(discounts=[{"coupon": coupon.id}])
    assert (await client.v1.coupons.retrieve_async(coupon.id)).valid is False
    with pytest.raises(stripe.InvalidRequestError, match="used up"):
        await mine.subscribe("price_max", discounts=[{"coupon": coupon.id}])


async def test_a_proration_keeps_the_discount_that_was_given(client: stripe.StripeClient) -> None:
    coupon = await client.v1.coupons.create_async({"percent_off": 50, "duration": "once"})
    mine = await funded(client, "2027-04-01")
    subscription = await mine.subscribe(discounts=[{"coupon": coupon.id}])
    await mine.to(moment("2027-04-16"))
    (item,) = subscription["items"].data
    await client.v1.subscriptions.update_async(
        subscription.id, {"items": [{"id": item.id, "price": "price_max"}]}
    )
    found = await client.v1.invoice_items.list_async({"customer": mine.customer})
    assert sorted(at.amount for at in found.data) == [-1225, 4975]


async def test_a_promotion_code_leads_to_its_coupon_within_its_limits(
    client: stripe.StripeClient,
) -> None:
    coupon = await client.v1.coupons.create_async({"percent_off": 20, "duration": "forever"})
    codes = client.v1.promotion_codes
    made = await codes.create_async(
        {
            "promotion": {"type": "coupon", "coupon": coupon.id},
            "code": "HELLO",
            "max_redemptions": 1,
            "restrictions": {"minimum_amount": 5000, "minimum_amount_currency": "usd"},
        }
    )
    assert (made.active, made.code) == (True, "HELLO")
    (found,) = (await codes.list_async({"code": "hello"})).data
    assert found.id == made.id
    mine = await funded(client)
    wanted = [{"promotion_code": made.id}]
    with pytest.raises(stripe.InvalidRequestError, match="minimum amount"):
        await mine.subscribe("price_pro", discounts=wanted)
    await mine.subscribe("price_max", discounts=wanted)
    used = await codes.retrieve_async(made.id, {"expand": ["promotion.coupon"]})
    assert (used.active, used.times_redeemed) == (False, 1)
    assert isinstance(used.promotion.coupon, stripe.Coupon)
    with pytest.raises(stripe.InvalidRequestError, match="expired or inactive"):
        await mine.subscribe("price_max", discounts=wanted)


async def test_a_code_is_one_at_a_time(client: stripe.StripeClient) -> None:
    coupon = await client.v1.coupons.create_async({"percent_off": 20})
    wanted: stripe.params.PromotionCodeCreateParams = {
        "promotion": {"type": "coupon", "coupon": coupon.id},
        "code": "ONLY",
    }
    first = await client.v1.promotion_codes.create_async(wanted)
    with pytest.raises(stripe.InvalidRequestError, match="already exists"):
        await client.v1.promotion_codes.create_async(wanted)
    await client.v1.promotion_codes.update_async(first.id, {"active": False})
    assert (await client.v1.promotion_codes.create_async(wanted)).id != first.id


async def test_a_price_has_amounts_in_several_currencies(client: stripe.StripeClient) -> None:
    price = await client.v1.prices.create_async(
        {
            "currency": "usd",
            "unit_amount": 1000,
            "product": "prod_shop_pro",
            "recurring": {"interval": "month"},
            "currency_options": {"eur": {"unit_amount": 900}},
        }
    )
    assert "currency_options" not in price.to_dict()
    full = await client.v1.prices.retrieve_async(price.id, {"expand": ["currency_options"]})
    assert full.currency_options is not None
    assert {name: full.currency_options[name].unit_amount for name in ("usd", "eur")} == {
        "usd": 1000,
        "eur": 900,
    }
    mine = await funded(client)
    subscription = await mine.subscribe(price.id, currency="eur", quantity=1)
    assert subscription.currency == "eur"
    (invoice,) = await mine.invoices(subscription.id)
    assert (invoice.currency, invoice.amount_paid) == ("eur", 900)
    with pytest.raises(stripe.InvalidRequestError):
        await mine.subscribe(price.id, currency="gbp")


@pytest.mark.parametrize(
    ("mode", "quantity", "amount"),
    [("graduated", 15, 7000 + 500), ("volume", 15, 7500 + 0), ("graduated", 5, 3000)],
)
async def test_a_tiered_price_asks_by_its_tiers(
    client: stripe.StripeClient, mode: str, quantity: int, amount: int
) -> None:
    price = await client.v1.prices.create_async(
        {
            "currency": "usd",
            "product": "prod_shop_pro",
            "recurring": {"interval": "month"},
            "billing_scheme": "tiered",
            "tiers_mode": "graduated" if mode == "graduated" else "volume",
            "tiers": [
                {"up_to": 10, "unit_amount": 500, "flat_amount": 500},
                {"up_to": "inf", "unit_amount": 400 if mode == "graduated" else 500},
            ],
            "expand": ["tiers"],
        }
    )
    assert price.unit_amount is None
    assert price.tiers is not None
    assert [tier.up_to for tier in price.tiers] == [10, None]
    mine = await funded(client)
    subscription = await mine.subscribe(price.id, quantity)
    (invoice,) = await mine.invoices(subscription.id)
    assert invoice.amount_paid == amount


async def test_amounts_that_wait_come_with_the_next_invoice(client: stripe.StripeClient) -> None:
    mine = await funded(client, "2027-01-15")
    subscription = await mine.subscribe()
    items = client.v1.invoice_items
    extra = await items.create_async(
        {"customer": mine.customer, "amount": 700, "currency": "usd", "description": "Help"}
    )
    gone = await items.create_async(
        {"customer": mine.customer, "amount": 5, "currency": "usd", "subscription": subscription.id}
    )
    assert (await items.delete_async(gone.id)).deleted is True
    await items.update_async(extra.id, {"amount": 800})
    await mine.to(moment("2027-02-16"))
    _, renewal = await mine.invoices(subscription.id)
    assert [line.amount for line in renewal.lines.data] == [800, 4900]
    assert (await items.retrieve_async(extra.id)).invoice == renewal.id


async def test_an_invoice_is_made_by_hand_and_paid(client: stripe.StripeClient) -> None:
    mine = await funded(client)
    await client.v1.invoice_items.create_async(
        {"customer": mine.customer, "amount": 700, "currency": "usd"}
    )
    invoices = client.v1.invoices
    made = await invoices.create_async(
        {"customer": mine.customer, "pending_invoice_items_behavior": "include"}
    )
    assert (made.status, made.amount_due, made.billing_reason) == ("draft", 700, "manual")
    assert made.id is not None
    opened = await invoices.finalize_invoice_async(made.id)
    assert opened.status == "open"
    paid = await invoices.pay_async(made.id)
    assert (paid.status, paid.amount_paid) == ("paid", 700)
    with pytest.raises(stripe.InvalidRequestError, match="already paid"):
        await invoices.pay_async(made.id)

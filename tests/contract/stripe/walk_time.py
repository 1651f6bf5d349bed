"""The part of the walk that time does: catalog, subscriptions, invoices, clocks."""

import stripe

from tests.contract.stripe.walking import Walk

MONTH = 32 * 86400


async def catalog(walk: Walk) -> None:
    """Products and prices: plain, tiered, in several currencies."""
    api = walk.client.v1
    product = await api.products.create_async({"name": "Tiers", "metadata": {"walk": "1"}})
    await api.products.update_async(product.id, {"description": "walk"})
    await api.products.retrieve_async(product.id)
    await api.products.list_async({"limit": 3})
    made = await api.prices.create_async(
        {
            "product": product.id,
            "currency": "usd",
            "recurring": {"interval": "month"},
            "billing_scheme": "tiered",
            "tiers_mode": "graduated",
            "tiers": [
                {"up_to": 5, "unit_amount": 700},
                {"up_to": "inf", "unit_amount": 500},
            ],
        }
    )
    await api.prices.update_async(made.id, {"nickname": "walk"})
    found = await api.prices.retrieve_async(
        made.id, {"expand": ["tiers", "currency_options", "product"]}
    )
    walk.same(len(found.tiers or []), 2)
    await api.prices.list_async({"product": product.id})


async def coupons(walk: Walk) -> None:
    """Coupons and promotion codes, one of them used."""
    api = walk.client.v1
    coupon = await api.coupons.create_async({"percent_off": 20, "duration": "forever"})
    await api.coupons.update_async(coupon.id, {"name": "walk"})
    await api.coupons.retrieve_async(coupon.id)
    await api.coupons.list_async()
    code = await api.promotion_codes.create_async(
        {"promotion": {"type": "coupon", "coupon": coupon.id}}
    )
    await api.promotion_codes.update_async(code.id, {"metadata": {"walk": "1"}})
    await api.promotion_codes.retrieve_async(code.id, {"expand": ["promotion.coupon"]})
    await api.promotion_codes.list_async({"code": code.code})
    made = await api.subscriptions.create_async(
        {
            "customer": walk.customer,
            "items": [{"price": walk.price}],
            "discounts": [{"promotion_code": code.id}],
            "expand": ["discounts", "latest_invoice"],
        }
    )
    walk.same(isinstance(made.latest_invoice, stripe.Invoice), True)
    await api.subscriptions.delete_discount_async(made.id)
    await api.subscriptions.cancel_async(made.id)
    spare = await api.coupons.create_async(
        {"amount_off": 100, "currency": "usd", "duration": "once"}
    )
    walk.same((await api.coupons.delete_async(spare.id)).deleted, True)


async def subscriptions(walk: Walk) -> None:
    """A subscription begins by a call, changes, is paused both ways, renews and ends."""
    api = walk.client.v1
    made = await api.subscriptions.create_async(
        {
            "customer": walk.customer,
            "items": [{"price": walk.price, "quantity": 2}],
            "metadata": {"walk": "1"},
            "expand": ["latest_invoice.payments"],
        }
    )
    walk.same(made.status, "active")
    await _items(walk, made.id)
    await api.subscriptions.update_async(
        made.id, {"pause_collection": {"behavior": "void"}, "metadata": {"walk": "2"}}
    )
    await api.subscriptions.update_async(made.id, {"pause_collection": ""})
    await api.subscriptions.pause_async(made.id, {"type": "subscription"})
    walk.same((await api.subscriptions.retrieve_async(made.id)).status, "paused")
    await api.subscriptions.resume_async(made.id, {"billing_cycle_anchor": {"type": "unchanged"}})
    await walk.later(MONTH)
    walk.same((await api.subscriptions.retrieve_async(made.id)).status, "active")
    await api.subscriptions.list_async({"customer": walk.customer, "status": "all"})
    await api.subscriptions.update_async(made.id, {"cancel_at_period_end": True})
    await walk.later(MONTH)
    walk.same((await api.subscriptions.retrieve_async(made.id)).status, "canceled")


async def _items(walk: Walk, subscription: str) -> None:
    api = walk.client.v1
    other = await api.prices.create_async(
        {
            "currency": "usd",
            "unit_amount": 300,
            "recurring": {"interval": "month"},
            "product_data": {"name": "Extra"},
        }
    )
    await api.invoices.create_preview_async(
        {
            "customer": walk.customer,
            "subscription": subscription,
            "subscription_details": {"items": [{"price": other.id}]},
        }
    )
    item = await api.subscription_items.create_async(
        {"subscription": subscription, "price": other.id, "quantity": 3}
    )
    await api.subscription_items.update_async(item.id, {"quantity": 4})
    await api.subscription_items.retrieve_async(item.id)
    await api.subscription_items.list_async({"subscription": subscription})
    walk.same((await api.subscription_items.delete_async(item.id)).deleted, True)


async def invoices(walk: Walk) -> None:
    """Invoices made by hand: paid, void, given up, deleted."""
    api = walk.client.v1
    paid = await _invoice(walk)
    await api.invoices.update_async(paid, {"description": "walk"})
    await api.invoices.line_items.list_async(paid)
    await api.invoices.finalize_invoice_async(paid)
    await api.invoices.pay_async(paid)
    found = await api.invoices.retrieve_async(
        paid, {"expand": ["payments.data.payment.payment_intent"]}
    )
    walk.same(found.status, "paid")
    payments = await api.invoice_payments.list_async({"invoice": paid})
    await api.invoice_payments.retrieve_async(payments.data[0].id)
    void = await _invoice(walk)
    await api.invoices.finalize_invoice_async(void)
    walk.same((await api.invoices.void_invoice_async(void)).status, "void")
    lost = await _invoice(walk)
    await api.invoices.finalize_invoice_async(lost)
    walk.same((await api.invoices.mark_uncollectible_async(lost)).status, "uncollectible")
    draft = await _invoice(walk)
    walk.same((await api.invoices.delete_async(draft)).deleted, True)
    await api.invoices.list_async({"customer": walk.customer})


async def _invoice(walk: Walk) -> str:
    api = walk.client.v1
    item = await api.invoice_items.create_async(
        {"customer": walk.customer, "amount": 900, "currency": "usd"}
    )
    await api.invoice_items.update_async(item.id, {"description": "walk"})
    await api.invoice_items.retrieve_async(item.id)
    await api.invoice_items.list_async({"customer": walk.customer})
    spare = await api.invoice_items.create_async(
        {"customer": walk.customer, "amount": 100, "currency": "usd"}
    )
    walk.same((await api.invoice_items.delete_async(spare.id)).deleted, True)
    made = await api.invoices.create_async(
        {"customer": walk.customer, "pending_invoice_items_behavior": "include"}
    )
    return str(made.id)


async def clocks(walk: Walk) -> None:
    """The clocks themselves, at the end: with a clock goes its customer."""
    api = walk.client.v1.test_helpers.test_clocks
    await api.list_async()
    walk.same((await api.delete_async(walk.clock)).deleted, True)


FLOWS = (catalog, coupons, invoices, subscriptions)
LAST = (clocks,)

"""What may be done with a subscription after it was paid."""

import pytest
import stripe

from tests.contract.stripe.support import paid_subscription


async def test_it_is_canceled_at_the_end_of_its_period_and_called_back(
    client: stripe.StripeClient,
) -> None:
    made = await paid_subscription(client, "price_pro")
    (item,) = made["items"].data
    ending = await client.v1.subscriptions.update_async(made.id, {"cancel_at_period_end": True})
    assert (ending.status, ending.cancel_at) == ("active", item.current_period_end)
    assert ending.cancellation_details is not None
    assert ending.cancellation_details.reason == "cancellation_requested"
    back = await client.v1.subscriptions.update_async(made.id, {"cancel_at_period_end": False})
    assert (back.cancel_at, back.canceled_at) == (None, None)
    events = await client.v1.events.list_async({"type": "customer.subscription.updated"})
    assert events.data[1].data.previous_attributes is not None
    assert events.data[1].data.previous_attributes["cancel_at_period_end"] is False


async def test_it_is_canceled_now_and_only_once(client: stripe.StripeClient) -> None:
    made = await paid_subscription(client, "price_pro")
    gone = await client.v1.subscriptions.cancel_async(
        made.id, {"cancellation_details": {"comment": "too dear"}}
    )
    assert gone.status == "canceled"
    assert gone.ended_at is not None
    with pytest.raises(stripe.InvalidRequestError) as refused:
        await client.v1.subscriptions.cancel_async(made.id)
    assert (refused.value.http_status, refused.value.code) == (404, "resource_missing")
    with pytest.raises(stripe.InvalidRequestError, match="canceled subscription can only"):
        await client.v1.subscriptions.update_async(made.id, {"cancel_at_period_end": True})
    assert (await client.v1.subscriptions.list_async()).data == []
    everything = await client.v1.subscriptions.list_async({"status": "all"})
    assert [item.id for item in everything.data] == [made.id]
    (event,) = (await client.v1.events.list_async({"type": "customer.subscription.deleted"})).data
    assert event.data.object["status"] == "canceled"


async def test_its_price_and_items_change(client: stripe.StripeClient) -> None:
    made = await paid_subscription(client, "price_pro")
    (item,) = made["items"].data
    changed = await client.v1.subscriptions.update_async(
        made.id,
        {
            "items": [
                {"id": item.id, "price": "price_max", "quantity": 2},
                {"price": "price_t", "quantity": 3},
            ],
            "proration_behavior": "none",
            "metadata": {"operation": "op-2"},
        },
    )
    assert {(one.price.id, one.quantity) for one in changed["items"].data} == {
        ("price_max", 2),
        ("price_t", 3),
    }
    assert changed["items"].data[0].id == item.id
    listed = await client.v1.subscription_items.list_async({"subscription": made.id})
    assert [one.id for one in listed.data] == [one.id for one in changed["items"].data]
    fewer = await client.v1.subscriptions.update_async(
        made.id, {"items": [{"id": listed.data[1].id, "deleted": True}]}
    )
    assert [one.price.id for one in fewer["items"].data] == ["price_max"]
    with pytest.raises(stripe.InvalidRequestError, match="jpy"):
        await client.v1.subscriptions.update_async(
            made.id, {"items": [{"id": item.id, "price": "price_pro_jpy"}]}
        )


async def test_pausing_its_collection_leaves_it_active(client: stripe.StripeClient) -> None:
    made = await paid_subscription(client, "price_pro")
    paused = await client.v1.subscriptions.update_async(
        made.id, {"pause_collection": {"behavior": "void"}}
    )
    assert paused.status == "active"
    assert paused.pause_collection is not None
    assert paused.pause_collection.behavior == "void"
    resumed = await client.v1.subscriptions.update_async(made.id, {"pause_collection": ""})
    assert resumed.pause_collection is None
    types = [event.type for event in (await client.v1.events.list_async({"limit": 2})).data]
    assert types == ["customer.subscription.updated"] * 2

"""Webhook endpoints; the signing secret is shown once, when one is made."""

from deploy.sandbox.stripe import paging, params
from deploy.sandbox.stripe.api import Route
from deploy.sandbox.stripe.context import Call, Context, WebhookTarget
from deploy.sandbox.stripe.errors import invalid
from deploy.sandbox.stripe.ids import new_id, token
from deploy.sandbox.stripe.shapes import JsonObject, merge_metadata

CONFIGURED = "we_sandbox"  # ids of endpoints from the command line: we_sandbox1, we_sandbox2, …
UPDATE_FIELDS: params.Fields = {
    "description": params.text(clearable=True),
    "disabled": params.boolean(),
    "enabled_events": params.array(params.text()),
    "metadata": params.metadata(),
    "url": params.text(),
}
CREATE_FIELDS: params.Fields = {
    "api_version": params.text(),
    "description": params.text(clearable=True),
    "enabled_events": params.array(params.text(), required=True),
    "metadata": params.metadata(),
    "url": params.text(required=True),
}


def shape(endpoint_id: str, url: str, moment: int) -> JsonObject:
    """An endpoint that takes all events."""
    return {
        "id": endpoint_id,
        "object": "webhook_endpoint",
        "api_version": None,
        "application": None,
        "created": moment,
        "description": None,
        "enabled_events": ["*"],
        "livemode": False,
        "metadata": {},
        "status": "enabled",
        "url": url,
    }


def configure(context: Context, targets: tuple[WebhookTarget, ...]) -> None:
    """Make the endpoints of the command line those of this start; their ids go by position."""
    known = {
        item["id"]: item
        for item in context.tx.newest("webhook_endpoint")
        if item["id"].startswith(CONFIGURED)
    }
    for at, target in enumerate(targets, 1):
        endpoint_id = f"{CONFIGURED}{at}"
        old = known.pop(endpoint_id, None) or shape(endpoint_id, target.url, context.now)
        asked = {"enabled_events": list(target.events)} if target.events else {}
        context.tx.save("webhook_endpoint", old | asked | {"url": target.url})
        context.tx.save("signing_secrets", {"id": endpoint_id, "secrets": list(target.secrets)})
    for endpoint_id in known:
        context.tx.discard("webhook_endpoint", endpoint_id)
        context.tx.discard("signing_secrets", endpoint_id)


def create(call: Call) -> JsonObject:
    """POST /v1/webhook_endpoints."""
    _check_url(call.params["url"])
    endpoint = shape(new_id("webhook_endpoint"), call.params["url"], call.now)
    endpoint["api_version"] = call.params.get("api_version")
    _apply(endpoint, call.params)
    secret = f"whsec_{token(32)}"
    call.tx.save("webhook_endpoint", endpoint)
    call.tx.save("signing_secrets", {"id": endpoint["id"], "secrets": [secret]})
    return {**endpoint, "secret": secret}


def _check_url(url: str) -> None:
    if not url.startswith(("http://", "https://")):
        raise invalid(f"Invalid URL: {url}", "url", "url_invalid")


def _apply(endpoint: JsonObject, values: JsonObject) -> None:
    for name in ("description", "enabled_events", "url"):
        if name in values:
            endpoint[name] = values[name]
    if "disabled" in values:
        endpoint["status"] = "disabled" if values["disabled"] else "enabled"
    if "metadata" in values:
        endpoint["metadata"] = merge_metadata(endpoint["metadata"], values["metadata"])


def retrieve(call: Call) -> JsonObject:
    """GET /v1/webhook_endpoints/:id."""
    return call.tx.need("webhook_endpoint", call.path["id"], "webhook_endpoint")


def update(call: Call) -> JsonObject:
    """POST /v1/webhook_endpoints/:id."""
    endpoint = retrieve(call)
    if "url" in call.params:
        _check_url(call.params["url"])
    _apply(endpoint, call.params)
    return call.tx.save("webhook_endpoint", endpoint)


def delete(call: Call) -> JsonObject:
    """DELETE /v1/webhook_endpoints/:id; what still waits for it is dropped."""
    endpoint = retrieve(call)
    call.tx.discard("webhook_endpoint", endpoint["id"])
    call.tx.discard("signing_secrets", endpoint["id"])
    return {"id": endpoint["id"], "object": "webhook_endpoint", "deleted": True}


def list_all(call: Call) -> JsonObject:
    """GET /v1/webhook_endpoints."""
    return paging.page(call, "webhook_endpoint", "/v1/webhook_endpoints")


ROUTES = (
    Route("POST", "/v1/webhook_endpoints", create, CREATE_FIELDS),
    Route("GET", "/v1/webhook_endpoints", list_all, params.PAGING),
    Route("GET", "/v1/webhook_endpoints/{id}", retrieve, {}),
    Route("POST", "/v1/webhook_endpoints/{id}", update, UPDATE_FIELDS),
    Route("DELETE", "/v1/webhook_endpoints/{id}", delete, {}),
)

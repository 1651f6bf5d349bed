"""Products."""

from deploy.sandbox.stripe import paging, params
from deploy.sandbox.stripe.api import Route
from deploy.sandbox.stripe.context import Call, Context
from deploy.sandbox.stripe.errors import invalid
from deploy.sandbox.stripe.events import emit
from deploy.sandbox.stripe.ids import new_id
from deploy.sandbox.stripe.shapes import JsonObject, difference, merge_metadata

COMMON: params.Fields = {
    "active": params.boolean(),
    "description": params.text(clearable=True),
    "metadata": params.metadata(),
    "url": params.text(clearable=True),
}
CREATE_FIELDS: params.Fields = {
    **COMMON,
    "id": params.text(),
    "name": params.text(required=True),
}
UPDATE_FIELDS: params.Fields = {
    **COMMON,
    "name": params.text(),
    "default_price": params.text(),
}
LIST_FIELDS: params.Fields = {
    **params.PAGING,
    "active": params.boolean(),
    "created": params.time_range(),
    "ids": params.array(params.text()),
}


def shape(product_id: str, name: str, moment: int) -> JsonObject:
    """A product of which only the name is known."""
    return {
        "id": product_id,
        "object": "product",
        "active": True,
        "created": moment,
        "default_price": None,
        "description": None,
        "images": [],
        "livemode": False,
        "marketing_features": [],
        "metadata": {},
        "name": name,
        "package_dimensions": None,
        "shippable": None,
        "statement_descriptor": None,
        "tax_code": None,
        "type": "service",
        "unit_label": None,
        "updated": moment,
        "url": None,
    }


def make(context: Context, values: JsonObject, *, active: bool = True) -> JsonObject:
    """A new product with its event."""
    product_id = values.get("id") or new_id("product")
    if context.tx.get("product", product_id) is not None:
        message = "Product already exists."
        raise invalid(message, "id", "resource_already_exists")
    product = shape(product_id, values["name"], context.now) | {"active": active}
    _apply(product, values)
    context.tx.save("product", product)
    emit(context, "product.created", product)
    return product


def _apply(product: JsonObject, values: JsonObject) -> None:
    for name in ("active", "description", "url", "name", "default_price"):
        if name in values:
            product[name] = values[name]
    if "metadata" in values:
        product["metadata"] = merge_metadata(product["metadata"], values["metadata"])


def create(call: Call) -> JsonObject:
    """POST /v1/products."""
    return make(call.context, call.params)


def retrieve(call: Call) -> JsonObject:
    """GET /v1/products/:id."""
    return call.tx.need("product", call.path["id"], "id")


def update(call: Call) -> JsonObject:
    """POST /v1/products/:id."""
    product = call.tx.need("product", call.path["id"], "id")
    if "default_price" in call.params:
        call.tx.need("price", call.params["default_price"], "default_price", status=400)
    before = dict(product)
    _apply(product, call.params)
    changed = difference(before, product)
    if changed:
        changed["updated"] = product["updated"]
        product["updated"] = call.now
        call.tx.save("product", product)
        emit(call.context, "product.updated", product, changed)
    return product


def list_all(call: Call) -> JsonObject:
    """GET /v1/products."""
    ids = call.params.get("ids")
    return paging.page(
        call,
        "product",
        "/v1/products",
        keep=lambda item: (
            (ids is None or item["id"] in ids)
            and item["active"] == call.params.get("active", item["active"])
        ),
    )


ROUTES = (
    Route("POST", "/v1/products", create, CREATE_FIELDS),
    Route("GET", "/v1/products", list_all, LIST_FIELDS),
    Route("GET", "/v1/products/{id}", retrieve, {}),
    Route("POST", "/v1/products/{id}", update, UPDATE_FIELDS),
)

"""The sandbox's own call by which it learns what is sold from now on: `POST /sandbox/catalog`."""

from aiohttp import web

from deploy.sandbox.stripe import catalog
from deploy.sandbox.stripe.admin_calls import AdminError, answered, given, require
from deploy.sandbox.stripe.context import World
from deploy.sandbox.stripe.shapes import JsonObject
from services.pricing.sources import ImportSettings


class CatalogAdmin:
    """Its handler; it needs no key."""

    def __init__(self, world: World, imports: ImportSettings) -> None:
        """``imports`` is what plans are read with, as pricing reads them."""
        self._world = world
        self._imports = imports

    def routes(self) -> list[web.RouteDef]:
        """Where it lives."""
        return [web.post("/sandbox/catalog", answered(self.learn))]

    async def learn(self, request: web.Request) -> JsonObject:
        """Make what the plans of a ConfigMap sell and is not there yet; what is there stays."""
        asked = await given(request, ("name", "text"))
        name, text = asked.get("name"), asked.get("text")
        require(isinstance(name, str) and "/" in name, "name: namespace/name of the ConfigMap")
        require(isinstance(text, str), "text: its plans.yaml")
        context = self._world.begin()
        try:
            learnt = catalog.learn(context, str(name), str(text), self._imports)
        except catalog.CatalogError as wrong:
            raise AdminError(str(wrong)) from wrong
        context.tx.commit()
        return {"learnt": learnt}

"""A replica of pricing. What its files say is read once for all worlds; nobody edits them."""

from functools import cache
from pathlib import Path

from services.chassis.errors import Unavailable
from services.pricing import usecases
from services.pricing.access import ACCESS
from services.pricing.catalog_file import parse_catalog
from services.pricing.domain import Catalog
from services.pricing.ratecard_file import parse_rate_card
from services.pricing.rates import RateCard
from services.pricing.servicer import SERVICE, PricingServicer
from services.pricing.usecases import PricingTransactions
from tests.simulation.services.replica import Replica
from tollgate.pricing.v1.pricing_service_pb2_grpc import add_PricingServiceServicer_to_server

DEPLOY = Path(__file__).parents[3] / "deploy"
OURS = Path(__file__).parents[1] / "catalogs"
"""What is sold in simulated worlds only."""
_NEWER = "\n# The next version of this catalog sells the same.\n"


@cache
def catalogs(*, newer: bool) -> tuple[Catalog, ...]:
    """Return the catalogs as the older or the newer version of pricing brings them."""
    paths = [*sorted((DEPLOY / "catalogs").glob("*.yaml")), *sorted(OURS.glob("*.yaml"))]
    return tuple(
        parse_catalog(path.read_text() + (_NEWER if newer else ""), str(path)) for path in paths
    )


@cache
def rate_card() -> RateCard:
    """Return the rate card."""
    path = DEPLOY / "rates" / "default.yaml"
    return parse_rate_card(path.read_text(), str(path))


async def pricing(replica: Replica) -> None:
    """Put a replica together and serve until it is to stop."""
    tx: PricingTransactions = replica.rows.tx
    while not await _loaded(tx, newer=replica.newer):
        await replica.clock.sleep(1.0)
    servicer = PricingServicer(tx, replica.ids)
    net = replica.platform.net
    net.serve([(add_PricingServiceServicer_to_server, servicer, SERVICE)], ACCESS)
    await replica.stopping.wait()
    net.leave()


async def _loaded(tx: PricingTransactions, *, newer: bool) -> bool:
    try:
        for catalog in catalogs(newer=newer):
            await usecases.activate(tx, catalog, edited=False)
        await usecases.activate_rate_card(tx, rate_card(), edited=False)
    except Unavailable:
        return False
    return True

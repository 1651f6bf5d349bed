"""Where catalogs come from, over gRPC."""

from collections.abc import Awaitable, Sequence

from gateway.clients.paging import PAGE_SIZE, pages
from gateway.clients.quotes import GrpcQuoteChecks
from gateway.ports.sources import CatalogSource
from tollgate.pricing.v1 import pricing_service_pb2 as pb


class GrpcCatalogSources(GrpcQuoteChecks):
    """The port ``CatalogSources`` over a channel of the chassis, beside ``QuoteChecks``."""

    async def catalog_sources(self) -> Sequence[CatalogSource]:
        """Return all sources."""

        def ask(token: str) -> Awaitable[pb.ListCatalogSourcesResponse]:
            request = pb.ListCatalogSourcesRequest(page_size=PAGE_SIZE, page_token=token)
            return self._stub.ListCatalogSources(request)

        return [_source(one) async for page in pages(ask) for one in page.sources]


def _source(message: pb.CatalogSource) -> CatalogSource:
    return CatalogSource(
        source=message.source,
        stands=message.stands,
        revision=message.revision,
        text_bytes=message.text_bytes,
        catalog=message.catalog,
        version=message.catalog_version,
        problems=tuple(message.problems),
    )

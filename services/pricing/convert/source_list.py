"""Sources of catalogs as messages."""

from services.pricing.observed import CatalogSource
from tollgate.pricing.v1 import pricing_service_pb2 as pb


def to_proto_source(source: CatalogSource, version: str) -> pb.CatalogSource:
    """Convert a source, with the version of its catalog that is in force."""
    seen = source.seen
    return pb.CatalogSource(
        source=seen.source,
        stands=seen.stands,
        revision=seen.revision,
        text_bytes=seen.left_out_bytes if seen.text is None else len(seen.text.encode()),
        catalog=source.catalog,
        catalog_version=version,
        problems=source.error.splitlines(),
    )

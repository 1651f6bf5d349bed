"""Pricing's loops: catalogs and rate card follow their files, and old answers are forgotten."""

from services.pricing.worker.catalogs import CatalogFiles as CatalogFiles
from services.pricing.worker.catalogs import catalog_texts as catalog_texts
from services.pricing.worker.files import PURGE_EVERY as PURGE_EVERY
from services.pricing.worker.files import purge as purge
from services.pricing.worker.keys import QuoteKeyFile as QuoteKeyFile
from services.pricing.worker.keys import key_ring as key_ring
from services.pricing.worker.observed import ObservedCatalogs as ObservedCatalogs
from services.pricing.worker.offers import CatalogsInForce as CatalogsInForce
from services.pricing.worker.rates import RateCardFile as RateCardFile
from services.pricing.worker.rates import rate_card_text as rate_card_text

"""Catalogs in other forms than our own: read, written, compared. Pure."""

from services.pricing.sources.differences import Difference as Difference
from services.pricing.sources.differences import Kind as Kind
from services.pricing.sources.differences import differences as differences
from services.pricing.sources.exporting import exported as exported
from services.pricing.sources.opening import guessed as guessed
from services.pricing.sources.opening import imported as imported
from services.pricing.sources.opening import opened as opened
from services.pricing.sources.options import PRICE_VARIABLE as PRICE_VARIABLE
from services.pricing.sources.options import TIERS as TIERS
from services.pricing.sources.options import ImportOptions as ImportOptions
from services.pricing.sources.options import SourceForm as SourceForm
from services.pricing.sources.options_file import ImportSettings as ImportSettings
from services.pricing.sources.options_file import read_imports as read_imports
from services.pricing.sources.reading import Exported as Exported
from services.pricing.sources.reading import Imported as Imported
from services.pricing.sources.reading import Reading as Reading
from services.pricing.sources.reading import accepted as accepted

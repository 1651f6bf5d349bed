"""Writes a catalog in whatever form is asked for, and says what that form cannot carry."""

from typing import assert_never

from services.pricing.domain import Catalog
from services.pricing.sources.billing_plans_text import billing_plans_text
from services.pricing.sources.manifest import wrapped
from services.pricing.sources.options import SourceForm
from services.pricing.sources.own_yaml import own_text
from services.pricing.sources.quotas_text import quotas_text
from services.pricing.sources.reading import Exported


def exported(
    catalog: Catalog, form: SourceForm, *, hold_url: str = "", manifest: bool = False
) -> Exported:
    """Return a catalog in a form; ValueError if the form can say none of its plans.

    ``hold_url`` is written as ``{hold_url}`` in ``quotas``; ``manifest`` puts ``billing-plans``
    into its ConfigMap.
    """
    match form:
        case SourceForm.OWN:
            return Exported(own_text(catalog), ())
        case SourceForm.QUOTAS:
            return quotas_text(catalog, hold_url)
        case SourceForm.BILLING_PLANS:
            plans = billing_plans_text(catalog)
            return Exported(wrapped(plans.text), plans.notes) if manifest else plans
        case _:
            assert_never(form)

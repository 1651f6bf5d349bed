"""From a rate card's text to a rate card, or to a list of problems with file, line and key."""

import hashlib
import json

from pydantic import ValidationError

from services.pricing.catalog_file import problems_of
from services.pricing.catalog_yaml import MarkedYaml, YamlProblem, read, said
from services.pricing.errors import CatalogRejected
from services.pricing.ratecard_schema import RateCardForm
from services.pricing.rates import RateCard


def parse_rate_card(text: str, source: str) -> RateCard:
    """Read a rate card; CatalogRejected lists every problem as ``source:line: key: what``."""
    try:
        document = read(text)
    except YamlProblem as problem:
        raise CatalogRejected(
            source, [said(source, problem.line, problem.key, str(problem))]
        ) from None
    content = json.dumps(document.value, ensure_ascii=False, separators=(",", ":"))
    return _checked(document, source, content)


def stored_rate_card(content: str) -> RateCard:
    """Read back the content of a version that was in force once."""
    return _checked(MarkedYaml(json.loads(content), {}), "the stored version", content)


def _checked(document: MarkedYaml, source: str, content: str) -> RateCard:
    try:
        form = RateCardForm.model_validate(document.value)
    except ValidationError as error:
        raise CatalogRejected(source, problems_of(document, source, error)) from None
    return form.to_domain(hashlib.sha256(content.encode()).hexdigest(), content)

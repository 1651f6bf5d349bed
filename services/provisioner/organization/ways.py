"""What work on organizations needs beside the cluster itself."""

from dataclasses import dataclass

from services.chassis.metrics import Counter
from services.provisioner.organization.seen import OrganizationView
from services.provisioner.organization.settings import OrganizationSettings


@dataclass(frozen=True, slots=True)
class Ways:
    """What is heard of organizations, how they are treated here, and where writes are counted."""

    view: OrganizationView
    settings: OrganizationSettings
    writes: Counter

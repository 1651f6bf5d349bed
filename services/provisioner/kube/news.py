"""What a change of an object is worth: controllers write to ours all the time, mostly status.

A run compares what we said of an object, and reads the few parts of a status that are told or
counted by. A change of anything else causes no run. It is judged by what was heard before, never
by what was written: an edit by others is a change, whoever made the version before it.
"""

from collections.abc import Mapping
from enum import Enum

from services.provisioner import naming
from services.provisioner.domain import JsonObject
from services.provisioner.objects import Live, section

_COUNTED = frozenset({"managedFields", "resourceVersion", "generation"})
# Says which template a Deployment last rolled out, and is written right after each change of it.
_REVISION = "deployment.kubernetes.io/revision"


class Worth(Enum):
    """What should come of a change."""

    NOTHING = "nothing"
    NEWS = "news"
    """Something to tell: how many pods run. It can wait a moment, for more of the same."""
    CHANGE = "change"
    """What stands, or what it is counted by, is another."""


def worth(before: Live | None, now: Live) -> Worth:
    """Tell what an event is worth, given the object as it was heard of before."""
    if before is None or _standing(before.content) != _standing(now.content):
        return Worth.CHANGE
    if now.ref.kind == "Deployment":
        return Worth.NOTHING if before.available == now.available else Worth.NEWS
    if now.ref.kind == "ResourceQuota" and now.ref.name != naming.QUOTA:
        same = section(before.content, "status") == section(now.content, "status")
        return Worth.NOTHING if same else Worth.CHANGE
    return Worth.NOTHING


def _standing(content: JsonObject) -> JsonObject:
    """Return what stands, without what only counts or reports."""
    metadata = {
        key: value for key, value in section(content, "metadata").items() if key not in _COUNTED
    }
    annotations = metadata.get("annotations")
    if isinstance(annotations, Mapping) and _REVISION in annotations:
        metadata["annotations"] = {
            key: value for key, value in annotations.items() if key != _REVISION
        }
    return {**content, "metadata": metadata, "status": None}

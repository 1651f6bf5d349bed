"""Managed fields: what we own of an object, and what we give up.

Objects are created by POST, never by applying what is not there: a leader that was paused would
otherwise bring back what a newer one took away. The API server records a POST as an ``Update`` of
our field manager, and server-side apply is by another ``operation``, so fields that a later apply
drops would stay owned by the ``Update`` entry, and in the object, for ever. Before the first apply
the entry is therefore turned into an ``Apply`` entry.

Where the autoscaler owns the replicas, ``spec.replicas`` is taken out of our entries at the same
time: an apply that drops a field that nobody else owns would reset it to one.
"""

from collections.abc import Mapping

from services.provisioner import naming
from services.provisioner.domain import Json, JsonObject
from services.provisioner.objects import Live, section


def handover(live: Live, wanted: JsonObject) -> list[Json] | None:
    """Return the managed fields to put in place before ``wanted`` is applied, None for no change.

    Entries of other managers and of subresources stay as they are.
    """
    entries = section(live.content, "metadata").get("managedFields")
    if not isinstance(entries, list):
        return None
    ours = [entry for entry in entries if _is_ours(entry)]
    if not ours:
        return None
    fields: JsonObject = {}
    for entry in ours:
        fields = _union(fields, section(entry, "fieldsV1"))
    if _replicas(wanted) is None:
        fields = _without_replicas(fields)
    applied = {**ours[0], "operation": "Apply", "fieldsV1": fields}
    if ours == [applied]:
        return None
    return [applied, *(entry for entry in entries if not _is_ours(entry))]


def _is_ours(entry: Json) -> bool:
    return (
        isinstance(entry, Mapping)
        and entry.get("manager") == naming.FIELD_MANAGER
        and not entry.get("subresource")
    )


def _union(left: JsonObject, right: JsonObject) -> JsonObject:
    both = {key: _union(section(left, key), section(right, key)) for key in left if key in right}
    return {**left, **right, **both}


def _replicas(wanted: JsonObject) -> Json:
    return section(wanted, "spec").get("replicas")


def _without_replicas(fields: JsonObject) -> JsonObject:
    spec = section(fields, "f:spec")
    if "f:replicas" not in spec:
        return fields
    kept = {key: value for key, value in spec.items() if key != "f:replicas"}
    return {**fields, "f:spec": kept}

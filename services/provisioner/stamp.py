"""What every object of ours carries: labels that say whose it is, annotations for which order."""

from collections.abc import Mapping
from dataclasses import dataclass

from services.provisioner import naming
from services.provisioner.compare import digest
from services.provisioner.domain import Json, JsonObject, Order
from services.provisioner.objects import Ref


@dataclass(frozen=True, slots=True)
class Stamp:
    """Marks the objects of one tenant as made by one order."""

    tenant_id: str
    namespace: str
    order: Order

    def labels(self, name: str, component: str) -> dict[str, str]:
        """Return the labels of an object: what it is, and whose."""
        return {
            "app.kubernetes.io/name": name,
            "app.kubernetes.io/instance": self.namespace,
            "app.kubernetes.io/component": component,
            "app.kubernetes.io/part-of": naming.SYSTEM,
            naming.LABEL_MANAGED_BY: naming.SYSTEM,
            naming.LABEL_ACCOUNT: self.order.account,
            naming.LABEL_PLAN: naming.label_value(self.order.plan),
            naming.LABEL_TENANT: self.tenant_id,
        }

    def ref(self, api_version: str, kind: str, name: str) -> Ref:
        """Return what names an object in the tenant's namespace."""
        return Ref(api_version, kind, self.namespace, name)

    def manifest(
        self,
        ref: Ref,
        component: str,
        content: JsonObject,
        *,
        labels: Mapping[str, str] | None = None,
        annotations: Mapping[str, str] | None = None,
    ) -> JsonObject:
        """Return the whole object; ``content`` is what stands beside its metadata."""
        metadata: dict[str, Json] = {
            "name": ref.name,
            "labels": {**self.labels(ref.name, component), **(labels or {})},
            "annotations": {naming.ANNOTATION_PLAN: self.order.plan, **(annotations or {})},
        }
        if ref.namespace:
            metadata["namespace"] = ref.namespace
        wanted = {
            "apiVersion": ref.api_version,
            "kind": ref.kind,
            "metadata": metadata,
            **content,
        }
        return self._signed(wanted, metadata)

    def _signed(self, wanted: JsonObject, metadata: JsonObject) -> JsonObject:
        # The hash is taken before the order's numbers are added: it changes with the content only.
        annotations = metadata["annotations"]
        given = annotations if isinstance(annotations, Mapping) else {}
        signed = {
            **given,
            naming.ANNOTATION_EPOCH: str(self.order.version.epoch),
            naming.ANNOTATION_GENERATION: str(self.order.version.generation),
            naming.ANNOTATION_HASH: digest(wanted),
        }
        return {**wanted, "metadata": {**metadata, "annotations": signed}}

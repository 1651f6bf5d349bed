"""Every controller of a cluster."""

from deploy.sandbox.kubernetes.controllers.autoscalers import AutoscalerController
from deploy.sandbox.kubernetes.controllers.base import Controller
from deploy.sandbox.kubernetes.controllers.claims import ClaimController
from deploy.sandbox.kubernetes.controllers.definitions import DefinitionController
from deploy.sandbox.kubernetes.controllers.deployments import DeploymentController
from deploy.sandbox.kubernetes.controllers.garbage import GarbageController
from deploy.sandbox.kubernetes.controllers.jobs import JobController
from deploy.sandbox.kubernetes.controllers.namespaces import NamespaceController
from deploy.sandbox.kubernetes.controllers.pods import PodController, PodTimes
from deploy.sandbox.kubernetes.controllers.quotas import QuotaController
from deploy.sandbox.kubernetes.controllers.replicasets import ReplicaSetController
from deploy.sandbox.kubernetes.controllers.statefulsets import StatefulSetController
from deploy.sandbox.kubernetes.verbs.inside import Inside
from deploy.sandbox.kubernetes.verbs.requests import Machinery


def all_controllers(
    machinery: Machinery, pods: PodTimes, root_certificate: str
) -> list[Controller]:
    """The controllers, each writing under the name of the component that it stands for."""
    manager = Inside(machinery)
    return [
        NamespaceController(manager, root_certificate),
        DefinitionController(manager),
        GarbageController(manager),
        QuotaController(manager),
        ClaimController(manager),
        AutoscalerController(manager),
        DeploymentController(manager),
        ReplicaSetController(manager),
        StatefulSetController(manager),
        JobController(manager),
        PodController(Inside(machinery, "kubelet"), pods),
    ]

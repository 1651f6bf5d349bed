"""Gives the provisioner an account of its own on a cluster that is not embedded.

An administrator's kubeconfig is enough for a stack, and far too much for a provisioner: so the
roles of `deploy/rbac` are applied with it, and the provisioner runs with a token of its account.
"""

from pathlib import Path
from typing import Any

import yaml

from deploy.sandbox.stack.cluster import PROVISIONER_USER, apply_roles
from deploy.sandbox.stack.kubeapi import APPLY, KubeApi, KubeApiError
from deploy.sandbox.stack.layout import Layout
from deploy.sandbox.supervisor.files import write_atomic

_NAMESPACE, _NAME = PROVISIONER_USER.split(":")[2:]
_ACCOUNTS = f"/api/v1/namespaces/{_NAMESPACE}/serviceaccounts"
_SECONDS = 24 * 3600
_REVIEW = "/apis/authentication.k8s.io/v1/selfsubjectreviews"
_APPLIED = {"fieldManager": "tollgate-install", "force": "true"}
# Forbidden, or a cluster that has no such thing, as the sandbox has no tokens to give.
_MAY_NOT = (403, 404, 405)


async def take_cluster(layout: Layout) -> tuple[str, str]:
    """Choose the provisioner's kubeconfig; return its user, and a sentence for people.

    KubeApiError if the cluster is away, or refuses for another reason than the user's rights.
    """
    given = Path(layout.settings.kubeconfig)
    why = "" if layout.settings.admin_kubeconfig else await _take_account(given, layout)
    user = await _user_of(layout.provisioner_kubeconfig)
    told = f"where KUBECONFIG says; the provisioner is {user}"
    if layout.own_account:
        return user, f"{told}, with the roles of deploy/rbac and a token of a day"
    return user, f"{told}, as {given} says" + (f", which may make no account: {why}" if why else "")


async def _take_account(given: Path, layout: Layout) -> str:
    """Write a kubeconfig of the account; empty, or why ``given`` may not do that."""
    async with KubeApi(given) as api:
        try:
            # First what needs the greatest rights: who lacks them leaves nothing behind.
            await apply_roles(api)
            await _make_account(api)
            body = {"spec": {"expirationSeconds": _SECONDS}}
            answer = await api.call("POST", f"{_ACCOUNTS}/{_NAME}/token", body)
        except KubeApiError as error:
            if error.status not in _MAY_NOT:
                raise
            return str(error)
    _write(given, layout.own_kubeconfig, answer["status"]["token"])
    layout.own_account = True
    return ""


async def _make_account(api: KubeApi) -> None:
    namespace = {"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": _NAMESPACE}}
    account = {"apiVersion": "v1", "kind": "ServiceAccount", "metadata": {"name": _NAME}}
    for path, body in (
        (f"/api/v1/namespaces/{_NAMESPACE}", namespace),
        (f"{_ACCOUNTS}/{_NAME}", account),
    ):
        await api.call("PATCH", path, body, content_type=APPLY, query=_APPLIED)


def _write(given: Path, own: Path, token: str) -> None:
    """The same cluster, another user."""
    config = yaml.safe_load(given.read_text())
    contexts = {item["name"]: item["context"] for item in config["contexts"]}
    clusters = {item["name"]: item["cluster"] for item in config["clusters"]}
    cluster: dict[str, Any] = clusters[contexts[config["current-context"]]["cluster"]]
    if "certificate-authority" in cluster:
        # What is relative is so to its own folder.
        folder = given.absolute().parent
        cluster["certificate-authority"] = str(folder / cluster["certificate-authority"])
    told = {
        "apiVersion": "v1",
        "kind": "Config",
        "clusters": [{"name": "tollgate", "cluster": cluster}],
        "users": [{"name": _NAME, "user": {"token": token}}],
        "contexts": [{"name": "tollgate", "context": {"cluster": "tollgate", "user": _NAME}}],
        "current-context": "tollgate",
    }
    write_atomic(own, yaml.safe_dump(told).encode(), 0o600)


async def _user_of(kubeconfig: Path) -> str:
    """Whom the cluster takes the user of a kubeconfig for."""
    body = {"apiVersion": "authentication.k8s.io/v1", "kind": "SelfSubjectReview"}
    async with KubeApi(kubeconfig) as api:
        try:
            answer = await api.call("POST", _REVIEW, body)
        except KubeApiError as error:
            if error.status not in _MAY_NOT:
                raise
            return "a user whom the cluster does not name"
    return str(answer["status"]["userInfo"]["username"])

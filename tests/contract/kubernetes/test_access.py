"""Who may do what: authentication, roles, reviews, and granting no more than one holds."""

from collections.abc import Awaitable, Callable
from typing import Any

from tests.contract.kubernetes.cluster import Answer, Cluster, eventually
from tests.contract.kubernetes.objects import config_map, role_binding

RBAC = "/apis/rbac.authorization.k8s.io/v1"
USER = "carol"
_REVIEWS = "/apis/authorization.k8s.io/v1/subjectaccessreviews"


def _role(name: str, *rules: dict[str, Any], kind: str = "Role") -> dict[str, Any]:
    return {
        "apiVersion": "rbac.authorization.k8s.io/v1",
        "kind": kind,
        "metadata": {"name": name},
        "rules": list(rules),
    }


def _rule(resources: list[str], verbs: list[str], group: str = "", **more: Any) -> dict[str, Any]:
    return {"apiGroups": [group], "resources": resources, "verbs": verbs, **more}


async def _granted(cluster: Cluster, *rules: dict[str, Any]) -> str:
    """A namespace in which the user holds the rules."""
    namespace = await cluster.namespace()
    here = f"{RBAC}/namespaces/{namespace}"
    assert (await cluster.call("POST", f"{here}/roles", _role("r", *rules))).status == 201
    binding = role_binding("b", "r", USER)
    assert (await cluster.call("POST", f"{here}/rolebindings", binding)).status == 201
    for rule in rules:
        await _effective(cluster, namespace, rule)
    return namespace


async def test_everybody_may_ask_who_they_are(cluster: Cluster) -> None:
    path = "/apis/authentication.k8s.io/v1/selfsubjectreviews"
    # Such a user has no rights but those of everybody who is known.
    answer = await cluster.call("POST", path, {}, user=USER, groups="team system:authenticated")
    assert answer.status == 201, answer.body
    told = answer.body["status"]["userInfo"]
    assert told["username"] == USER
    assert {"team", "system:authenticated"} <= set(told["groups"])


async def _effective(cluster: Cluster, namespace: str, rule: dict[str, Any]) -> None:
    """Wait for what was granted: the real server hears of it a moment later."""
    resource, _, subresource = rule["resources"][0].partition("/")
    asked = {
        "verb": rule["verbs"][0],
        "group": rule["apiGroups"][0],
        "resource": resource,
        "subresource": subresource,
        "name": rule.get("resourceNames", [""])[0],
        "namespace": namespace,
    }
    body = {"spec": {"user": USER, "resourceAttributes": asked}}

    async def allowed() -> bool:
        answer = await cluster.call("POST", _REVIEWS, body)
        return bool(answer.body["status"]["allowed"])

    assert await eventually(allowed)


async def _comes_to(status: int, look: Callable[[], Awaitable[Answer]]) -> None:
    """Wait for an answer of that status: the real server hears of bindings a moment later."""

    async def seen() -> bool:
        return (await look()).status == status

    assert await eventually(seen)


async def _as_user(cluster: Cluster, method: str, path: str, body: Any = None) -> Answer:
    return await cluster.call(method, path, body, user=USER)


async def test_an_unknown_token_is_unauthorized(cluster: Cluster) -> None:
    headers = {"Authorization": "Bearer nobody"}
    url = cluster.dynamic.configuration.host
    async with cluster.session.get(f"{url}/api/v1/namespaces", headers=headers) as response:
        assert response.status == 401
        assert (await response.json())["reason"] == "Unauthorized"


async def test_without_a_role_nothing_is_allowed(cluster: Cluster) -> None:
    namespace = await cluster.namespace()
    answer = await _as_user(cluster, "GET", f"/api/v1/namespaces/{namespace}/pods")
    assert (answer.status, answer.body["reason"]) == (403, "Forbidden")
    assert answer.body["message"] == (
        f'pods is forbidden: User "{USER}" cannot list resource "pods" in API group "" '
        f'in the namespace "{namespace}"'
    )
    assert (await _as_user(cluster, "GET", "/apis")).status == 200


async def test_a_role_allows_its_verbs_in_its_namespace(cluster: Cluster) -> None:
    namespace = await _granted(cluster, _rule(["configmaps"], ["create", "get"]))
    path = f"/api/v1/namespaces/{namespace}/configmaps"
    assert (await _as_user(cluster, "POST", path, config_map("one"))).status == 201
    assert (await _as_user(cluster, "GET", f"{path}/one")).status == 200
    assert (await _as_user(cluster, "GET", path)).status == 403
    assert (await _as_user(cluster, "DELETE", f"{path}/one")).status == 403
    other = await cluster.namespace()
    elsewhere = f"/api/v1/namespaces/{other}/configmaps"
    assert (await _as_user(cluster, "POST", elsewhere, config_map("one"))).status == 403


async def test_resource_names_and_subresources_are_told_apart(cluster: Cluster) -> None:
    rules = [
        _rule(["configmaps"], ["get"], resourceNames=["mine"]),
        _rule(["deployments/scale"], ["get"], "apps"),
    ]
    namespace = await _granted(cluster, *rules)
    here = f"/api/v1/namespaces/{namespace}/configmaps"
    assert (await _as_user(cluster, "GET", f"{here}/mine")).status == 404
    assert (await _as_user(cluster, "GET", f"{here}/other")).status == 403
    path = f"/apis/apps/v1/namespaces/{namespace}/deployments/web"
    assert (await _as_user(cluster, "GET", f"{path}/scale")).status == 404
    assert (await _as_user(cluster, "GET", path)).status == 403


async def test_a_group_gets_what_a_cluster_role_gives(cluster: Cluster) -> None:
    namespace = await cluster.namespace()
    binding = role_binding("b", "view", "readers", "ClusterRole")
    binding["subjects"][0]["kind"] = "Group"
    await cluster.call("POST", f"{RBAC}/namespaces/{namespace}/rolebindings", binding)
    path = f"/api/v1/namespaces/{namespace}/pods"
    await _comes_to(200, lambda: cluster.call("GET", path, user=USER, groups="readers"))
    assert (await cluster.call("GET", path, user=USER)).status == 403


async def test_taking_a_binding_away_takes_the_access(cluster: Cluster) -> None:
    namespace = await _granted(cluster, _rule(["pods"], ["list"]))
    path = f"/api/v1/namespaces/{namespace}/pods"
    assert (await _as_user(cluster, "GET", path)).status == 200
    await cluster.call("DELETE", f"{RBAC}/namespaces/{namespace}/rolebindings/b")
    await _comes_to(403, lambda: _as_user(cluster, "GET", path))


async def test_nobody_binds_a_role_that_gives_more_than_he_holds(cluster: Cluster) -> None:
    group = "rbac.authorization.k8s.io"
    own = _rule(["rolebindings"], ["create"], group)
    namespace = await _granted(cluster, own, _rule(["pods"], ["list"]))
    here = f"{RBAC}/namespaces/{namespace}"
    await cluster.call("POST", f"{here}/roles", _role("more", _rule(["secrets"], ["get"])))
    await cluster.call("POST", f"{here}/roles", _role("less", _rule(["pods"], ["list"])))
    path = f"{here}/rolebindings"
    refused = await _as_user(cluster, "POST", path, role_binding("x", "more", USER))
    assert refused.status == 403
    assert "is attempting to grant RBAC permissions not currently held" in refused.body["message"]
    allowed = await _as_user(cluster, "POST", path, role_binding("y", "less", USER))
    assert allowed.status == 201


async def test_the_verb_bind_lets_bind_the_named_role(cluster: Cluster) -> None:
    group = "rbac.authorization.k8s.io"
    namespace = await _granted(
        cluster,
        _rule(["rolebindings"], ["create"], group),
        _rule(["clusterroles"], ["bind"], group, resourceNames=["view"]),
    )
    path = f"{RBAC}/namespaces/{namespace}/rolebindings"
    view = role_binding("v", "view", "dave", "ClusterRole")
    edit = role_binding("e", "edit", "dave", "ClusterRole")
    assert (await _as_user(cluster, "POST", path, view)).status == 201
    assert (await _as_user(cluster, "POST", path, edit)).status == 403


async def test_nobody_writes_a_role_beyond_his_own(cluster: Cluster) -> None:
    own = _rule(["roles"], ["create"], "rbac.authorization.k8s.io")
    namespace = await _granted(cluster, own, _rule(["pods"], ["*"]))
    path = f"{RBAC}/namespaces/{namespace}/roles"
    within = _role("a", _rule(["pods"], ["get", "delete"]))
    beyond = _role("b", _rule(["pods", "secrets"], ["get"]))
    assert (await _as_user(cluster, "POST", path, within)).status == 201
    assert (await _as_user(cluster, "POST", path, beyond)).status == 403


async def test_a_review_answers_as_the_server_would(cluster: Cluster) -> None:
    namespace = await _granted(cluster, _rule(["widgets"], ["create"], "example.com"))
    reviews = await cluster.resource("authorization.k8s.io/v1", "SubjectAccessReview")

    async def allowed(verb: str, where: str) -> bool:
        asked = {
            "verb": verb,
            "group": "example.com",
            "resource": "widgets",
            "namespace": where,
        }
        body = {"spec": {"user": USER, "resourceAttributes": asked}}
        answer = await reviews.create(body=body)
        return bool(answer.status.allowed)

    assert await allowed("create", namespace)
    assert not await allowed("delete", namespace)
    assert not await allowed("create", "default")


async def test_a_role_reference_cannot_change(cluster: Cluster) -> None:
    namespace = await _granted(cluster, _rule(["pods"], ["list"]))
    path = f"{RBAC}/namespaces/{namespace}/rolebindings/b"
    answer = await cluster.call("PUT", path, role_binding("b", "other", USER))
    assert answer.status == 422


async def test_a_rule_for_a_name_lets_list_and_watch_that_name_and_nothing_else(
    cluster: Cluster,
) -> None:
    rule = _rule(["configmaps"], ["get", "list", "watch"], resourceNames=["plans"])
    namespace = await _granted(cluster, rule)
    maps = f"/api/v1/namespaces/{namespace}/configmaps"
    for name in ("plans", "other"):
        assert (await cluster.call("POST", maps, config_map(name))).status == 201
    one = "fieldSelector=metadata.name%3D"
    listed = await _as_user(cluster, "GET", f"{maps}?{one}plans")
    assert listed.status == 200, listed.body
    assert [item["metadata"]["name"] for item in listed.body["items"]] == ["plans"]
    watched = await _as_user(cluster, "GET", f"{maps}?watch=true&timeoutSeconds=1&{one}other")
    assert watched.status == 403
    assert (await _as_user(cluster, "GET", f"{maps}?{one}other")).status == 403
    assert (await _as_user(cluster, "GET", maps)).status == 403
    assert (await _as_user(cluster, "GET", f"{maps}/other")).status == 403

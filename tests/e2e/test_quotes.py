"""A quote of a custom resource, from the person who asks to whoever checks it, and a dry run."""

import asyncio
import io
import json
from pathlib import Path
from typing import Any

import jwt

from services.chassis.config import Env
from services.pricing.tool.commands import Streams, run
from tests.e2e.world import World

SITE: dict[str, Any] = {
    "apiVersion": "apps.example.com/v1",
    "kind": "WordPress",
    "metadata": {"name": "blog", "namespace": "production"},
    "spec": {
        "wordpress": {"resources": {"requests": {"cpu": "2", "memory": "4Gi"}}, "replicas": 2},
        "mysql": {"storage": {"size": "20Gi"}},
    },
}
_ADDED = {"region": "us-east-1", "duration": 720, "backupPlan": "basic"}


async def test_a_quote_is_checked_offline_and_by_pricing_and_holds_its_object(
    world: World,
) -> None:
    status, quote = await call(world, "project-user", "price-object", SITE | _ADDED)
    assert status == 200, quote
    assert quote["requiresPayment"] is True
    keys = await public_keys(world)
    header = jwt.get_unverified_header(quote["signature"])
    key = next(one for one in keys if one["kid"] == header["kid"])
    assert "d" not in key
    said = jwt.decode(
        quote["signature"], jwt.PyJWK(key).key, algorithms=["EdDSA"], issuer="tollgate/pricing"
    )
    assert said["jti"] == quote["quoteId"]
    assert (said["total"], said["currency"]) == (round(quote["totalCost"] * 100), "usd")
    signed = {"signature": quote["signature"]}
    status, verified = await call(world, "project-user", "verify-quote", signed)
    assert (status, verified["state"], verified["specHash"]) == (200, "open", said["spec"])
    asked = SITE | {"quoteId": quote["quoteId"]}
    status, matched = await call(world, "project-user", "match-quote", asked)
    assert (status, matched["exact"], matched["specHash"]) == (200, True, quote["specHash"])
    larger = json.loads(json.dumps(asked))
    larger["spec"]["wordpress"]["replicas"] = 3
    status, refused = await call(world, "project-user", "match-quote", larger)
    assert (status, refused["code"]) == (409, "QUOTE_SPEC_MISMATCH")
    assert refused["details"]["field"] == "spec.wordpress.replicas"


async def test_an_operator_is_told_what_a_new_catalog_would_touch_and_nobody_else_is(
    world: World, tmp_path: Path
) -> None:
    shipped = await asyncio.to_thread(Path("deploy/catalogs/kube-dc.yaml").read_text)
    dearer = tmp_path / "kube-dc.yaml"
    dearer.write_text(shipped.replace('amount: "49.00"', 'amount: "59.00"'))
    code, answer = await plan(world, "platform-admin", dearer)
    assert code in (0, 1)
    told = json.loads(answer)
    assert told["catalog"] == "kube-dc"
    assert told["version"] != told["activeVersion"]
    # Subscription was asked, as the operator.
    assert not [text for text in told["unknown"] if text.startswith("subscriptions")]
    for role in ("org-admin", "guest"):
        code, answer = await plan(world, role, dearer)
        assert code == 2
        assert "ROLE_NOT_ALLOWED" in answer
    dearer.write_text(shipped.replace("tier: premium", "teer: premium"))
    code, answer = await plan(world, "platform-admin", dearer)
    assert code == 2
    assert f"{dearer}:" in answer
    assert "plans.pro-pool.teer: is no key that is known here" in answer


async def call(world: World, role: str, verb: str, body: object) -> tuple[int, dict[str, Any]]:
    url = f"{world.endpoints['gateway']}/api/tollgate/{verb}"
    bearer = {"Authorization": f"Bearer {world.endpoints['tokens'][role]}"}
    async with world.http.post(url, json=body, headers=bearer) as answer:
        return answer.status, await answer.json()


async def public_keys(world: World) -> list[dict[str, str]]:
    url = f"{world.endpoints['gateway']}/.well-known/tollgate/quote-keys.json"
    async with world.http.get(url) as answer:
        assert answer.status == 200
        keys: list[dict[str, str]] = (await answer.json())["keys"]
        return keys


async def plan(world: World, role: str, file: Path) -> tuple[int, str]:
    """Run `tollgate-catalog plan` as one role; what is said on either stream."""
    out, err = io.StringIO(), io.StringIO()
    target = world.endpoints["grpc"]["pricing"]
    arguments = ["plan", str(file), "--target", target, "--json"]
    env = Env({"TOLLGATE_TOKEN": world.endpoints["tokens"][role]})
    code = await asyncio.to_thread(run, arguments, env, Streams(io.StringIO(), out, err))
    return code, out.getvalue() + err.getvalue()

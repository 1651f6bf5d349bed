"""The identity provider over HTTP: what a verifier sees of it."""

import asyncio
import sys
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import aiohttp
import jwt
import pytest

from deploy.sandbox.idp.server import SandboxIdp
from deploy.sandbox.postgres.server import ROOT
from tests.integration.sandbox.waiting import until


@pytest.fixture
async def idp(tmp_path: Path) -> AsyncIterator[SandboxIdp]:
    async with SandboxIdp(tmp_path / "idp") as running:
        yield running


@pytest.fixture
async def http() -> AsyncIterator[aiohttp.ClientSession]:
    async with aiohttp.ClientSession() as session:
        yield session


async def ask(http: aiohttp.ClientSession, url: str, **form: str) -> tuple[int, dict[str, Any]]:
    async with http.post(url, data=form) as response:
        return response.status, await response.json()


async def verify(http: aiohttp.ClientSession, token: str, issuer: str) -> dict[str, Any]:
    """Verifies as a stranger would: discovery of the issuer, its key set, then the token."""
    async with http.get(f"{issuer}/.well-known/openid-configuration") as response:
        configuration = await response.json()
    assert configuration["issuer"] == issuer
    async with http.get(configuration["jwks_uri"]) as response:
        keys = jwt.PyJWKSet.from_dict(await response.json())
    key = keys[jwt.get_unverified_header(token)["kid"]]
    return jwt.decode(token, key, algorithms=["ES256"], audience="tollgate", issuer=issuer)


@pytest.mark.parametrize("role", ["org-admin", "project-user", "guest"])
async def test_a_token_of_an_organization_verifies_against_its_realm(
    idp: SandboxIdp, http: aiohttp.ClientSession, role: str
) -> None:
    status, answer = await ask(http, f"{idp.url}/token", role=role)
    assert status == 200
    assert answer["token_type"] == "Bearer"
    assert answer["expires_in"] == 86400
    said = await verify(http, answer["access_token"], f"{idp.url}/realms/acme")
    assert said["org"] == "acme"


async def test_a_platform_admin_comes_from_the_realm_master(
    idp: SandboxIdp, http: aiohttp.ClientSession
) -> None:
    token = idp.issue("platform-admin")
    said = await verify(http, token, f"{idp.url}/realms/master")
    assert said["groups"] == ["platform-admin"]
    with pytest.raises(KeyError):
        await verify(http, token, f"{idp.url}/realms/acme")


async def test_the_form_decides_what_the_token_says(
    idp: SandboxIdp, http: aiohttp.ClientSession
) -> None:
    _, answer = await ask(
        http,
        f"{idp.url}/token",
        role="project-user",
        organization="globex",
        namespaces="globex-one, globex-two",
        groups="",
        sub="jane",
        ttl="60",
    )
    said = await verify(http, answer["access_token"], f"{idp.url}/realms/globex")
    assert said["namespaces"] == ["globex-one", "globex-two"]
    assert (said["org"], said["groups"], said["sub"]) == ("globex", [], "jane")
    assert said["exp"] - said["iat"] == 60


async def test_after_a_rotation_old_and_new_tokens_verify(
    idp: SandboxIdp, http: aiohttp.ClientSession
) -> None:
    before = idp.issue("guest")
    status, answer = await ask(http, f"{idp.url}/rotate")
    after = idp.issue("guest")
    assert status == 200
    assert set(answer["kid"]) == {"acme", "master"}
    assert jwt.get_unverified_header(after)["kid"] == answer["kid"]["acme"]
    assert jwt.get_unverified_header(before)["kid"] != answer["kid"]["acme"]
    for token in (before, after):
        await verify(http, token, idp.issuer("acme"))


@pytest.mark.parametrize(
    ("path", "form", "said"),
    [
        ("/token", {}, "role is one of"),
        ("/token", {"role": "guest", "ttl": "soon"}, "number of seconds"),
        ("/token", {"role": "guest", "ttl": "90000"}, "at most 86400"),
        ("/token", {"role": "guest", "organization": "no/where"}, "not the name"),
        ("/realms/acme/token", {"role": "guest", "organization": "globex"}, "realm globex"),
        ("/realms/acme/token", {"role": "platform-admin"}, "realm master"),
    ],
)
async def test_a_grant_that_cannot_be_is_refused_as_oauth_says(
    idp: SandboxIdp, http: aiohttp.ClientSession, path: str, form: dict[str, str], said: str
) -> None:
    status, answer = await ask(http, idp.url + path, **form)
    assert status == 400
    assert answer["error"] == "invalid_request"
    assert said in answer["error_description"]


async def test_the_short_paths_are_those_of_the_default_organization(
    idp: SandboxIdp, http: aiohttp.ClientSession
) -> None:
    answers = []
    for url in (f"{idp.url}/jwks", idp.jwks_url("acme"), idp.jwks_url("master")):
        async with http.get(url) as response:
            answers.append(await response.json())
    assert answers[0] == answers[1] != answers[2]
    async with http.get(f"{idp.url}/realms/nowhere/jwks") as response:
        assert response.status == 404


async def test_as_a_process_it_writes_its_port_and_keeps_its_keys(
    tmp_path: Path, http: aiohttp.ClientSession
) -> None:
    kids = []
    for run in ("first", "second"):
        port_file = tmp_path / run
        process = await asyncio.create_subprocess_exec(
            *(sys.executable, "-m", "deploy.sandbox.idp", "--home", str(tmp_path / "home")),
            *("--port", "0", "--port-file", str(port_file), "--organization", "acme"),
            cwd=ROOT,
        )
        await until(port_file.exists)
        url = f"http://127.0.0.1:{port_file.read_text().strip()}"
        _, answer = await ask(http, f"{url}/realms/acme/token", role="org-admin")
        kids.append(jwt.get_unverified_header(answer["access_token"])["kid"])
        process.terminate()
        assert await asyncio.wait_for(process.wait(), 10) == 0
    assert kids[0] == kids[1]

"""The whole sandbox, walked by the official library."""

from deploy.sandbox.stripe import SandboxStripe
from tests.contract.stripe.walk import walk


async def test_the_official_library_walks_every_call_and_knows_every_object() -> None:
    async with SandboxStripe() as sandbox:
        report = await walk(sandbox.url, sandbox.secret_key)
    assert report.wrong == [], report.text()
    assert report.calls > 150
    assert report.shapes.checked > 300
    assert len(report.shapes.kinds) > 25

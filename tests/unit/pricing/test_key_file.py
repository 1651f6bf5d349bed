"""The file of the keys: followed, and a bad one changes nothing."""

from pathlib import Path

from services.chassis.clock import SystemClock
from services.pricing.signatures import QuoteKeys
from services.pricing.worker import QuoteKeyFile
from tests.unit.pricing.signing_keys import CLAIMS, key_set, private


async def test_a_key_is_replaced_without_a_restart_and_a_bad_file_changes_nothing(
    tmp_path: Path,
) -> None:
    source, keys = tmp_path / "keys.json", QuoteKeys()
    file = QuoteKeyFile(source, keys, SystemClock())
    source.write_text(key_set(private("a")))
    await file.look()
    first = keys.sign(CLAIMS)
    assert keys.verify(first).key_id == "a"
    source.write_text(key_set(private("b"), private("a")))
    await file.look()
    assert keys.verify(keys.sign(CLAIMS)).key_id == "b"
    assert keys.verify(first).key_id == "a"
    for bad in ("{", key_set(private("a") | {"d": "x"})):
        source.write_text(bad)
        await file.look()
        assert keys.verify(keys.sign(CLAIMS)).key_id == "b"
    source.unlink()
    await file.look()
    assert [key.key_id for key in keys.public_keys()] == ["b", "a"]

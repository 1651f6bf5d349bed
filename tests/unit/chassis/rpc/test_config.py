"""Settings: every problem at once, in words, without a secret."""

from pathlib import Path

import pytest

from services.chassis.config import ChassisConfig, ConfigError, Env, read_chassis, read_target
from services.chassis.env import split_address
from tests.unit.chassis.rpc.support import Authority

SECRET = "hunter2-hunter2"


def good(authority: Authority) -> dict[str, str]:
    files = authority.issue("pricing")
    return {
        "TOLLGATE_PUBLIC_ADDRESS": "127.0.0.1:9001",
        "TOLLGATE_INTERNAL_ADDRESS": "127.0.0.1:9002",
        "TOLLGATE_TLS_CERT": str(files.cert),
        "TOLLGATE_TLS_KEY": str(files.key),
        "TOLLGATE_TLS_CA": str(files.ca),
        "TOLLGATE_OIDC_BASE": "http://127.0.0.1:9000/",
        "DATABASE_URL": f"postgresql://pricing:{SECRET}@127.0.0.1:5432/tollgate",
    }


def problems_of(values: dict[str, str]) -> tuple[str, ...]:
    env = Env(values)
    read_chassis(env, "pricing")
    with pytest.raises(ConfigError) as caught:
        env.finish()
    return caught.value.problems


def read(values: dict[str, str]) -> ChassisConfig:
    env = Env(values)
    config = read_chassis(env, "pricing")
    env.finish()
    return config


def test_a_whole_configuration_is_read(authority: Authority) -> None:
    config = read(good(authority))
    assert config.public_address == "127.0.0.1:9001"
    assert config.oidc_base == "http://127.0.0.1:9000"
    assert config.oidc_audience == "tollgate"
    assert config.migrate_url == ""
    assert config.public_tls is None
    assert config.log_level == "info"


def test_an_address_that_is_none_is_named_with_an_example(authority: Authority) -> None:
    (found,) = problems_of({**good(authority), "TOLLGATE_PUBLIC_ADDRESS": "abc"})
    assert found == (
        'TOLLGATE_PUBLIC_ADDRESS: "abc" is not an address; expected host:port such as '
        "127.0.0.1:9001"
    )


def test_a_missing_database_url_says_what_it_should_be(authority: Authority) -> None:
    values = good(authority)
    del values["DATABASE_URL"]
    (found,) = problems_of(values)
    assert found == (
        "DATABASE_URL: missing; expected a PostgreSQL URL such as "
        "postgresql://user:password@host:5432/database"
    )


def test_all_problems_are_told_at_once(authority: Authority) -> None:
    found = problems_of({"LOG_LEVEL": "loud", "TOLLGATE_DRAIN_SECONDS": "nan"})
    named = {text.partition(":")[0] for text in found}
    assert {"LOG_LEVEL", "TOLLGATE_DRAIN_SECONDS", "DATABASE_URL", "TOLLGATE_TLS_KEY"} <= named


def test_no_secret_stands_in_a_problem_or_in_the_printed_config(authority: Authority) -> None:
    wrong = {**good(authority), "DATABASE_URL": f"mysql://pricing:{SECRET}@host/db"}
    assert all(SECRET not in text for text in problems_of(wrong))
    env = Env({"HOOK_SECRET": SECRET})
    env.secret("HOOK_SECRET", at_least=40)
    with pytest.raises(ConfigError) as caught:
        env.finish()
    assert SECRET not in str(caught.value)
    assert SECRET not in repr(read(good(authority)))


def test_a_secret_may_come_from_a_file(authority: Authority, tmp_path: Path) -> None:
    source = tmp_path / "url"
    source.write_text("postgresql://a:b@c/d\n")
    values = good(authority)
    del values["DATABASE_URL"]
    assert read({**values, "DATABASE_URL_FILE": str(source)}).database_url == "postgresql://a:b@c/d"


def test_a_secret_file_that_is_not_there_is_told(tmp_path: Path) -> None:
    env = Env({"HOOK_SECRET_FILE": str(tmp_path / "nothing")})
    env.secret("HOOK_SECRET")
    with pytest.raises(ConfigError, match=r"HOOK_SECRET_FILE: .* cannot be read"):
        env.finish()


def test_a_public_certificate_without_its_key_is_told(authority: Authority) -> None:
    values = good(authority)
    found = problems_of({**values, "TOLLGATE_PUBLIC_TLS_CERT": values["TOLLGATE_TLS_CERT"]})
    assert found == ("TOLLGATE_PUBLIC_TLS_KEY: certificate and key must be given together",)


def test_the_gateway_needs_neither_listeners_nor_a_database(authority: Authority) -> None:
    values = good(authority)
    for name in ("DATABASE_URL", "TOLLGATE_PUBLIC_ADDRESS", "TOLLGATE_INTERNAL_ADDRESS"):
        del values[name]
    env = Env(values)
    read_chassis(env, "gateway", listeners=False, database=False)
    env.finish()


def test_other_services_are_named_by_their_variable() -> None:
    env = Env({"TOLLGATE_PRICING_TARGET": "pricing:9002"})
    assert read_target(env, "pricing") == "pricing:9002"
    env.finish()


def test_help_names_every_variable_with_its_default(authority: Authority) -> None:
    env = Env({})
    read_chassis(env, "pricing")
    text = env.describe()
    assert "DATABASE_URL (required): a PostgreSQL URL" in text
    assert "LOG_LEVEL (default info): one of debug, info, warning, error" in text


def test_other_kinds_of_values_are_read_and_judged() -> None:
    env = Env({"N": "3", "F": "yes", "S": "2.5", "W": "a, b", "R": "0.5"})
    assert env.number("N") == 3
    assert env.flag("F") is True
    assert env.seconds("S") == 2.5
    assert env.names("W") == ("a", "b")
    assert env.ratio("R") == 0.5
    env.finish()
    bad = Env({"N": "300", "F": "perhaps", "S": "0", "R": "2", "U": "ftp://host", "P": "/nowhere"})
    bad.number("N", at_most=10)
    bad.flag("F")
    bad.seconds("S")
    bad.ratio("R")
    bad.url("U")
    bad.path("P")
    with pytest.raises(ConfigError) as caught:
        bad.finish()
    assert [text.partition(":")[0] for text in caught.value.problems] == list("NFSRUP")


@pytest.mark.parametrize("text", ["", ":1", "host", "host:", "host:65536", "::1:80", "host:-1"])
def test_what_is_no_address_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match="host"):
        split_address(text)


def test_addresses_are_split() -> None:
    assert split_address("[::1]:80") == ("::1", 80)
    assert split_address("localhost:0") == ("localhost", 0)

"""Who is what, by realm, organization, groups and namespaces."""

import asyncio

import pytest

from services.chassis.errors import Unauthenticated
from services.chassis.identity import (
    Caller,
    Principal,
    acting,
    called_by,
    current,
    current_caller,
    current_or_none,
)

_BASE = "https://login.example.com/realms/"


def _person(*groups: str, realm: str = "acme", namespaces: tuple[str, ...] = ()) -> Principal:
    organization = "" if realm == "master" else realm
    return Principal(
        "p1", "user", _BASE + realm, "", organization, namespaces=namespaces, groups=groups
    )


def test_only_the_realm_master_makes_platform_admins() -> None:
    assert _person("platform-admin", realm="master").is_platform_admin
    assert not _person("platform-admin").is_platform_admin
    assert not _person("platform-admin", realm="acme/realms/masters").is_platform_admin


def test_an_org_admin_has_an_organization_of_her_own() -> None:
    assert _person("org-admin").is_org_admin
    assert not _person("org-admin", realm="master").is_org_admin


def test_a_project_user_has_namespaces_or_the_group_user() -> None:
    assert _person(namespaces=("acme-dev",)).is_project_user
    assert _person("user").is_project_user
    assert not _person("testers").is_project_user


def test_a_guest_is_signed_in_and_nothing_more() -> None:
    assert _person().is_guest
    assert _person("testers").is_guest
    assert not _person("org-admin").is_guest
    assert not _person("platform-admin", realm="master").is_guest


def test_a_service_is_no_person_whatever_its_groups() -> None:
    service = Principal("subscription", "service", _BASE + "master", groups=("platform-admin",))
    assert not service.is_platform_admin
    assert not service.is_guest


def test_nobody_acts_outside_the_block() -> None:
    with acting(_person()):
        assert current() == _person()
    assert current_or_none() is None
    with pytest.raises(Unauthenticated):
        current()


async def test_tasks_act_as_who_started_them_and_keep_apart() -> None:
    async def who() -> str:
        await asyncio.sleep(0)
        return current().organization

    with acting(_person(realm="acme")):
        first = asyncio.ensure_future(who())
    with acting(_person(realm="initech")):
        second = asyncio.ensure_future(who())
    assert (await first, await second) == ("acme", "initech")


def test_the_calling_service_is_known_within_its_call() -> None:
    with called_by(Caller("gateway")):
        assert current_caller() == Caller("gateway")
    assert current_caller() is None

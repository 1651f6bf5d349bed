"""Listing, with pages that show one moment however long the reader takes."""

import base64
import binascii
from dataclasses import dataclass

import orjson

from deploy.sandbox.kubernetes.core.causes import forbidden
from deploy.sandbox.kubernetes.core.errors import (
    bad_request,
    expired,
    invalid_options,
    too_large_resource_version,
)
from deploy.sandbox.kubernetes.core.selectors import Filter
from deploy.sandbox.kubernetes.storage.collection import Collection, Place
from deploy.sandbox.kubernetes.storage.records import Stored
from deploy.sandbox.kubernetes.storage.store import Store
from deploy.sandbox.kubernetes.verbs.requests import Target


@dataclass(frozen=True, slots=True)
class ListQuery:
    """What a list asks for; `limit` 0 is everything."""

    wanted: Filter
    limit: int = 0
    token: str = ""
    resource_version: str = ""
    match: str = ""


@dataclass(frozen=True, slots=True)
class Page:
    """A part of a list; `remaining` is None where it is not known."""

    items: list[Stored]
    revision: int
    token: str = ""
    remaining: int | None = None


def parse_revision(text: str) -> int:
    """A resourceVersion as a number; anything else is a 400."""
    if not text.isdigit():
        raise bad_request(f"invalid resource version {text!r}")
    return int(text)


def list_page(store: Store, target: Target, query: ListQuery) -> Page:
    """One page of a list."""
    collection = store.collection(target.resource)
    revision, after = _moment(store, collection, query)
    undone = collection.undone_since(revision) if revision < store.revision else {}
    places = collection.places(target.namespace, query.wanted, after)
    if undone:
        places = _with_undone(places, undone, target.namespace, after)
    items: list[Stored] = []
    for index, place in enumerate(places):
        stored = undone[place] if place in undone else collection.items[place]
        if stored is None or (query.wanted and not query.wanted.accepts(stored.obj)):
            continue
        if query.limit and len(items) == query.limit:
            remaining = None if query.wanted or undone else len(places) - index
            return Page(items, revision, _token(revision, _last_place(items)), remaining)
        items.append(stored)
    return Page(items, revision)


def _last_place(items: list[Stored]) -> Place:
    metadata = items[-1].obj["metadata"]
    return metadata.get("namespace", ""), metadata["name"]


def _with_undone(
    places: list[Place], undone: dict[Place, Stored | None], namespace: str, after: Place | None
) -> list[Place]:
    extra = {
        place
        for place in undone
        if (not namespace or place[0] == namespace) and (after is None or place > after)
    }
    return sorted(extra.union(places))


def _moment(store: Store, collection: Collection, query: ListQuery) -> tuple[int, Place | None]:
    """The revision that the list shows, and the place after which it goes on."""
    if query.token:
        if query.resource_version not in ("", "0"):
            raise bad_request("specifying resource version is not allowed when using continue")
        revision, after = _parse_token(query.token)
        if revision < collection.floor:
            raise expired(
                "The provided continue parameter is too old to display a consistent list result. "
                "You can start a new list without the continue parameter."
            )
        return revision, after
    return _asked_revision(store, collection, query), None


def _asked_revision(store: Store, collection: Collection, query: ListQuery) -> int:
    if query.match and not query.resource_version:
        why = "resourceVersionMatch is forbidden unless resourceVersion is provided"
        raise invalid_options("ListOptions", [forbidden("resourceVersionMatch", why)])
    if query.match not in ("", "Exact", "NotOlderThan"):
        raise bad_request(f"unknown resourceVersionMatch {query.match}")
    if query.resource_version in ("", "0"):
        if query.match == "Exact":
            why = 'resourceVersionMatch "Exact" is forbidden for resourceVersion "0"'
            raise invalid_options("ListOptions", [forbidden("resourceVersionMatch", why)])
        return store.revision
    revision = parse_revision(query.resource_version)
    if revision > store.revision:
        raise too_large_resource_version(revision, store.revision)
    exact = query.match == "Exact" or (query.limit and not query.match)
    if not exact:
        return store.revision
    if revision < collection.floor:
        raise expired(f"The resourceVersion for the provided list is too old: {revision}")
    return revision


def _token(revision: int, place: Place) -> str:
    return base64.urlsafe_b64encode(orjson.dumps([revision, *place])).decode()


def _parse_token(text: str) -> tuple[int, Place]:
    try:
        revision, namespace, name = orjson.loads(base64.urlsafe_b64decode(text))
        return int(revision), (str(namespace), str(name))
    except (ValueError, TypeError, binascii.Error) as error:
        raise bad_request("continue key is not valid") from error

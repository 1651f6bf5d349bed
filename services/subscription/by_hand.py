"""What an operator without a token does by hand, with the service's own settings:

python -m services.subscription assign-plan --organization acme --plan kube-dc/pro-pool \\
    --addon turbo-x1=2 --reason "sponsored" --until 2027-01-01T00:00:00Z [--dry-run]
python -m services.subscription end-assignment --organization acme --plan kube-dc/pro-pool \\
    --now --reason "the sponsorship is over"

The same as AssignPlan and EndAssignment; see the contract for what is refused.
"""

import argparse
import hashlib
import json
from collections.abc import Sequence
from datetime import datetime
from functools import partial

from services.chassis.ids import Ids
from services.subscription import usecases
from services.subscription.assigning import AssignRequest, EndingMode, EndRequest
from services.subscription.auditing import Actor
from services.subscription.domain import Account, AccountKind, Subscription
from services.subscription.errors import UnknownAccount, UnknownSubscription
from services.subscription.offers import AddonQuantity, catalog_of
from services.subscription.ports import Store
from services.subscription.usecases import Desk
from services.subscription.usecases.owners import add_account

NAMES = ("assign-plan", "end-assignment")


def parse(arguments: Sequence[str]) -> argparse.Namespace:
    """Read the command line; exits with a usage text if it is wrong."""
    parser = argparse.ArgumentParser(prog="python -m services.subscription")
    commands = parser.add_subparsers(dest="command", required=True)
    give = commands.add_parser(NAMES[0], help="give an account a plan without money")
    give.add_argument("--addon", action="append", default=[], type=_addon, metavar="NAME=COUNT")
    give.add_argument("--until", type=_time, metavar="TIME", help="RFC 3339, when it ends")
    give.add_argument("--dry-run", action="store_true", help="say what it would be")
    end = commands.add_parser(NAMES[1], help="end what was given, or let it go on after all")
    when = end.add_mutually_exclusive_group(required=True)
    when.add_argument("--now", action="store_true", help="over now")
    when.add_argument("--at", type=_time, metavar="TIME", help="RFC 3339, over then")
    when.add_argument("--resume", action="store_true", help="take a coming end back")
    for command in (give, end):
        whose = command.add_mutually_exclusive_group(required=True)
        whose.add_argument("--account", default="", help="acc_…")
        whose.add_argument("--organization", default="", help="its account is made if needed")
        command.add_argument("--plan", required=True, help="<catalog>/<plan>")
        command.add_argument("--reason", required=True, help="why, for the audit record")
        command.add_argument("--actor", default="operator", help="who, for the audit record")
        command.add_argument("--request-id", default="", help="the same again does nothing more")
    return parser.parse_args(arguments)


def _addon(text: str) -> AddonQuantity:
    name, _, count = text.partition("=")
    if not name or not (count or "1").isdecimal():
        raise argparse.ArgumentTypeError(f"{text!r} is not NAME=COUNT")
    return AddonQuantity(name, int(count or 1))


def _time(text: str) -> datetime:
    wrong = argparse.ArgumentTypeError(f"{text!r} is no RFC 3339 time with a zone")
    try:
        found = datetime.fromisoformat(text)
    except ValueError as error:
        raise wrong from error
    if found.tzinfo is None:
        raise wrong
    return found


async def perform(desk: Desk, asked: argparse.Namespace) -> str:
    """Do what was asked and return a sentence about it; a Refusal says why not."""
    actor = Actor(asked.actor)
    if asked.command == NAMES[0]:
        return await _give(desk, asked, actor)
    return await _end(desk, asked, actor)


async def _give(desk: Desk, asked: argparse.Namespace, actor: Actor) -> str:
    make = None if asked.dry_run else desk.ids
    account = await desk.tx.run(partial(_account, asked=asked, actor=actor, make=make))
    request = AssignRequest(
        account=account,
        plan=asked.plan,
        addons=tuple(_full(addon, asked.plan) for addon in asked.addon),
        reason=asked.reason,
        request_id=asked.request_id,
        request_hash=_digest(asked, account),
        end_time=asked.until,
        validate_only=asked.dry_run,
    )
    held = await usecases.give_plan(desk, actor, request)
    does = "would hold" if asked.dry_run else "holds"
    return f"Account {account} {does} {_told(held)}."


async def _end(desk: Desk, asked: argparse.Namespace, actor: Actor) -> str:
    account = await desk.tx.run(partial(_account, asked=asked, actor=actor, make=None))
    name = await desk.tx.run(partial(_given, account=account, plan=asked.plan))
    mode = EndingMode.AT_TIME if asked.at else EndingMode.NOW
    request = EndRequest(
        name=name,
        mode=EndingMode.RESUME if asked.resume else mode,
        reason=asked.reason,
        request_id=asked.request_id,
        request_hash=_digest(asked, account),
        end_time=asked.at,
    )
    return f"Account {account} holds {_told(await usecases.take_back(desk, actor, request))}."


async def _account(
    store: Store, *, asked: argparse.Namespace, actor: Actor, make: Ids | None
) -> str:
    """Return the account that is meant; an organization's is made if ``make`` gives it a name."""
    if asked.account:
        return str(asked.account)
    known = await store.account_named(AccountKind.ORGANIZATION, asked.organization)
    if known is not None:
        return known.name
    if make is None:
        raise UnknownAccount(asked.organization)
    now = await store.now()
    fresh = Account(make.new("acc"), AccountKind.ORGANIZATION, asked.organization, "", now)
    return await add_account(store, fresh, actor, "PLAN_ASSIGNED")


async def _given(store: Store, *, account: str, plan: str) -> str:
    """Return the newest assignment of this plan, the one that is not over before any other."""
    owner = await store.account(account)
    if owner is None:
        raise UnknownAccount(account)
    held = (await store.holdings(owner)).assignments
    found = [one for one in held if one.offer.plan == plan]
    if not found:
        raise UnknownSubscription(plan)
    return max(found, key=lambda one: (not one.over, one.begin_time)).subscription


def _full(addon: AddonQuantity, plan: str) -> AddonQuantity:
    """Return an add-on by its full name; a short one is of the plan's catalog."""
    name = addon.addon if catalog_of(addon.addon) else f"{catalog_of(plan)}/{addon.addon}"
    return AddonQuantity(name, addon.quantity)


def _told(held: Subscription) -> str:
    addons = "".join(f" + {one.quantity} x {one.addon}" for one in held.offer.addons)
    until = held.assignment.end_time if held.assignment else None
    end = f", until {until.isoformat()}" if until else ""
    name = f" as {held.name}" if held.name else ""
    return f"{held.offer.plan}{addons}{name}: {held.state.lower()}{end}"


def _digest(asked: argparse.Namespace, account: str) -> bytes:
    """Return the digest of everything that was asked but the key."""
    words = {name: str(value) for name, value in vars(asked).items() if name != "request_id"}
    content = json.dumps(words | {"account": account}, sort_keys=True)
    return hashlib.sha256(content.encode()).digest()

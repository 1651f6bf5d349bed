"""What an operator does by hand, on the service's database:

python -m services.subscription raise-epoch --reason "restored from the backup of Monday"
python -m services.subscription sweep-retention --limit 400 --reason "the fair's trial accounts"
python -m services.subscription sweep-refunds --limit 60 --reason "the shop sold twice on Friday"
"""

import argparse
from collections.abc import Sequence
from datetime import timedelta

from services.subscription import usecases
from services.subscription.auditing import Actor
from services.subscription.ports import Payments, SubscriptionTransactions
from services.subscription.servicer import FactIntake

REFUNDS = "sweep-refunds"
"""Asks the other services as well, for news of what is given back."""
NAMES = ("raise-epoch", "sweep-retention", REFUNDS)


def parse(arguments: Sequence[str]) -> argparse.Namespace:
    """Read the command line; exits with a usage text if it is wrong."""
    parser = argparse.ArgumentParser(prog="python -m services.subscription")
    commands = parser.add_subparsers(dest="command", required=True)
    epoch = commands.add_parser(NAMES[0], help="after a restore: give every order again")
    sweep = commands.add_parser(NAMES[1], help="act on due retention times, up to a limit")
    sweep.add_argument("--limit", type=int, required=True, help="accounts it may touch")
    refunds = commands.add_parser(REFUNDS, help="decide on due refunds, up to a limit")
    refunds.add_argument("--limit", type=int, required=True, help="purchases it may give back")
    for command in (epoch, sweep, refunds):
        command.add_argument("--reason", required=True, help="why, for the audit record")
        command.add_argument("--actor", default="operator", help="who, for the audit record")
    return parser.parse_args(arguments)


async def perform(tx: SubscriptionTransactions, asked: argparse.Namespace) -> str:
    """Do what was asked and return a sentence about it. Safe to repeat after a failure.

    Refunds are ``sweep_refunds``.
    """
    actor = Actor(asked.actor)
    if asked.command == NAMES[0]:
        epoch = await usecases.raise_epoch(tx, actor, asked.reason)
        sent = await usecases.resend_behind(tx, actor)
        return f"The epoch is {epoch}; the orders of {sent} accounts are given again."
    swept = await usecases.sweep_retention(tx, limit=asked.limit, actor=actor, reason=asked.reason)
    if swept.stopped:
        return f"Nothing is done: {swept.due} accounts are due, the limit is {swept.limit}."
    return f"The retention times of {swept.done} accounts are acted on."


async def sweep_refunds(intake: FactIntake, payments: Payments, asked: argparse.Namespace) -> str:
    """Decide on due refunds up to a limit, and return a sentence about it. Safe to repeat."""
    found = await usecases.decide_refunds(
        intake.tx,
        usecases.News(payments, intake.take),
        delay=timedelta(0),
        limit=asked.limit,
        actor=Actor(asked.actor),
        reason=asked.reason,
    )
    intake.alerting.tell(found.alerts)
    if found.stopped:
        return f"Nothing is done: {found.due} refunds are due, the limit is {found.limit}."
    said = f"{found.done} refunds are decided; the service gives them."
    if found.postponed:
        said += f" {found.postponed} wait for news of what is in their way."
    return said

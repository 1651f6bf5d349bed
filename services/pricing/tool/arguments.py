"""The command line: what may be said, and what it is said to be for."""

import argparse
from collections.abc import Sequence

from services.pricing.sources import TIERS, SourceForm

PROGRAM = "tollgate-catalog"

_FORMS = [form.value for form in SourceForm]
_EXAMPLES = """\
forms: `own` is Tollgate's catalog, `billing-plans` Kube-DC's plans.yaml or the ConfigMap that holds
it, `quotas` hold's quotas.yaml. A FILE of `-` is the standard input.

examples:
  tollgate-catalog validate deploy/catalogs/*.yaml
  tollgate-catalog diff old.yaml new.yaml
  kubectl -n kube-dc get configmap billing-plans -o yaml |
    tollgate-catalog import - --to own --tiers dev-pool=basic,pro-pool=premium
  tollgate-catalog plan deploy/catalogs/kube-dc.yaml --target 127.0.0.1:9001
  tollgate-catalog import quotas.yaml --to own --amounts bosun/month=5.00 --output hold.yaml

STRIPE_PRICE_*, HOLD_PUBLIC_URL and TOLLGATE_CATALOG_IMPORTS are read from the environment.
"""
_VALIDATE = "exit 0: nothing is wrong; 1: a file has a problem; 2: the command line is wrong"
_DIFF = "exit 0: both mean the same; 1: they differ; 2: a file has a problem"
_PLAN = (
    "exit 0: nothing is touched; 1: something is, or not all could be looked at; 2: pricing"
    " refuses, or cannot be asked. TOLLGATE_TOKEN (or TOLLGATE_TOKEN_FILE) is an operator's token."
    " Nothing is changed."
)
_IMPORT = (
    "exit 0: all that stands is written; 1: written, but something bad was left out; "
    "2: nothing is written. What the form cannot carry is told on the standard error."
)


def parse(arguments: Sequence[str]) -> argparse.Namespace:
    """Read the command line; exits with a usage text and 2 if it is wrong."""
    parser = argparse.ArgumentParser(
        prog=PROGRAM,
        description="Judges, compares and converts catalogs.",
        epilog=_EXAMPLES,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    commands = parser.add_subparsers(dest="command", required=True, metavar="COMMAND")
    judge = commands.add_parser("validate", help="say what is wrong with files", epilog=_VALIDATE)
    judge.add_argument("files", nargs="+", metavar="FILE")
    compare = commands.add_parser("diff", help="say what two catalogs differ in", epilog=_DIFF)
    compare.add_argument("old", metavar="OLD")
    compare.add_argument("new", metavar="NEW")
    change = commands.add_parser("import", help="write a catalog in another form", epilog=_IMPORT)
    change.add_argument("file", metavar="FILE")
    change.add_argument("--to", required=True, choices=_FORMS, help="the form that is written")
    change.add_argument("--output", default="", metavar="FILE", help="where to, else to stdout")
    change.add_argument(
        "--manifest", action="store_true", help="billing-plans: within its ConfigMap"
    )
    for command in (judge, compare, change):
        _common(command)
    _plan(commands.add_parser("plan", help="say what a new version would touch", epilog=_PLAN))
    return parser.parse_args(arguments)


def _plan(command: argparse.ArgumentParser) -> None:
    command.add_argument("file", metavar="FILE")
    command.add_argument("--rate-card", action="store_true", help="FILE is a rate card")
    command.add_argument(
        "--target", default="127.0.0.1:9001", metavar="HOST:PORT", help="pricing's public listener"
    )
    command.add_argument("--ca", default="", metavar="FILE", help="its authority, PEM; else no TLS")
    command.add_argument("--most", type=_count, default=100, metavar="N", help="effects shown")
    command.add_argument("--json", action="store_true", help="answer for machines")


def _count(text: str) -> int:
    if not (text.isascii() and text.isdigit() and 1 <= int(text) <= 100_000):
        raise argparse.ArgumentTypeError(f"{text!r} is no number from 1 to 100000")
    return int(text)


def _common(command: argparse.ArgumentParser) -> None:
    command.add_argument("--form", choices=_FORMS, help="the form that is read, else guessed")
    command.add_argument("--catalog", default="", help="name of a catalog that is imported")
    command.add_argument(
        "--tiers", type=_tiers, default={}, metavar="PLAN=TIER,…", help=", ".join(TIERS)
    )
    command.add_argument(
        "--amounts",
        type=_pairs,
        default={},
        metavar="PRICE=AMOUNT,…",
        help="of quotas: by price id, or by <tier>/month and <tier>/year",
    )
    command.add_argument("--hold-url", default="", metavar="URL", help="stands for {hold_url}")
    command.add_argument("--options", default="", metavar="FILE", help="the same, in a file")
    command.add_argument("--json", action="store_true", help="answer for machines")


def _pairs(text: str) -> dict[str, str]:
    found = {}
    for pair in text.split(","):
        key, equals, value = (part.strip() for part in pair.partition("="))
        if not (key and equals and value):
            raise argparse.ArgumentTypeError(f"{pair!r} is not KEY=VALUE")
        found[key] = value
    return found


def _tiers(text: str) -> dict[str, str]:
    found = _pairs(text)
    for tier in found.values():
        if tier not in TIERS:
            raise argparse.ArgumentTypeError(f"{tier!r} is no tier; there are {', '.join(TIERS)}")
    return found

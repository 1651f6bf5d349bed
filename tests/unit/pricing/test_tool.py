"""The command line tool: what it answers, and by which exit code."""

import io
import json
from pathlib import Path

import pytest

from services.chassis.config import Env
from services.pricing.catalog_file import parse_catalog
from services.pricing.tool.commands import Streams, run
from tests.unit.pricing.sources.samples import CATALOGS, ENVIRONMENT, EXAMPLES, MANIFEST

OPTIONS = ["--options", str(EXAMPLES / "imports.yaml")]
KUBE_DC = str(CATALOGS / "kube-dc.yaml")
PLANS = str(EXAMPLES / "billing-plans.yaml")


class Answer:
    """What came of a command."""

    def __init__(self, *arguments: str, stdin: str = "") -> None:
        out, err = io.StringIO(), io.StringIO()
        env = Env(ENVIRONMENT | {"HOLD_PUBLIC_URL": "https://hold.example"})
        self.code = run(arguments, env, Streams(io.StringIO(stdin), out, err))
        self.out, self.err = out.getvalue(), err.getvalue()


def test_what_ships_is_valid_in_all_three_forms() -> None:
    own = sorted(str(path) for path in CATALOGS.glob("*.yaml"))
    answer = Answer("validate", *own, PLANS, str(EXAMPLES / "quotas.yaml"), *OPTIONS)
    assert (answer.code, answer.err) == (0, "")
    assert f"{KUBE_DC}: own: catalog kube-dc with 3 plans, 2 add-ons" in answer.out
    assert f"{PLANS}: billing-plans: catalog kube-dc with 3 plans, 2 add-ons" in answer.out
    assert "quotas.yaml: quotas: catalog hold with 3 plans, 0 add-ons" in answer.out


def test_every_problem_is_said_with_file_line_and_key(tmp_path: Path) -> None:
    bad = tmp_path / "bad.yaml"
    bad.write_text(Path(KUBE_DC).read_text().replace("on_end:", "on_edn:").replace("eur", "zzz"))
    answer = Answer("validate", str(bad), KUBE_DC)
    assert answer.code == 1
    assert f"{bad}: own: refused" in answer.out
    assert f"{KUBE_DC}: own: catalog kube-dc" in answer.out
    lines = bad.read_text().splitlines()
    wrong = [n for n, line in enumerate(lines, 1) if "on_edn" in line]
    for number, plan in zip(wrong, ("dev-pool", "pro-pool", "scale-pool"), strict=True):
        assert f"{bad}:{number}: plans.{plan}.on_edn: is no key that is known here" in answer.err
    assert answer.err.count("'zzz' is no currency that is known here") == 5


def test_one_bad_plan_of_a_config_map_is_a_problem_and_the_rest_stands() -> None:
    answer = Answer("validate", "-", *OPTIONS, stdin=MANIFEST.replace("price: 49", "price: much"))
    assert answer.code == 1
    assert "-: billing-plans: catalog kube-dc with 2 plans, 2 add-ons; 1 problems" in answer.out
    number = next(n for n, line in enumerate(MANIFEST.splitlines(), 1) if "price: 49" in line)
    assert f"stdin:{number}: plans.pro-pool.price: expected an amount" in answer.err


def test_a_file_that_is_not_there_is_a_problem() -> None:
    answer = Answer("validate", "/nowhere/at/all.yaml", "--json")
    assert answer.code == 1
    (file,) = json.loads(answer.out)["files"]
    assert file["problems"][0]["what"].startswith("cannot be read")


def test_two_spellings_of_one_catalog_are_the_same() -> None:
    answer = Answer("diff", KUBE_DC, PLANS, *OPTIONS)
    assert (answer.code, answer.out, answer.err) == (0, "", "")


def test_a_difference_is_said_key_by_key_and_by_the_exit_code(tmp_path: Path) -> None:
    other = tmp_path / "kube-dc.yaml"
    other.write_text(Path(KUBE_DC).read_text().replace('"19.00"', '"21.00"'))
    answer = Answer("diff", KUBE_DC, str(other))
    assert answer.code == 1
    assert answer.out == "plans.dev-pool.prices.month.eur: 19.00 EUR -> 21.00 EUR\n"
    machine = json.loads(Answer("diff", KUBE_DC, str(other), "--json").out)
    assert machine["same"] is False
    assert machine["differences"] == [
        {
            "kind": "changed",
            "key": "plans.dev-pool.prices.month.eur",
            "old": "19.00 EUR",
            "new": "21.00 EUR",
        }
    ]


def test_a_bad_file_cannot_be_compared(tmp_path: Path) -> None:
    bad = tmp_path / "bad.yaml"
    bad.write_text("plans: [")
    answer = Answer("diff", KUBE_DC, str(bad))
    assert answer.code == 2
    assert "is no YAML" in answer.err
    assert json.loads(Answer("diff", KUBE_DC, str(bad), "--json").out)["same"] is False


def test_an_import_writes_our_own_form_to_a_file(tmp_path: Path) -> None:
    target = tmp_path / "imported.yaml"
    arguments = ("--to", "own", "--output", str(target), *OPTIONS)
    answer = Answer("import", PLANS, *arguments)
    assert (answer.code, answer.out, answer.err) == (0, "", "")
    assert Answer("diff", KUBE_DC, str(target)).code == 0


def test_flags_say_what_the_form_leaves_open() -> None:
    answer = Answer(
        "import",
        str(EXAMPLES / "quotas.yaml"),
        *("--to", "own", "--catalog", "berth", "--tiers", "swabbie=basic,bosun=premium"),
        *("--amounts", "deckhand/year=20,bosun/month=5,bosun/year=50", "--hold-url", "https://b"),
    )
    assert answer.code == 0
    catalog = parse_catalog(answer.out, "out")
    assert (catalog.name, catalog.plans["bosun"].tier) == ("berth", "premium")
    assert catalog.billing is not None
    assert catalog.billing.success_url == "https://b/billing/success"
    assert "tiers.deckhand: note: has no tier" in answer.err


def test_what_the_other_form_cannot_carry_is_told_beside_it() -> None:
    answer = Answer("import", KUBE_DC, "--to", "billing-plans", "--manifest")
    assert answer.code == 0
    assert answer.out.startswith("apiVersion: v1\nkind: ConfigMap\n")
    assert "plans.pro-pool.features: note: has no key in this form\n" in answer.err
    machine = json.loads(Answer("import", KUBE_DC, "--to", "billing-plans", "--json").out)
    assert machine["text"].startswith("plans:\n")
    assert "plans.pro-pool.features" in [note["key"] for note in machine["notes"]]


def test_an_import_that_leaves_a_bad_plan_out_says_so_by_its_exit_code() -> None:
    broken = MANIFEST.replace("price: 49", "price: much")
    answer = Answer("import", "-", "--to", "own", stdin=broken)
    assert answer.code == 1
    assert list(parse_catalog(answer.out, "out").plans) == ["dev-pool", "scale-pool"]


def test_a_catalog_that_the_form_cannot_say_is_not_written(tmp_path: Path) -> None:
    target = tmp_path / "out.yaml"
    answer = Answer("import", KUBE_DC, "--to", "quotas", "--output", str(target))
    assert answer.code == 2
    assert "no plan of the kind `nothing`" in answer.err
    assert not target.exists()


def test_a_bad_options_file_stops_the_tool(tmp_path: Path) -> None:
    options = tmp_path / "options.yaml"
    options.write_text("a.yaml: {tiers: {small: first}}")
    answer = Answer("validate", PLANS, "--options", str(options))
    assert answer.code == 2
    assert f"{options}:1: a.yaml.tiers.small: Input should be" in answer.err
    assert Answer("validate", PLANS, "--options", str(tmp_path / "none.yaml")).code == 2


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (("import", "f", "--to", "xml"), "invalid choice"),
        (("validate", "f", "--tiers", "small=first"), "'first' is no tier"),
        (("validate", "f", "--amounts", "small"), "'small' is not KEY=VALUE"),
        ((), "the following arguments are required: COMMAND"),
    ],
)
def test_a_wrong_command_line_is_said_and_ends_with_2(
    arguments: tuple[str, ...], said: str, capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(SystemExit) as ended:
        Answer(*arguments)
    assert ended.value.code == 2
    assert said in capsys.readouterr().err


def test_the_help_has_examples(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as ended:
        Answer("--help")
    assert ended.value.code == 0
    assert "tollgate-catalog diff old.yaml new.yaml" in capsys.readouterr().out

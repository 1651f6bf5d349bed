"""What the commands do: read, judge, compare, convert; and how they answer."""

import argparse
import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import TextIO

from services.chassis.config import ConfigError, Env
from services.chassis.errors import Refusal
from services.pricing.catalog_yaml import Finding
from services.pricing.config import read_import_settings
from services.pricing.errors import CatalogRejected
from services.pricing.sources import (
    ImportOptions,
    ImportSettings,
    Reading,
    SourceForm,
    differences,
    exported,
    opened,
    read_imports,
)
from services.pricing.tool import planning
from services.pricing.tool.arguments import PROGRAM, parse

FINE, PARTLY, BAD = 0, 1, 2


@dataclass(frozen=True, slots=True)
class Streams:
    """Where a command reads and answers."""

    stdin: TextIO
    stdout: TextIO
    stderr: TextIO


@dataclass(frozen=True, slots=True)
class _Desk:
    """A command's arguments, what imports take, and its streams."""

    arguments: argparse.Namespace
    settings: ImportSettings
    streams: Streams

    def read(self, name: str) -> Reading:
        """Read a file, or the standard input for ``-``, with the options that are meant for it."""
        form = SourceForm(self.arguments.form) if self.arguments.form else None
        source = "stdin" if name == "-" else name
        try:
            text = self.streams.stdin.read() if name == "-" else _text(Path(name))
        except (OSError, UnicodeDecodeError) as error:
            problem = Finding(source, 0, "", f"cannot be read: {error}")
            return Reading(form or SourceForm.OWN, "", None, (problem,))
        return opened(text, source, self._options(name), form)

    def say(self, text: str) -> None:
        """Answer."""
        print(text, file=self.streams.stdout)

    def tell(self, findings: Sequence[Finding]) -> None:
        """Say on the side what there is to say of files."""
        for finding in findings:
            print(finding, file=self.streams.stderr)

    def _options(self, name: str) -> ImportOptions:
        said = self.arguments
        options = self.settings.options(Path(name).name)
        return replace(
            options,
            catalog=said.catalog or options.catalog,
            tiers={**options.tiers, **said.tiers},
            amounts={**options.amounts, **said.amounts},
            hold_url=said.hold_url or options.hold_url,
        )


def run(arguments: Sequence[str], env: Env, streams: Streams) -> int:
    """Run a command and return its exit code; a wrong command line raises SystemExit(2)."""
    said = parse(arguments)
    if said.command == "plan":
        return _plan(said, env, streams)
    try:
        settings = _settings(said.options, env)
    except (CatalogRejected, ConfigError, OSError, UnicodeDecodeError) as wrong:
        print(f"{PROGRAM}: {wrong}", file=streams.stderr)
        return BAD
    commands: Mapping[str, Callable[[_Desk], int]] = {
        "validate": _validate,
        "diff": _diff,
        "import": _import,
    }
    return commands[said.command](_Desk(said, settings, streams))


def _plan(said: argparse.Namespace, env: Env, streams: Streams) -> int:
    try:
        token = planning.read_token(env)
        env.finish()
        text = streams.stdin.read() if said.file == "-" else _text(Path(said.file))
        plan = planning.planned(said, token, text)
    except Refusal as refusal:
        print("\n".join(planning.refused(refusal)), file=streams.stderr)
        return BAD
    except (ConfigError, OSError, UnicodeDecodeError) as wrong:
        print(f"{PROGRAM}: {wrong}", file=streams.stderr)
        return BAD
    if said.json:
        print(_json(planning.answer(plan)), file=streams.stdout)
    else:
        for line in planning.asides(plan):
            print(line, file=streams.stderr)
        print("\n".join(planning.lines(plan)), file=streams.stdout)
    return planning.code(plan)


def _settings(options_file: str, env: Env) -> ImportSettings:
    settings = read_import_settings(env)
    env.finish()
    if not options_file:
        return settings
    return read_imports(_text(Path(options_file)), options_file, settings.others)


def _text(path: Path) -> str:
    return path.read_text(encoding="utf-8")


def _validate(desk: _Desk) -> int:
    readings = [(name, desk.read(name)) for name in desk.arguments.files]
    if desk.arguments.json:
        desk.say(_json({"files": [_judged(name, reading) for name, reading in readings]}))
    else:
        for name, reading in readings:
            _say_judgement(desk, name, reading)
    return PARTLY if any(reading.problems for _, reading in readings) else FINE


def _say_judgement(desk: _Desk, name: str, reading: Reading) -> None:
    desk.tell([*reading.problems, *(_noted(note) for note in reading.notes)])
    catalog = reading.catalog
    if catalog is None:
        desk.say(f"{name}: {reading.form.value}: refused")
        return
    count = f"{len(catalog.plans)} plans, {len(catalog.addons)} add-ons"
    left = f"; {len(reading.problems)} problems, the rest stands" if reading.problems else ""
    desk.say(f"{name}: {reading.form.value}: catalog {catalog.name} with {count}{left}")


def _judged(name: str, reading: Reading) -> dict[str, object]:
    catalog = reading.catalog
    return {
        "file": name,
        "form": reading.form.value,
        "catalog": catalog.name if catalog else None,
        "plans": list(catalog.plans) if catalog else [],
        "addons": list(catalog.addons) if catalog else [],
        "problems": _found(reading.problems),
        "notes": _found(reading.notes),
    }


def _diff(desk: _Desk) -> int:
    old, new = desk.read(desk.arguments.old), desk.read(desk.arguments.new)
    problems = [*old.problems, *new.problems]
    both = old.catalog is not None and new.catalog is not None
    found = differences(old.catalog, new.catalog) if old.catalog and new.catalog else []
    if desk.arguments.json:
        answer = {
            "same": both and not found,
            "differences": [asdict(difference) for difference in found],
            "problems": _found(problems),
        }
        desk.say(_json(answer))
    else:
        desk.tell(problems)
        for difference in found:
            desk.say(str(difference))
    if problems or not both:
        return BAD
    return PARTLY if found else FINE


def _import(desk: _Desk) -> int:
    said = desk.arguments
    reading = desk.read(said.file)
    if reading.catalog is None:
        return _not_written(desk, reading.problems)
    form = SourceForm(said.to)
    hold_url = said.hold_url or desk.settings.others.hold_url
    try:
        written = exported(reading.catalog, form, hold_url=hold_url, manifest=said.manifest)
        if said.output:
            Path(said.output).write_text(written.text, encoding="utf-8")
    except (ValueError, OSError) as error:
        return _not_written(desk, [*reading.problems, Finding(said.file, 0, "", str(error))])
    notes = (*reading.notes, *written.notes)
    if said.json:
        answer = {
            "form": form.value,
            "catalog": reading.catalog.name,
            "text": written.text,
            "problems": _found(reading.problems),
            "notes": _found(notes),
        }
        desk.say(_json(answer))
    else:
        desk.tell([*reading.problems, *(_noted(note) for note in notes)])
        if not said.output:
            desk.streams.stdout.write(written.text)
    return PARTLY if reading.problems else FINE


def _not_written(desk: _Desk, problems: Sequence[Finding]) -> int:
    if desk.arguments.json:
        answer = {"form": desk.arguments.to, "text": None, "problems": _found(problems)}
        desk.say(_json(answer))
    else:
        desk.tell(problems)
    return BAD


def _noted(note: Finding) -> Finding:
    return replace(note, what=f"note: {note.what}")


def _found(findings: Sequence[Finding]) -> list[dict[str, object]]:
    return [
        {"file": found.source, "line": found.line, "key": found.key, "what": found.what}
        for found in findings
    ]


def _json(answer: object) -> str:
    return json.dumps(answer, ensure_ascii=False, indent=2)

"""Owns taking what is live into a manifest: difference by difference, as a person accepts them.

Comments, order and everything that was not accepted stay as they are. What could not be read is
never taken for gone.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Iterable
from io import StringIO
from pathlib import Path
from typing import Any

import typer
from ruamel.yaml import YAML
from ruamel.yaml.emitter import Emitter
from ruamel.yaml.util import load_yaml_guess_indent

from cli.commands.diff import show_differences
from cli.comparing import Difference, compare
from cli.files import check_folder, write_file
from cli.live import as_environment, door, problems_of, read_live
from cli.session import read_file
from cli.shell import CommandError, Shell, Status, counted


def update_file(shell: Shell, file: Path, *, accept_all: bool) -> Status:
    """Show what differs from ``file`` and write what is accepted.

    Returns:
        GOOD when the file says what is live, DRIFT when something that differs was not accepted.
    """
    declared = read_file(file).environment
    check_folder(file.resolve().parent, "--update")
    if not declared.workspaces:
        raise CommandError(f"{file} declares no workspace, so nothing leads to the rest")
    with door() as azure:
        draft = read_live(shell, azure, declared.name, [each.id for each in declared.workspaces])
    for part in draft.unread:
        shell.warn(f"not read: {part}")
    found = compare(declared, as_environment(draft), whole=False)
    sure = tuple(each for each in found if not (draft.unread and _gone(each)))
    if len(sure) < len(found):
        shell.warn(f"{len(found) - len(sure)} that seem to be gone are kept, as not all was read")
    accepted = _accepted(shell, file, sure, accept_all=accept_all)
    if accepted:
        _write(file, rewritten(file.read_text(encoding="utf-8"), accepted))
        shell.say(
            f"{file}: updated, {len(accepted)} of {counted(len(found), 'difference')} accepted"
        )
    elif not found:
        shell.note(f"{file} says what is live")
    return Status.GOOD if len(accepted) == len(found) else Status.DRIFT


def _gone(difference: Difference) -> bool:
    return not difference.field and difference.after is None


def _accepted(
    shell: Shell, file: Path, found: tuple[Difference, ...], *, accept_all: bool
) -> tuple[Difference, ...]:
    if accept_all:
        show_differences(shell, found)
        return found
    if not sys.stdin.isatty():
        show_differences(shell, found)
        if found:
            shell.note(f"nobody can be asked here: {file} is unchanged; --yes accepts everything")
        return ()
    taken = []
    for each in found:
        show_differences(shell, (each,))
        if typer.confirm("Update the manifest to B, the live value?", default=False):
            taken.append(each)
    return tuple(taken)


def rewritten(text: str, accepted: Iterable[Difference]) -> str:
    """``text`` with the accepted differences in it and everything else as it was."""
    document, indent, offset = load_yaml_guess_indent(text)
    for each in accepted:
        _apply(document, each)
    yaml = YAML()
    yaml.Emitter = _Emitter
    yaml.preserve_quotes = True
    yaml.width = 1 << 20  # an id on two lines could be found by nobody
    yaml.indent(mapping=2, sequence=indent or 2, offset=offset or 0)
    yaml.representer.add_representer(type(None), _null)
    stream = StringIO()
    yaml.dump(document, stream)
    return stream.getvalue()


class _Emitter(Emitter):
    """Ids are keys under userAssignedIdentities; YAML allows keys of 1024 characters."""

    MAX_SIMPLE_KEY_LENGTH = 1000


def _null(representer: Any, _value: None) -> Any:  # noqa: ANN401 - ruamel's own
    """``null``, as a capture writes it; ruamel would leave the value out."""
    return representer.represent_scalar("tag:yaml.org,2002:null", "null")


def _apply(document: Any, difference: Difference) -> None:  # noqa: ANN401 - ruamel's own
    items = document.setdefault(difference.section, [])
    at = next(
        (i for i, e in enumerate(items) if e["id"].lower() == difference.resource.lower()), None
    )
    if not difference.field:
        if at is None:
            items.append(_plain(difference.after))
        else:
            del items[at]
        return
    node = items[at]
    for name in difference.field[:-1]:
        node = node.setdefault(name, {})
    if difference.after is None:
        node.pop(difference.field[-1], None)
    else:
        node[difference.field[-1]] = _plain(difference.after)


def _plain(value: object) -> Any:  # noqa: ANN401 - JSON
    """A copy that shares nothing, so that YAML writes no aliases."""
    return json.loads(json.dumps(value))


def _write(file: Path, text: str) -> None:
    """Replace ``file``, unless what would be written is no manifest."""
    wrong = [line for line in problems_of(text, str(file)) if "RELINK_SCOPES" not in line]
    if wrong:
        raise CommandError(f"{file} is left as it was: with this it would not be valid", *wrong)
    write_file(file, text, option="--update")

"""Owns reading a live environment for capture, diff and update; what it means is ``shared.capture``'s."""

from __future__ import annotations

import os
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

from cli.session import insist, open_services, patiently, read_files
from cli.shell import CommandError, Shell
from shared.capture import Draft, draw, needed, write
from shared.manifests import ManifestError, parse_manifest
from shared.model.actual import Absent, Actual, Observation, Question, Read, Unreadable
from shared.model.environment import Environment
from shared.model.resource_id import ResourceId
from shared.workflow.services import AzureGateway

ROUNDS = 20


@contextmanager
def door() -> Iterator[AzureGateway]:
    """The way to Azure, with records that nobody keeps."""
    with (
        tempfile.TemporaryDirectory(prefix="relink-") as folder,
        open_services(Path(folder).as_uri()) as services,
    ):
        yield services.azure()


def read_live(
    shell: Shell, azure: AzureGateway, name: str, workspaces: Sequence[ResourceId]
) -> Draft:
    """What is live around ``workspaces``, as the draft of environment ``name``.

    Raises:
        CommandError: when a workspace itself cannot be read.
    """
    actual = _walk(shell, azure, workspaces)
    for each in workspaces:
        if actual.body(each) is None:
            raise CommandError(f"{each} cannot be read: {_why(actual, each)}")
    return draw(name, workspaces, actual, cloud=os.environ.get("RELINK_CLOUD") or "public")


def as_environment(draft: Draft) -> Environment:
    """The environment that the captured text declares.

    Raises:
        CommandError: when what is live is no valid manifest, with what is wrong.
    """
    try:
        return parse_manifest(write(draft), "live")
    except ManifestError as error:
        raise CommandError(
            f"what is live around '{draft.name}' makes no valid manifest:",
            *str(error).splitlines(),
        ) from error


def problems_of(text: str, shown: str) -> list[str]:
    """What keeps ``text`` from being used as a manifest; ``shown`` is what it is called."""
    with tempfile.TemporaryDirectory(prefix="relink-") as folder:
        file = Path(folder) / "captured.yaml"
        file.write_text(text, encoding="utf-8")
        found = read_files([file]).problems
    return [str(problem).replace(str(file), shown) for problem in found]


def _walk(shell: Shell, azure: AzureGateway, workspaces: Sequence[ResourceId]) -> Actual:
    """Ask until there is nothing left to ask. A bad token or a wrong id ends it at the first."""
    answers: dict[Read, Observation] = {}
    wanted = frozenset(Read(Question.GET, each) for each in workspaces)
    for _ in range(ROUNDS):
        if not wanted or (answers and Actual(answers).body(workspaces[0]) is None):
            break
        shell.note(f"reading {len(wanted)} more ({len(answers)} so far)")
        seen = patiently(lambda: insist(azure.read(wanted)), shell.note)  # noqa: B023 - called now
        answers.update(seen)
        wanted = needed(workspaces, Actual(answers))
    return Actual(answers)


def _why(actual: Actual, workspace: ResourceId) -> str:
    match actual.answer(workspace):
        case Absent():
            return "it does not exist (404)"
        case Unreadable(code=code, action=action, message=message):
            return f"{code}; missing: {action}" if action else f"{code}: {message}"
        case _:
            return "it was not read"

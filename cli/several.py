"""Owns doing one thing for several environments: none that fails stops another.

The worst decides the exit status.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from itertools import groupby
from pathlib import Path
from typing import Final

from cli.session import fixed, read_file, read_files
from cli.shell import Shell, Status, counted, error_json, one_of_many
from shared.manifests import Manifests

_WORST: Final = (Status.GOOD, Status.DRIFT, Status.ERROR)
_WORDS: Final = {Status.GOOD: "in order", Status.DRIFT: "with drift", Status.ERROR: "failed"}

type Act = Callable[[str], tuple[object, Status]]
"""Does it for the environment of this name; the JSON document that it comes to, and how it went."""


@dataclass(frozen=True, slots=True)
class Chosen:
    """The environments that a person named. ``alone``: by one file, so there is one result."""

    manifests: Manifests
    alone: bool


def choose(shell: Shell, paths: Sequence[Path]) -> Chosen:
    """Read the manifests at ``paths``. What is wrong with one of several is said.

    Raises:
        CommandError: when the only one cannot be used.
    """
    if len(paths) == 1 and not paths[0].is_dir():
        return Chosen(fixed(read_file(paths[0])), alone=True)
    manifests = read_files(paths)
    for problem in manifests.problems:
        shell.complain(f"error: {problem}")
    return Chosen(manifests, alone=False)


def for_each(shell: Shell, chosen: Chosen, act: Act) -> tuple[object, Status]:
    """The result of ``act`` for the only environment, or the list of all and the worst status.

    Raises:
        Whatever ``act`` does for the only environment.
    """
    if chosen.alone:
        (name,) = chosen.manifests.environments
        return act(name)
    documents: list[object] = list(_unusable(chosen.manifests))
    ended = Counter({Status.ERROR: len(documents)})
    for name, declared in sorted(chosen.manifests.environments.items()):
        document: object = None
        status = Status.ERROR
        with one_of_many(shell) as attempt:
            document, status = act(name)
        if attempt.failed:
            error = error_json(attempt.lines)
            document = {"environment": name, "file": declared.source, "error": error}
        documents.append(document)
        ended[status] += 1
    if len(documents) > 1:
        _tell_all(shell, ended)
    return documents, max((s for s in _WORST if ended[s]), key=_WORST.index)


def _tell_all(shell: Shell, ended: Counter[Status]) -> None:
    said = [f"{ended[status]} {_WORDS[status]}" for status in _WORST if ended[status]]
    shell.note(f"{counted(ended.total(), 'manifest')}: {', '.join(said)}")


def _unusable(manifests: Manifests) -> Iterator[dict[str, object]]:
    """Each file from which nothing can be used, with its problems."""
    usable = {declared.source for declared in manifests.environments.values()}
    for file, problems in groupby(manifests.problems, key=lambda problem: problem.file):
        if file not in usable:
            yield {
                "file": file,
                "error": error_json((f"{file} cannot be used", *map(str, problems))),
            }

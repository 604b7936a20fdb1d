"""Owns how YAML text becomes plain values, each with its line; refuses what a manifest never needs.

Only the JSON part of YAML is read: texts, numbers, truth values, lists and mappings with text keys.
Tags, anchors and aliases, several documents, keys given twice and deep nesting are refused before
anything is built, so that no text of the allowed size can make the reading expensive.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any, Final

from ruamel.yaml import YAML
from ruamel.yaml.error import MarkedYAMLError, StreamMark, YAMLError
from ruamel.yaml.events import (
    AliasEvent,
    CollectionEndEvent,
    CollectionStartEvent,
    DocumentStartEvent,
    Event,
    NodeEvent,
    ScalarEvent,
)
from ruamel.yaml.nodes import MappingNode, Node, ScalarNode, SequenceNode

from shared.manifests.problem import ManifestError, Problem

MAX_BYTES: Final = 1024 * 1024
_DEEPEST: Final = 40
_MOST_PROBLEMS: Final = 50
_CORE: Final = "tag:yaml.org,2002:"

type Path = tuple[str | int, ...]
type Place = tuple[int, int]


@dataclass(frozen=True, slots=True)
class Document:
    """Plain values and where each stands: path to (line, column), both from 1."""

    value: Any
    places: dict[Path, Place] = field(default_factory=dict)

    def place(self, path: Path) -> Place:
        """Where ``path`` stands, or else the nearest thing around it."""
        while path and path not in self.places:
            path = path[:-1]
        return self.places.get(path, (1, 1))


def read_yaml(text: str, file: str) -> Document:
    """Read one manifest's text.

    Raises:
        ManifestError: with every problem that keeps the text from being plain values.
    """
    size = len(text.encode(errors="replace"))
    if size > MAX_BYTES:
        problem = Problem(file, 0, 0, "", f"{size} bytes", f"{MAX_BYTES} bytes", "is too large")
        raise ManifestError([problem])
    try:
        problems = list(_refused(text, file))
        if problems:
            raise ManifestError(problems)
        node = YAML(typ="safe", pure=True).compose(text)
    except YAMLError as error:
        raise ManifestError([_syntax(error, file)]) from error
    reading = _Reading(file)
    value = reading.value(node, ()) if node is not None else None
    if reading.problems:
        raise ManifestError(reading.problems)
    return Document(value, reading.places)


def field_of(path: Path) -> str:
    """``privateEndpoints[0].body`` for ``("privateEndpoints", 0, "body")``."""
    text = ""
    for part in path:
        text += f"[{part}]" if isinstance(part, int) else f".{part}" if text else str(part)
    return text


def _refused(text: str, file: str) -> Iterator[Problem]:
    """One pass over the text without building anything: its cost is bounded by its size."""
    depth = documents = found = 0
    for event in YAML(typ="safe", pure=True).parse(text):
        depth += isinstance(event, CollectionStartEvent) - isinstance(event, CollectionEndEvent)
        documents += isinstance(event, DocumentStartEvent)
        message = _refusal(event, depth, documents)
        if message:
            found += 1
            line, column = _at(event.start_mark)
            yield Problem(file, line, column, "", "", "plain values", message)
            if depth > _DEEPEST or found >= _MOST_PROBLEMS:
                return


def _refusal(event: Event, depth: int, documents: int) -> str:
    if isinstance(event, DocumentStartEvent) and documents > 1:
        return "a file holds one manifest; a second document begins here"
    if isinstance(event, AliasEvent):
        return f"aliases are not read, found *{event.anchor}"
    if isinstance(event, NodeEvent) and event.anchor:
        return f"anchors are not read, found &{event.anchor}"
    if isinstance(event, ScalarEvent | CollectionStartEvent) and event.tag:
        return f"tags are not read, found {event.tag}"
    if depth > _DEEPEST:
        return f"is nested deeper than {_DEEPEST} levels"
    return ""


class _Reading:
    """Builds plain values from nodes and remembers where they stand."""

    def __init__(self, file: str) -> None:
        self._file = file
        self.problems: list[Problem] = []
        self.places: dict[Path, Place] = {}

    def value(self, node: Node, path: Path) -> Any:  # noqa: ANN401 - JSON
        self.places.setdefault(path, _at(node.start_mark))
        if isinstance(node, MappingNode):
            return self._mapping(node, path)
        if isinstance(node, SequenceNode):
            return [self.value(item, (*path, at)) for at, item in enumerate(node.value)]
        return self._scalar(node, path)

    def _mapping(self, node: MappingNode, path: Path) -> dict[str, Any]:
        built: dict[str, Any] = {}
        for name, item in node.value:
            if not isinstance(name, ScalarNode) or _kind(name) != "str":
                self._complain(name, path, str(name.value)[:80], "a text", "a key must be a text")
                continue
            key = str(name.value)
            if key in built:
                first = self.places[(*path, key)][0]
                self._complain(name, (*path, key), "", "", f"is given twice, first on line {first}")
                continue
            self.places[*path, key] = _at(name.start_mark)
            built[key] = self.value(item, (*path, key))
        return built

    def _scalar(self, node: Node, path: Path) -> Any:  # noqa: ANN401 - JSON
        text = str(node.value)
        try:
            match _kind(node):
                case "null":
                    return None
                case "bool":
                    return text.lower() == "true"
                case "int":
                    return int(text.replace("_", ""), 0)
                case "float":
                    number = float(text.replace("_", ""))
                    if math.isfinite(number):
                        return number
                case _:
                    return text
        except ValueError:
            pass
        self._complain(node, path, text[:80], "a number, or a text in quotes", "is no number")
        return None

    def _complain(self, node: Node, path: Path, found: str, allowed: str, message: str) -> None:
        line, column = _at(node.start_mark)
        self.problems.append(
            Problem(self._file, line, column, field_of(path), found, allowed, message)
        )


def _kind(node: Node) -> str:
    """``str``, ``int``, ``float``, ``bool``, ``null``: times stay texts."""
    kind = str(node.tag).removeprefix(_CORE)
    return kind if kind in {"int", "float", "bool", "null"} else "str"


def _at(mark: StreamMark | None) -> Place:
    return (mark.line + 1, mark.column + 1) if mark is not None else (0, 0)


def _syntax(error: YAMLError, file: str) -> Problem:
    if isinstance(error, MarkedYAMLError):
        line, column = _at(error.problem_mark or error.context_mark)
        said = " ".join(filter(None, [error.context, error.problem]))
        return Problem(file, line, column, "", "", "", f"is not YAML: {said}")
    return Problem(file, 0, 0, "", "", "", f"is not YAML: {str(error).splitlines()[0][:200]}")

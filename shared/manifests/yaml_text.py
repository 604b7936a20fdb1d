"""Owns how YAML text becomes plain values, each with its line; refuses what a manifest never needs.

Only the JSON part of YAML is read: texts, numbers, truth values, lists and mappings with text keys.
Tags, anchors and aliases, several documents, keys given twice and deep nesting are refused before
anything is built, so that no text of the allowed size can make the reading expensive.
"""

from __future__ import annotations

import math
import re
from dataclasses import dataclass
from typing import Any, Final

from ruamel.yaml import YAML
from ruamel.yaml.error import MarkedYAMLError, StreamMark, YAMLError
from ruamel.yaml.events import (
    AliasEvent,
    CollectionEndEvent,
    CollectionStartEvent,
    DocumentStartEvent,
    Event,
    MappingStartEvent,
    NodeEvent,
    ScalarEvent,
)

from shared.manifests.document import MAX_BYTES, Document, Path, Place, field_of
from shared.manifests.problem import ManifestError, Problem

_DEEPEST: Final = 40
_MOST_PROBLEMS: Final = 50
_LONGEST_NUMBER: Final = 30  # a longer one is a text: Python refuses to read huge ones

# The plain scalars of YAML 1.2's core schema (yaml.org, 10.3.2); everything else is a text.
_NULL: Final = re.compile(r"|~|null|Null|NULL")
_TRUTH: Final = re.compile(r"true|True|TRUE|false|False|FALSE")
_INTEGER: Final = re.compile(r"[-+]?[0-9]+|0o[0-7]+|0x[0-9a-fA-F]+")
_DECIMAL: Final = re.compile(r"[-+]?(\.[0-9]+|[0-9]+(\.[0-9]*)?)([eE][-+]?[0-9]+)?")
_NO_NUMBER: Final = re.compile(r"[-+]?\.(inf|Inf|INF)|\.(nan|NaN|NAN)|[-+]?0[0-9]+")


def read_yaml(text: str, file: str) -> Document:
    """Read one manifest's text.

    Raises:
        ManifestError: with every problem that keeps the text from being plain values.
    """
    size = len(text.encode(errors="replace"))
    if size > MAX_BYTES:
        problem = Problem(file, 0, 0, "", f"{size} bytes", f"{MAX_BYTES} bytes", "is too large")
        raise ManifestError([problem])
    builder = _Builder(file)
    try:
        for event in YAML(typ="safe", pure=True).parse(text):
            builder.take(event)
            if builder.hopeless:
                break
    except YAMLError as error:
        builder.problems.append(_syntax(error, file))
    if builder.problems:
        raise ManifestError(builder.problems)
    return Document(builder.root, builder.places)


@dataclass(slots=True)
class _Frame:
    """A mapping or list that is being read: where it stands and, in a mapping, the key at hand."""

    path: Path
    holds: dict[str, Any] | list[Any]
    key: str | None = None


class _Builder:
    """Builds plain values in one pass, at a cost that is bounded by the length of the text."""

    def __init__(self, file: str) -> None:
        self._file = file
        self._open: list[_Frame] = []
        self._documents = 0
        self.root: Any = None
        self.places: dict[Path, Place] = {}
        self.problems: list[Problem] = []

    @property
    def hopeless(self) -> bool:
        """Whether reading on would tell nobody anything."""
        return len(self._open) > _DEEPEST or len(self.problems) >= _MOST_PROBLEMS

    def take(self, event: Event) -> None:
        """One event of the parser."""
        if isinstance(event, DocumentStartEvent):
            self._documents += 1
        refusal = _refusal(event, len(self._open), self._documents)
        if refusal:
            self._complain(event, self._path(), "", "plain values", refusal)
        match event:
            case ScalarEvent() if self._expects_key():
                self._name(event)
            case ScalarEvent():
                self._put(event, self._scalar(event))
            case AliasEvent():
                self._put(event, None)
            case CollectionStartEvent():
                holds: dict[str, Any] | list[Any] = (
                    {} if isinstance(event, MappingStartEvent) else []
                )
                path = self._path()
                self._put(event, holds)
                self._open.append(_Frame(path, holds))
            case CollectionEndEvent():
                self._open.pop()
            case _:
                return

    def _expects_key(self) -> bool:
        frame = self._open[-1] if self._open else None
        return frame is not None and isinstance(frame.holds, dict) and frame.key is None

    def _path(self) -> Path:
        """Where the next value goes."""
        if not self._open:
            return ()
        frame = self._open[-1]
        return (
            *frame.path,
            len(frame.holds) if isinstance(frame.holds, list) else frame.key or "?",
        )

    def _name(self, event: ScalarEvent) -> None:
        frame = self._open[-1]
        key = str(event.value)
        if not isinstance(_plain(event), str):
            self._complain(event, frame.path, key[:80], "a text", "a key must be a text")
        path = (*frame.path, key)
        if path in self.places:
            first = self.places[path][0]
            self._complain(event, path, "", "", f"is given twice, first on line {first}")
        self.places.setdefault(path, _at(event.start_mark))
        frame.key = key

    def _put(self, event: Event, value: Any) -> None:  # noqa: ANN401 - JSON
        path = self._path()
        self.places.setdefault(path, _at(event.start_mark))
        if not self._open:
            self.root = value
            return
        frame = self._open[-1]
        if isinstance(frame.holds, list):
            frame.holds.append(value)
            return
        if frame.key is None:
            self._complain(event, frame.path, "a list or mapping", "a text", "a key must be a text")
            frame.key = "?"
            return
        frame.holds[frame.key] = value
        frame.key = None

    def _scalar(self, event: ScalarEvent) -> Any:  # noqa: ANN401 - JSON
        value = _plain(event)
        if isinstance(value, str) and event.implicit[0] and _NO_NUMBER.fullmatch(value):
            allowed = "a number, or a text in quotes"
            self._complain(event, self._path(), value[:80], allowed, "is no number")
        return value

    def _complain(self, event: Event, path: Path, found: str, allowed: str, message: str) -> None:
        line, column = _at(event.start_mark)
        self.problems.append(
            Problem(self._file, line, column, field_of(path), found, allowed, message)
        )


def _refusal(event: Event, depth: int, documents: int) -> str:
    if isinstance(event, DocumentStartEvent) and documents > 1:
        return "a file holds one manifest; a second document begins here"
    if isinstance(event, AliasEvent):
        return f"aliases are not read, found *{event.anchor}"
    if isinstance(event, NodeEvent) and event.anchor:
        return f"anchors are not read, found &{event.anchor}"
    if isinstance(event, ScalarEvent | CollectionStartEvent) and event.tag:
        return f"tags are not read, found {event.tag}"
    if isinstance(event, CollectionStartEvent) and depth >= _DEEPEST:
        return f"is nested deeper than {_DEEPEST} levels"
    return ""


def _plain(event: ScalarEvent) -> Any:  # noqa: ANN401 - JSON
    """The scalar as JSON knows it. What is in quotes is a text; times stay texts."""
    text = str(event.value)
    if not event.implicit[0] or _NO_NUMBER.fullmatch(text):
        return text
    if _NULL.fullmatch(text):
        return None
    if _TRUTH.fullmatch(text):
        return text.lower() == "true"
    if _INTEGER.fullmatch(text) and len(text) <= _LONGEST_NUMBER:
        return int(text, 0)
    if _DECIMAL.fullmatch(text) and len(text) <= _LONGEST_NUMBER:
        number = float(text)
        return number if math.isfinite(number) else text
    return text


def _at(mark: StreamMark | None) -> Place:
    return (mark.line + 1, mark.column + 1) if mark is not None else (0, 0)


def _syntax(error: YAMLError, file: str) -> Problem:
    if isinstance(error, MarkedYAMLError):
        line, column = _at(error.problem_mark or error.context_mark)
        said = " ".join(filter(None, [error.context, error.problem]))
        return Problem(file, line, column, "", "", "", f"is not YAML: {said}")
    return Problem(file, 0, 0, "", "", "", f"is not YAML: {str(error).splitlines()[0][:200]}")

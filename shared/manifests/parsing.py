"""Owns how a manifest's text becomes an ``Environment``, or a list of problems with their lines.

What one file can say wrongly is found here; what several files or the settings have to say about
it is ``checks``.
"""

from __future__ import annotations

import difflib
import hashlib
import json
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from functools import cache
from typing import Any, Final

from pydantic import ValidationError
from pydantic_core import ErrorDetails

from shared.manifests.document import Document, Path, field_of
from shared.manifests.problem import ManifestError, Problem
from shared.model.environment import Environment
from shared.model.roles import ALLOWED_ROLES

_ID: Final = re.compile(r"/subscriptions/[^\s'\"]+", re.IGNORECASE)
_TAKEN_NAMES: Final = frozenset({"all", "none", "environments", "runs", "health"})
_LONGEST_FOUND: Final = 120
_MOST_PROBLEMS: Final = 50


@dataclass(frozen=True, slots=True)
class Parsed:
    """A valid manifest with what is needed to point into its text.

    ``version`` is the beginning of the text's SHA-256.
    """

    environment: Environment
    document: Document
    file: str
    text: str
    version: str

    def problem(self, path: Path, *, found: str, allowed: str, message: str) -> Problem:
        """A problem at ``path`` of this manifest."""
        line, column = self.document.place(path)
        return Problem(self.file, line, column, field_of(path), found, allowed, message)


def parse_manifest(text: str, file: str) -> Environment:
    """The environment that ``text`` declares; ``file`` is only for messages.

    Scopes and other files are not looked at: see ``read_manifests``.

    Raises:
        ManifestError: with every problem that was found.
    """
    return parse(text, file).environment


def parse(text: str, file: str) -> Parsed:
    """Like ``parse_manifest``, keeping the lines.

    Raises:
        ManifestError: with every problem that was found.
    """
    from shared.manifests.yaml_text import read_yaml  # noqa: PLC0415 - the parser loads late

    document = read_yaml(text, file)
    if not isinstance(document.value, dict):
        found = "nothing" if document.value is None else f"a {type(document.value).__name__}"
        allowed = "a mapping that begins with apiVersion: relink/v1"
        raise ManifestError([Problem(file, 1, 1, "", found, allowed, "is no manifest")])
    try:
        # Through JSON and strict: a number in quotes is a text, not a number.
        environment = Environment.model_validate_json(json.dumps(document.value), strict=True)
    except ValidationError as error:
        details = error.errors(include_url=False)
        problems = [_explain(each, document, file) for each in details[:_MOST_PROBLEMS]]
        if more := len(details) - len(problems):
            problems.append(Problem(file, 0, 0, "", "", "", f"and {more} more problems"))
        raise ManifestError(problems) from error
    parsed = Parsed(environment, document, file, text, version_of(text))
    problems = list(_within_file(parsed))
    if problems:
        raise ManifestError(problems)
    return parsed


def version_of(text: str) -> str:
    """A short name of exactly this text: 16 hex digits of its SHA-256."""
    return hashlib.sha256(text.encode(errors="replace")).hexdigest()[:16]


@cache
def _schema() -> dict[str, Any]:
    return Environment.model_json_schema(by_alias=True)


def schema() -> dict[str, Any]:
    """The JSON Schema of a manifest, for editors."""
    found: dict[str, Any] = json.loads(json.dumps(_schema()))
    found["$schema"] = "https://json-schema.org/draft/2020-12/schema"
    found["title"] = "Relink environment"
    role = found["$defs"]["Role"]["properties"]["role"]
    role["description"] = "; ".join(f"{guid} is {name}" for guid, name in ALLOWED_ROLES.items())
    return found


def _explain(error: ErrorDetails, document: Document, file: str) -> Problem:
    path: Path = tuple(part for part in error["loc"] if part != "[key]")
    place = document.place(path if error["type"] != "missing" else path[:-1])
    found = _shown(error["input"])
    problem = Problem(file, *place, field_of(path), found, "", _sentence(error["msg"]))
    context: Mapping[str, Any] = error.get("ctx") or {}
    match error["type"]:
        case "missing":
            return replace(problem, found="nothing", message="is required")
        case "extra_forbidden":
            return _unknown_key(problem, path)
        case "literal_error" | "enum":
            return replace(problem, allowed=str(context.get("expected")), message="is not allowed")
        case "string_pattern_mismatch":
            return replace(problem, allowed=str(context.get("pattern")), message="is not allowed")
        case "value_error":
            return _own_words(problem, document)
        case _:
            return problem


def _unknown_key(problem: Problem, path: Path) -> Problem:
    known = sorted(_known_keys(path[:-1]))
    near = difflib.get_close_matches(str(path[-1]), known, n=1, cutoff=0.6)
    hint = f"; did you mean '{near[0]}'?" if near else ""
    return replace(
        problem,
        found=f"'{path[-1]}'",
        allowed=", ".join(known),
        message=f"is not a key of a manifest{hint}",
    )


def _known_keys(path: Path) -> frozenset[str]:
    """The keys that the mapping at ``path`` may have, from the schema."""
    node = _schema()
    for part in path:
        node = _resolved(node)
        if isinstance(part, int):
            node = node.get("items", {})
        else:
            node = node.get("properties", {}).get(part) or node.get("additionalProperties", {})
    return frozenset(_resolved(node).get("properties", ()))


def _resolved(node: Any) -> dict[str, Any]:  # noqa: ANN401 - JSON
    """``node`` behind its references, and without the null of an optional one."""
    while isinstance(node, dict) and ("$ref" in node or "anyOf" in node):
        if "$ref" in node:
            node = _schema()["$defs"][node["$ref"].rsplit("/", 1)[1]]
        else:
            node = next((each for each in node["anyOf"] if each.get("type") != "null"), {})
    return node if isinstance(node, dict) else {}


def _own_words(problem: Problem, document: Document) -> Problem:
    """Our own validators say found and allowed themselves; an id in their words has a line."""
    named = _ID.search(problem.message) if not problem.field else None
    if named is None:
        return replace(problem, found="") if problem.found == "a mapping" else problem
    places = [
        (path, document.places[path])
        for path, value in texts(document.value)
        if value.lower() == named.group().rstrip(",;").lower()
    ]
    if not places:
        return replace(problem, found="")
    path, (line, column) = places[-1]
    return replace(problem, found="", field=field_of(path), line=line, column=column)


def texts(value: Any, path: Path = ()) -> Iterator[tuple[Path, str]]:  # noqa: ANN401 - JSON
    """Every text in a JSON value with its path; keys of mappings count as texts as well."""
    if isinstance(value, str):
        yield path, value
    elif isinstance(value, dict):
        for name, item in value.items():
            if "/" in name:  # ids are keys under userAssignedIdentities
                yield (*path, name), name
            yield from texts(item, (*path, name))
    elif isinstance(value, list):
        for at, item in enumerate(value):
            yield from texts(item, (*path, at))


def _within_file(parsed: Parsed) -> Iterator[Problem]:
    name = parsed.environment.name
    if name in _TAKEN_NAMES or name.strip("-") != name:
        allowed = f"a name without - at its ends, and none of {', '.join(sorted(_TAKEN_NAMES))}"
        yield parsed.problem(
            ("name",), found=f"'{name}'", allowed=allowed, message="is not allowed as a name"
        )
    yield from _records_within_file(parsed)


def _records_within_file(parsed: Parsed) -> Iterator[Problem]:
    owners: dict[str, tuple[str, bool]] = {}
    for at, endpoint in enumerate(parsed.environment.private_endpoints):
        for number, record in enumerate(endpoint.records):
            path = ("privateEndpoints", at, "records", number)
            try:
                key = record.zone.child("A", record.name).key
            except ValueError:
                yield parsed.problem(
                    (*path, "name"), found=f"'{record.name[:80]}'", allowed="the name of a record "
                    "relative to its zone", message="is not a record name",
                )  # fmt: skip
                continue
            owner, shared = owners.setdefault(key, (endpoint.id.key, record.shared))
            if owner != endpoint.id.key and not (shared and record.shared):
                yield parsed.problem(
                    path, found=f"'{record.name}' in {record.zone.name}", allowed="one endpoint a "
                    "record, or shared: true at each", message="is the record of another endpoint "
                    "as well",
                )  # fmt: skip


def _shown(value: object) -> str:
    """What was found, short: bodies are not repeated in messages."""
    match value:
        case None:
            return "nothing"
        case Mapping():
            return "a mapping"
        case list() | tuple():
            return f"a list of {len(value)}"
        case bool():
            return str(value).lower()
        case str():
            return f"'{value[:_LONGEST_FOUND]}'"
        case _:
            return str(value)[:_LONGEST_FOUND]


def _sentence(message: str) -> str:
    text = message.removeprefix("Value error, ")
    return text[:1].lower() + text[1:]

"""Owns what differs between two declarations of an environment, resource by resource.

Ids are compared without case, as Azure does; lists without order, as the order of connections,
zones and roles says nothing. Decides nothing: which side is right is a person's to say.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Final

from shared.model import environment
from shared.model.environment import Environment
from shared.model.json import canonical

SECTIONS: Final = tuple(environment.SECTIONS.values())
"""The lists of a manifest: what a capture can see. Everything else is a person's choice."""
_IDS: Final = ("/subscriptions/",)


@dataclass(frozen=True, slots=True)
class Difference:
    """One thing that is not the same; ``None`` where a side does not have it.

    ``section`` and ``resource`` are empty for a setting of the environment as a whole; ``field`` is
    empty where one side lacks the resource.
    """

    section: str
    resource: str
    field: tuple[str, ...]
    before: Any
    after: Any

    @property
    def where(self) -> str:
        """The field as people write it."""
        return ".".join(self.field)

    @property
    def name(self) -> str:
        """The last part of the resource's id."""
        return self.resource.rpartition("/")[2]


def compare(before: Environment, after: Environment, *, whole: bool) -> tuple[Difference, ...]:
    """What differs. ``whole``: the environment's own settings as well, not its resources alone."""
    old, new = (plain(each) for each in (before, after))
    found = [d for section in SECTIONS for d in _of_section(section, old, new)]
    if whole:
        kept = [{k: v for k, v in each.items() if k not in SECTIONS} for each in (old, new)]
        found = [Difference("", "", *each) for each in _fields((), kept[0], kept[1])] + found
    return tuple(found)


def plain(environment: Environment) -> dict[str, Any]:
    """The declaration as JSON, with what was left out left out."""
    return environment.model_dump(mode="json", by_alias=True, exclude_unset=True)


def _of_section(
    section: str, old: Mapping[str, Any], new: Mapping[str, Any]
) -> Iterator[Difference]:
    before, after = ({e["id"].lower(): e for e in side.get(section, ())} for side in (old, new))
    for key in sorted({*before, *after}):
        was, now = before.get(key), after.get(key)
        resource = (was or now or {})["id"]
        if was is None or now is None:
            yield Difference(section, resource, (), was, now)
            continue
        for field, had, has in _fields((), was, now):
            if field != ("owned",):
                yield Difference(section, resource, field, had, has)


def _fields(
    at: tuple[str, ...], old: Mapping[str, Any], new: Mapping[str, Any]
) -> Iterator[tuple[tuple[str, ...], Any, Any]]:
    for name in dict.fromkeys((*old, *new)):
        was, now = old.get(name), new.get(name)
        if isinstance(was, Mapping) and isinstance(now, Mapping):
            yield from _fields((*at, name), was, now)
        elif _comparable(was) != _comparable(now):
            yield (*at, name), was, now


def _comparable(value: Any) -> Any:  # noqa: ANN401 - JSON
    """The value as Azure would compare it."""
    if isinstance(value, str):
        return value.lower() if value.startswith(_IDS) else value
    if isinstance(value, Mapping):
        return {str(_comparable(name)): _comparable(item) for name, item in value.items()}
    if isinstance(value, list | tuple):
        return sorted((_comparable(item) for item in value), key=canonical)
    return value

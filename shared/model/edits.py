"""Owns how an owned field is put right while every other field stays as it is (domain.md 5)."""

from __future__ import annotations

import copy
from collections.abc import Iterable
from typing import Any

from shared.model.json import JsonObject, dig
from shared.model.step import Change, Edit, EditKind

_NOTHING = "none"


def words(text: object) -> list[str]:
    """A comma list such as ``"AzureServices, Logging"`` as its words; "None" is no word."""
    parts = [part.strip() for part in str(text or "").split(",")]
    return [part for part in parts if part and part.lower() != _NOTHING]


def edited(current: object, edit: Edit) -> Any:  # noqa: ANN401 - JSON
    """What the field holds after ``edit``, given what it holds now."""
    if edit.kind in {EditKind.SET, EditKind.SET_AGAIN}:
        return edit.value
    if edit.kind is EditKind.ADD_ITEM:
        return _with_item(current, edit.value)
    present = words(current)
    if str(edit.value).lower() in (word.lower() for word in present):
        return current
    return ", ".join([*present, str(edit.value)])


def _with_item(current: object, item: JsonObject) -> list[Any]:
    """The list with ``item`` in it; what names the same thing counts as being there."""
    present = list(current) if isinstance(current, list | tuple) else []
    named = _named(item)
    return present if any(_named(each) == named for each in present) else [*present, dict(item)]


def _named(item: object) -> str:
    """What an item of a list is about: an id, or a service ("Microsoft.Storage")."""
    if not isinstance(item, dict):
        return str(item).lower()
    found = dig(item, "id") or dig(item, "service") or dig(item, "name")
    return str(found or "").lower()


def changes_of(live: JsonObject, edits: Iterable[Edit]) -> tuple[Change, ...]:
    """Field by field, what ``edits`` would change on ``live``; nothing for fields in order.

    What is to be set again is a change even where it looks the same.
    """
    fields: dict[str, Any] = {}
    again = set()
    for edit in edits:
        fields[edit.path] = edited(fields.get(edit.path, dig(live, edit.path)), edit)
        if edit.kind is EditKind.SET_AGAIN:
            again.add(edit.path)
    return tuple(
        Change(path, dig(live, path), after)
        for path, after in fields.items()
        if dig(live, path) != after or path in again
    )


def patch_body(live: JsonObject, edits: Iterable[Edit]) -> dict[str, Any]:
    """The smallest PATCH body that carries ``edits`` without dropping what Azure would drop.

    Where Azure replaces an object as a whole (``Edit.whole``), the object is taken from ``live``
    as it is now, edited and sent complete; any other field is sent alone.
    """
    body: dict[str, Any] = {}
    for edit in edits:
        if edit.whole and dig(body, edit.whole) is None:
            _place(body, edit.whole, copy.deepcopy(dig(live, edit.whole) or {}))
        now = dig(body, edit.path)
        _place(body, edit.path, edited(dig(live, edit.path) if now is None else now, edit))
    return body


def put_body(live: JsonObject, edits: Iterable[Edit], read_only: frozenset[str]) -> dict[str, Any]:
    """The complete body to PUT where Azure has no PATCH: ``live``, edited, without what it only shows.

    ``read_only`` are names in lower case, left out of the top level and of ``properties``.
    """
    body = {k: copy.deepcopy(v) for k, v in live.items() if k.lower() not in read_only}
    inner = dig(body, "properties") or {}
    for name in [name for name in inner if name.lower() in read_only]:
        del inner[name]
    for edit in edits:
        _place(body, edit.path, edited(dig(body, edit.path), edit))
    return body


def _place(body: dict[str, Any], path: str, value: object) -> None:
    """Put ``value`` at ``path``, reusing names that are there in another casing."""
    *parents, last = path.split(".")
    for name in parents:
        body = body.setdefault(_spelling(body, name), {})
    body[_spelling(body, last)] = value


def _spelling(body: dict[str, Any], name: str) -> str:
    return next((key for key in body if key.lower() == name.lower()), name)

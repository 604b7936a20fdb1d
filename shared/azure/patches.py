"""Owns read, edit and write of owned fields in one go, every other field left as it is."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from functools import partial
from typing import Any, Final

from shared.azure.errors import Terminal
from shared.azure.kinds import kind_of
from shared.azure.polling import progress_of, settling, unsettled
from shared.azure.questions import fetch
from shared.azure.room import Room
from shared.azure.wire import ask, sent
from shared.model.edits import changes_of, patch_body, put_body
from shared.model.json import JsonObject, dig
from shared.model.progress import Done, Progress, Refused
from shared.model.step import Edit, PatchResource


def patch(room: Room, step: PatchResource) -> Progress:
    """Send one PATCH if anything differs from what is wanted; none otherwise.

    The resource is read just before, unless the plan's own reading is seconds old. None of the
    kinds patched here honours If-Match (domain.md 5), so the two calls follow each other directly; a
    kind that has no PATCH is put whole, over the version that was read.
    """
    kind = kind_of(step.resource)
    operation = kind.put if step.resource.type in _PUT else kind.patch
    if operation is None:
        raise Terminal("UnsupportedStep", f"a '{step.resource.type}' is never patched by Relink")
    live = room.fresh(step.resource) or fetch(room.clients, step.resource)
    if live is None:
        return Refused("NotFound", f"{step.kind} {step.resource}: it is not there any more")
    note = _kept(room.seen(step.resource), live, step.edits)
    changes = changes_of(live, step.edits)
    if not changes and unsettled(live):
        return settling(room, step, note="written by an earlier delivery")
    if not changes:
        return Done(note="; ".join(filter(None, ("already in order", note))))
    body, options = _written(step, live)
    answer = ask(partial(operation, room.clients, step.resource, body, **options))
    return progress_of(room, step, answer, changes=changes, note=note)


_PUT: Final = {
    "microsoft.network/virtualnetworks/subnets": frozenset(
        {
            "type", "etag", "provisioningstate", "privateendpoints", "ipconfigurations",
            "ipconfigurationprofiles", "resourcenavigationlinks", "serviceassociationlinks", "purpose",
        }
    ),
}  # fmt: skip
"""Types that have no PATCH, with what they only show (virtualNetworks/subnets, 2025-09-01): a PUT sends
everything else back, as it would drop what is left out."""


def _written(step: PatchResource, live: JsonObject) -> tuple[bytes, dict[str, Any]]:
    """What is sent, and the headers that go with it."""
    read_only = _PUT.get(step.resource.type)
    if read_only is None:
        return sent(patch_body(live, step.edits)), {}
    etag = str(live.get("etag") or "")
    match = {"headers": {"If-Match": etag}} if etag else {}
    return sent(put_body(live, step.edits, read_only)), match


def _kept(seen: JsonObject | None, live: JsonObject, edits: tuple[Edit, ...]) -> str:
    """Names the fields that somebody else changed, inside objects that are sent back whole."""
    if seen is None:
        return ""
    fields = sorted(set(_moved(seen, live, edits)))
    return f"changed meanwhile and kept as found: {', '.join(fields)}" if fields else ""


def _moved(seen: JsonObject, live: JsonObject, edits: tuple[Edit, ...]) -> Iterator[str]:
    own = {edit.path.lower() for edit in edits}
    for whole in {edit.whole for edit in edits if edit.whole}:
        before, now = dig(seen, whole) or {}, dig(live, whole) or {}
        if not isinstance(before, Mapping) or not isinstance(now, Mapping):
            continue
        for name in {*before, *now}:
            path = f"{whole}.{name}"
            if path.lower() not in own and dig(before, name) != dig(now, name):
                yield path

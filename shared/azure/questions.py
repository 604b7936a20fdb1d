"""Owns how a question becomes a call, and what its answer says. Concludes nothing from silence."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import replace
from datetime import datetime
from functools import partial
from typing import Any, Final, assert_never

from shared.azure import activitylog, authorization, containerservice, extensions, machinelearning
from shared.azure.clients import Clients
from shared.azure.deadline import within
from shared.azure.errors import DEFAULT_RETRY_AFTER, UNEXPLAINED, Terminal, Transient
from shared.azure.kinds import kind_of
from shared.azure.lists import list_below
from shared.azure.wire import ask, ask_all
from shared.model.actual import Absent, Found, Observation, Question, Read, Unreadable
from shared.model.arm import moment
from shared.model.json import JsonObject, dig
from shared.model.resource_id import ResourceId

_NOT_SEEN: Final = frozenset(
    {
        "subscriptionnotfound",
        "invalidresourcetype",
        "noregisteredproviderfound",
        UNEXPLAINED.lower(),
    }
)
_NO_ANSWER: Final = frozenset({"NotJson", "NotTheResource", UNEXPLAINED})
_GUID: Final = re.compile(r"[0-9a-fA-F]{8}(?:-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}")

_SENT_WHOLE: Final = {"microsoft.storage/storageaccounts": "networkAcls"}
"""What every answer of a type shows (all of 112 recorded accounts did) and a PATCH replaces as a whole.

A vault without rules shows none, and a registry that cannot have any, so they are not here.
"""
_LOGS: Final = frozenset({Question.POWER_LOG, Question.WRITE_LOG})


def observe(clients: Clients, read: Read, clock: Callable[[], datetime]) -> Observation:
    """Ask once.

    Raises:
        Transient: Azure asked to come back later; nothing is known.
    """
    try:
        with within():
            body = _asked(clients, _within_reach(read, clock()))
    except Terminal as error:
        return _refused(error, clock())
    return Found(body, clock())


def _within_reach(read: Read, now: datetime) -> Read:
    """A question to the activity log goes back no further than the log does; ARM would refuse it."""
    since = moment(read.detail)
    earliest = now - activitylog.REACH
    if read.question not in _LOGS or since is None or since >= earliest:
        return read
    return replace(read, detail=earliest.isoformat())


def fetch(clients: Clients, resource: ResourceId) -> JsonObject | None:
    """``resource`` as it is now; nothing if Azure says that it is not there.

    Raises:
        RemediationError: it could not be read, so nothing may be concluded.
    """
    try:
        return _got(clients, resource)
    except Terminal as error:
        if absent(error):
            return None
        raise asked_again(error) from error


def asked_again(error: Terminal) -> Transient | Terminal:
    """What a read in the middle of a step ended with: no answer says nothing of the step."""
    if error.status < 500 and error.code not in _NO_ANSWER:  # noqa: PLR2004 - server errors
        return error
    return Transient(error.code, error.message, status=error.status)


def _got(clients: Clients, resource: ResourceId) -> JsonObject:
    """``resource`` as it is now: a success that shows something else has answered nothing.

    Every resource says its own id and has properties: so did all of more than 600 recorded answers.
    An empty object, or a front's, would read as a resource in which everything is open or gone,
    and what is sent back whole would lose what was not shown (``_SENT_WHOLE``).
    """
    body = ask(partial(kind_of(resource).get, clients, resource)).body
    whole = _SENT_WHOLE.get(resource.type)
    shown = dig(body, f"properties.{whole}" if whole else "properties")
    is_shown = (isinstance(shown, Mapping) and bool(shown)) or not resource.resource_group
    if not is_shown or ResourceId.maybe(body.get("id")) != resource:
        raise Terminal("NotTheResource", f"Azure's answer does not show {resource}")
    return body


def absent(error: Terminal) -> bool:
    """Whether this 404 means "no such resource".

    A subscription that the identity may not see answers 404 as well, and so does a type that the
    region or the api-version does not know, and a front with its own page: none of them says
    anything about the resource.
    """
    return error.status == 404 and error.code.lower() not in _NOT_SEEN  # noqa: PLR2004 - Not Found


def _refused(error: Terminal, now: datetime) -> Observation:
    if absent(error):
        return Absent(now, error.code)
    # A server's own error says nothing about the resource, and a read may be asked again.
    again = DEFAULT_RETRY_AFTER if error.status >= 500 else None  # noqa: PLR2004 - server errors
    return Unreadable(error.why, str(error), now, error.action, again)


def _asked(clients: Clients, read: Read) -> JsonObject:  # noqa: C901, PLR0911, PLR0912 - one line a question
    resource, detail = read.resource, read.detail
    match read.question:
        case Question.GET:
            return _got(clients, resource)
        case Question.LOCKS:
            return ask_all(partial(authorization.list_locks, clients, resource))
        case Question.PERMISSIONS:
            return authorization.list_permissions(clients, resource)
        case Question.ROLES:
            principal = _guid(detail)
            return ask_all(partial(authorization.list_assignments, clients, resource, principal))
        case Question.POWER_LOG:
            return activitylog.power_log(clients, resource, detail)
        case Question.WRITE_LOG:
            return activitylog.write_log(clients, resource, detail)
        case Question.LINK:
            return ask_all(partial(containerservice.list_links, clients, resource))
        case Question.CONNECTIONS:
            return _connections(clients, resource)
        case Question.EXTENSIONS:
            return ask_all(partial(extensions.list_extensions, clients, resource))
        case Question.DEPLOYMENTS:
            return machinelearning.list_deployments(clients, resource)
        case Question.JOBS:
            return machinelearning.list_jobs(clients, resource)
        case Question.LIST:
            return list_below(clients, resource, detail)
        case other:
            assert_never(other)


def _connections(clients: Clients, resource: ResourceId) -> dict[str, Any]:
    listing = kind_of(resource).connections
    if listing is None:
        raise Terminal("UnsupportedType", f"{resource}: a '{resource.type}' has no connections")
    return ask_all(partial(listing, clients, resource))


def _guid(detail: str) -> str:
    """``detail`` if it is a principal's id: it goes into a filter."""
    if not _GUID.fullmatch(detail):
        raise Terminal("InvalidDetail", f"found '{detail[:40]}', expected a principal's guid")
    return detail

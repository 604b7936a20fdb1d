"""Owns finding workspaces that nobody named, through Resource Graph, and which belong together.

Workspaces that share a cluster, a storage account, a vault or a registry are one environment, as
one manifest owns a resource.
"""

from __future__ import annotations

import os
from collections.abc import Collection, Iterable, Iterator
from functools import partial
from io import BytesIO
from typing import Any, Final

from cli.session import arm_of, insist, patiently
from cli.shell import CommandError, Shell, counted
from shared.azure.calls import CallLog
from shared.azure.clients import Clients
from shared.azure.credentials import credential
from shared.azure.wire import ask, sent
from shared.model.actual import Actual, Question, Read
from shared.model.json import dig
from shared.model.resource_id import ResourceId
from shared.settings import Settings
from shared.workflow.services import AzureGateway

_QUERY: Final = (
    "resources | where type =~ 'microsoft.machinelearningservices/workspaces'"
    " | project id | order by id asc"
)
_MOST_PAGES: Final = 100
_SHARED: Final = ("storageAccount", "keyVault", "containerRegistry")


def find_environments(shell: Shell, azure: AzureGateway) -> tuple[tuple[ResourceId, ...], ...]:
    """Every workspace that the caller may read, those that share something together.

    Raises:
        CommandError: when there is none.
    """
    shell.note("asking Resource Graph for workspaces")
    found = patiently(lambda: tuple(_workspaces()), shell.note)
    if not found:
        raise CommandError("no workspace is in reach of this identity")
    shell.note(f"found {counted(len(found), 'workspace')}")
    wanted = {Read(Question.GET, each) for each in found}
    wanted |= {Read(Question.LIST, each, "computes") for each in found}
    actual = Actual(patiently(lambda: insist(azure.read(wanted)), shell.note))
    return group(found, actual)


def neighbours(
    azure: AzureGateway, captured: Collection[ResourceId], clusters: Collection[ResourceId]
) -> tuple[ResourceId, ...]:
    """The computes of other workspaces in reach that are attached from these clusters.

    A restart of the cluster breaks them as well, and no manifest of ``captured`` mends them.

    Raises:
        RemediationError: when it cannot be told.
    """
    others = [each for each in _workspaces() if each not in captured]
    if not others or not clusters:
        return ()
    wanted = {Read(Question.LIST, each, "computes") for each in others}
    actual = Actual(insist(azure.read(wanted)))
    found = (
        ResourceId.maybe(compute.get("id"))
        for each in others
        for compute in actual.items(each, Question.LIST, "computes") or ()
        if ResourceId.maybe(dig(compute, "properties.resourceId")) in clusters
    )
    return tuple(sorted(each for each in found if each is not None))


def group(workspaces: Iterable[ResourceId], actual: Actual) -> tuple[tuple[ResourceId, ...], ...]:
    """The workspaces, those together that use one thing, directly or by way of others."""
    groups: list[tuple[set[ResourceId], set[ResourceId]]] = []
    for workspace in workspaces:
        members, uses = {workspace}, set(_used(workspace, actual))
        apart = []
        for others, theirs in groups:
            if uses & theirs:
                members |= others
                uses |= theirs
            else:
                apart.append((others, theirs))
        groups = [*apart, (members, uses)]
    return tuple(sorted(tuple(sorted(members)) for members, _ in groups))


def _used(workspace: ResourceId, actual: Actual) -> Iterator[ResourceId]:
    body = actual.body(workspace)
    listed = actual.items(workspace, Question.LIST, "computes") or ()
    named = [dig(body, f"properties.{name}") for name in _SHARED]
    named += [dig(compute, "properties.resourceId") for compute in listed]
    yield from (found for each in named if (found := ResourceId.maybe(each)) is not None)


def _workspaces() -> Iterator[ResourceId]:
    from azure.mgmt.resourcegraph import ResourceGraphClient  # noqa: PLC0415 - 200 ms to import

    settings = Settings.read(
        {**os.environ, "RELINK_RECORDS": "file:///", "RELINK_ENVIRONMENTS": "file:///"}
    )
    config = arm_of(settings)
    identity: Any = credential(config)
    clients = Clients(config, identity, CallLog())
    try:
        graph = ResourceGraphClient(identity, **clients.options())
        asked: dict[str, Any] = {"query": _QUERY, "options": {"resultFormat": "objectArray"}}
        for _ in range(_MOST_PAGES):
            answer = ask(partial(graph.resources, BytesIO(sent(asked)))).body
            rows = [ResourceId.maybe(row["id"]) for row in answer.get("data") or ()]
            yield from (row for row in rows if row is not None)
            token = answer.get("$skipToken")
            if not token:
                return
            asked["options"]["$skipToken"] = token
    finally:
        clients.close()
        identity.close()

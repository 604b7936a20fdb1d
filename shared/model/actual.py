"""Owns what was read: questions to Azure, their answers, and what earlier runs left to remember.

Nothing here reads. A remediator names its questions (``Read``); whoever can speak to Azure
answers each once; the answers are an ``Actual``.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from typing import Any

from shared.model.debt import Debt
from shared.model.intent import Intent
from shared.model.json import JsonObject
from shared.model.resource_id import ResourceId


class Question(StrEnum):
    """What can be asked of a resource. ``detail`` of the ``Read`` is given in brackets."""

    GET = "get"  # the resource itself
    LOCKS = "locks"  # resource = subscription or group: every lock in it -> {"value": [...]}
    PERMISSIONS = "permissions"  # our own effective permissions at this scope -> {"value": [...]}
    ROLES = "roles"  # role assignments at this scope of [principal id] -> {"value": [...]}
    POWER_LOG = "power-log"  # activity log: start/stop of this cluster since [ISO time]
    WRITE_LOG = "write-log"  # activity log: successful writes of this resource since [ISO time]
    LINK = "link"  # a cluster's privateLinkResources -> {"value": [{privateLinkServiceID}]}
    CONNECTIONS = "connections"  # privateEndpointConnections of a target -> {"value": [...]}
    EXTENSIONS = "extensions"  # Kubernetes extensions on a cluster -> {"value": [...]}
    DEPLOYMENTS = "deployments"  # a compute's online endpoints and deployments -> {"value": [...]}
    JOBS = "jobs"  # a compute's unfinished jobs -> {"value": [...]}
    LIST = "list"  # what is below: of a resource the children [computes], of a subscription or
    # group the resources [Microsoft.Network/privateEndpoints] -> {"value": [...]}


@dataclass(frozen=True, slots=True, order=True)
class Read:
    """One question to Azure about one resource."""

    question: Question
    resource: ResourceId
    detail: str = ""


@dataclass(frozen=True, slots=True)
class Found:
    """Azure answered. ``at`` is when, by our own clock."""

    body: JsonObject
    at: datetime


@dataclass(frozen=True, slots=True)
class Absent:
    """Azure says that there is no such resource (404).

    ``code`` is Azure's word for it, as it may be the group that is gone.
    """

    at: datetime
    code: str = field(default="", compare=False)

    @property
    def with_its_group(self) -> bool:
        """Whether the resource group does not exist either."""
        return self.code.lower() == "resourcegroupnotfound"


@dataclass(frozen=True, slots=True)
class Unreadable:
    """Azure did not answer the question. Nothing may be concluded from it.

    ``action`` is the ARM action that was missing when it was a 403. ``retry_after`` are the seconds
    after which it may be answered; nothing where it will not be, however often it is asked.
    """

    code: str
    message: str
    at: datetime
    action: str | None = None
    retry_after: float | None = None

    @property
    def passes(self) -> bool:
        """Whether it may be answered later, without anybody's doing."""
        return self.retry_after is not None


type Observation = Found | Absent | Unreadable


@dataclass(frozen=True, slots=True)
class Link:
    """A cluster endpoint that was verified: which incarnation, over which private link service.

    ``addresses`` are those of its interface, which its own records held then.
    """

    endpoint: ResourceId
    incarnation: str
    link_id: str
    verified_at: datetime
    addresses: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Memory:
    """What earlier runs left in the records store, for one environment."""

    debts: tuple[Debt, ...] = ()
    intents: tuple[Intent, ...] = ()
    links: tuple[Link, ...] = ()

    def debt(self, target: ResourceId) -> Debt | None:
        """The newest open debt of ``target``."""
        owed = [debt for debt in self.debts if debt.target == target]
        return max(owed, key=lambda debt: debt.restart_at, default=None)

    def intent(self, resource: ResourceId) -> Intent | None:
        """The intent stored before ``resource`` was to be destroyed, if it is still open."""
        return next((i for i in self.intents if i.resource == resource), None)

    def link(self, endpoint: ResourceId) -> Link | None:
        """The last verified link of ``endpoint``."""
        return next((link for link in self.links if link.endpoint == endpoint), None)


@dataclass(frozen=True, slots=True)
class Actual:
    """Everything that was read for one assessment."""

    observations: Mapping[Read, Observation] = field(default_factory=dict)
    memory: Memory = field(default_factory=Memory)

    def __contains__(self, read: Read) -> bool:
        return read in self.observations

    def answer(
        self, resource: ResourceId, question: Question = Question.GET, detail: str = ""
    ) -> Observation | None:
        """The answer to one question; nothing if it was not asked."""
        return self.observations.get(Read(question, resource, detail))

    def body(
        self, resource: ResourceId, question: Question = Question.GET, detail: str = ""
    ) -> JsonObject | None:
        """The body that was found; nothing if absent, unreadable or not asked."""
        answer = self.answer(resource, question, detail)
        return answer.body if isinstance(answer, Found) else None

    def items(
        self, resource: ResourceId, question: Question, detail: str = ""
    ) -> tuple[JsonObject, ...] | None:
        """The ``value`` of a list answer; nothing if it could not be read or was not asked."""
        body = self.body(resource, question, detail)
        value: Any = body.get("value") if body is not None else None
        return tuple(value) if isinstance(value, list | tuple) else None

    def absent(self, resource: ResourceId) -> bool:
        """Whether Azure said that there is no such resource. Not read is not absent."""
        return isinstance(self.answer(resource), Absent)

    def unreadable(self) -> Iterator[tuple[Read, Unreadable]]:
        """The questions that got no answer."""
        for read, answer in self.observations.items():
            if isinstance(answer, Unreadable):
                yield read, answer

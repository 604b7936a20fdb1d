"""Azure as the tests see it: a whole environment in order, to be broken by a test.

``World.look`` asks what a remediator wants to know and answers from the bodies, as Azure would.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from shared.model.actual import (
    Absent,
    Actual,
    Found,
    Memory,
    Observation,
    Question,
    Read,
    Unreadable,
)
from shared.model.environment import Environment
from shared.model.finding import Disposition, Finding
from shared.model.plan import Unit
from shared.model.resource_id import ResourceId
from shared.remediator import Remediator
from tests.remediators.estate import (
    API,
    CLUSTER,
    LINK,
    NOW,
    bodies,
    environment,
    given,
)
from tests.remediators.shapes import extension

MOST_ROUNDS = 5


@dataclass
class World:
    """Azure as the tests see it. A body of ``None`` (or none at all) is a 404."""

    bodies: dict[ResourceId, dict[str, Any]] = field(default_factory=bodies)
    roles: list[dict[str, Any]] = field(default_factory=given)
    power_log: list[dict[str, Any]] = field(default_factory=list)
    write_log: list[dict[str, Any]] = field(default_factory=list)
    link: str = LINK
    connections: list[dict[str, Any]] = field(default_factory=list)
    extensions: list[dict[str, Any]] = field(default_factory=lambda: [extension()])
    denied: set[tuple[Question, ResourceId]] = field(default_factory=set)
    memory: Memory = field(default_factory=Memory)
    now: datetime = NOW
    everybody: bool = False  # role lists name other principals too
    asked: list[Read] = field(default_factory=list)

    def set(self, resource: ResourceId, path: str, value: Any) -> World:  # noqa: ANN401 - JSON
        """Change one field; a number in ``path`` is an index."""
        *parents, last = path.split(".")
        place: Any = self.bodies[resource]
        for name in parents:
            place = place[int(name)] if name.isdigit() else place.setdefault(name, {})
        place[last] = value
        return self

    def without(self, *resources: ResourceId) -> World:
        for resource in resources:
            self.bodies.pop(resource, None)
        return self

    def connection(self, endpoint: ResourceId, status: str) -> World:
        state = "properties.privateLinkServiceConnections.0.properties"
        return self.set(endpoint, f"{state}.privateLinkServiceConnectionState.status", status)

    def deny(self, question: Question, resource: ResourceId) -> World:
        self.denied.add((question, resource))
        return self

    def remembering(self, memory: Memory, power_log: list[dict[str, Any]] | None = None) -> World:
        self.memory = memory
        self.power_log = power_log or []
        return self

    def stopped(self) -> World:
        self.set(CLUSTER, "properties.powerState.code", "Stopped")
        return self.connection(API, "Disconnected")

    def answer(self, read: Read) -> Observation:
        if (read.question, read.resource) in self.denied:
            return Unreadable("AuthorizationFailed", "no", self.now, "some/action/read")
        if read.question is Question.GET:
            body = self.bodies.get(read.resource)
            body = body if body is not None else self._role(read.resource)
            return Found(body, self.now) if body is not None else Absent(self.now)
        return Found({"value": self._listed(read)}, self.now)

    def _role(self, resource: ResourceId) -> dict[str, Any] | None:
        return next((r for r in self.roles if ResourceId.parse(r["id"]) == resource), None)

    def _names(self, role: dict[str, Any], read: Read) -> bool:
        given = role["properties"]
        theirs = given["principalId"].lower() == read.detail.lower()
        above = read.resource.within(ResourceId.parse(given["scope"]))
        return above and (theirs or self.everybody)

    def _listed(self, read: Read) -> list[dict[str, Any]]:
        if read.question is Question.ROLES:
            return [role for role in self.roles if self._names(role, read)]
        if read.question is Question.LIST:
            below = f"{read.resource.key}/{read.detail.lower()}/"
            return [body for own, body in self.bodies.items() if own.key.startswith(below)]
        kept = {
            Question.POWER_LOG: self.power_log,
            Question.WRITE_LOG: self.write_log,
            Question.LINK: [{"name": "management", "privateLinkServiceID": self.link}],
            Question.CONNECTIONS: self.connections,
            Question.EXTENSIONS: self.extensions,
        }
        assert read.question in kept, f"no remediator asks {read.question} by itself"
        return kept[read.question]

    def look(self, remediator: Remediator, env: Environment | None = None) -> Actual:
        """Ask until nothing more is wanted; nothing may be asked twice."""
        env = env or environment()
        answers: dict[Read, Observation] = {}
        for _ in range(MOST_ROUNDS):
            wanted = list(remediator.reads(env, Actual(answers, self.memory)))
            assert len(wanted) == len(set(wanted)), "a question is asked twice in a round"
            assert not set(wanted) & answers.keys(), "a question is asked again"
            if not wanted:
                return Actual(answers, self.memory)
            self.asked += wanted
            answers |= {read: self.answer(read) for read in wanted}
        raise AssertionError(f"still asking after {MOST_ROUNDS} rounds")

    def find(self, remediator: Remediator, env: Environment | None = None) -> list[Finding]:
        env = env or environment()
        return list(remediator.detect(env, self.look(remediator, env)))

    def plan(self, remediator: Remediator, env: Environment | None = None) -> list[Unit]:
        env = env or environment()
        actual = self.look(remediator, env)
        findings = [
            finding
            for finding in remediator.detect(env, actual)
            if finding.disposition is Disposition.REPAIR
        ]
        return list(remediator.plan(env, actual, findings))


def listed(endpoint: ResourceId, status: str = "Approved") -> dict[str, Any]:
    """A connection as the cluster lists it."""
    state = {"privateLinkServiceConnectionState": {"status": status}}
    return {"properties": {"privateEndpoint": {"id": endpoint.text}, **state}}


def reasons(findings: Iterable[Finding]) -> set[tuple[str, str, str]]:
    """(reason, disposition, why) of each finding."""
    return {(f.reason, f.disposition.value, f.why) for f in findings}


def named(findings: Iterable[Finding]) -> set[str]:
    return {finding.reason for finding in findings}

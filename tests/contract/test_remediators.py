"""What every remediator of the catalogue promises, whatever it is about."""

from __future__ import annotations

import json
from collections.abc import Callable
from datetime import timedelta

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from remediators import REMEDIATORS
from shared.model.actual import Actual, Link, Memory, Observation, Question, Read, Unreadable
from shared.model.codec import dump, load
from shared.model.environment import Environment
from shared.model.finding import Disposition, Finding
from shared.model.plan import Unit
from shared.model.resource_id import ResourceId
from shared.model.step import DESTRUCTIVE
from shared.remediation.differences import NEXT
from shared.remediator import Remediator
from tests.remediators.estate import (
    AKS_LINK,
    API,
    ASSIGNED,
    BLOB,
    BLOB_LINK,
    BLOB_RECORD,
    BLOB_ZONE,
    BLUE,
    CLUSTER,
    CPU,
    GPU,
    GROUP,
    INSIGHTS,
    NOW,
    NSG,
    RECORD,
    REGISTRY,
    SPOKE,
    STORAGE,
    TO_HUB,
    TO_SPOKE,
    TRAIN,
    VAULT,
    VNET,
    WORKSPACE,
    debt,
    disowned,
    environment,
    guid,
    interface,
    power,
    restarted,
)
from tests.remediators.world import (
    World,
)

RESTART = NOW - timedelta(hours=2)
STATE = "properties.provisioningState"
IN_SUBNET = "properties.subnets.0.properties"
PEERED = "properties.peeringState"
PEERINGS = "properties.virtualNetworkPeerings"
PUBLIC = "properties.publicNetworkAccess"
ELSEWHERE = [{"vnetSubnetID": f"{VNET}-far/subnets/nodes"}]
PUBLIC_NAME = "properties.apiServerAccessProfile.enablePrivateClusterPublicFQDN"
OWED = Memory(debts=tuple(debt(target, RESTART) for target in (API, GPU, CPU)))
RECORDED = Memory(OWED.debts, (), (Link(API, guid(API), "pls-0", RESTART),))

type Drift = Callable[[World], object]

DRIFTS: dict[str, Drift] = {
    "blob-disconnected": lambda w: w.connection(BLOB, "Disconnected"),
    "blob-pending": lambda w: w.connection(BLOB, "Pending"),
    "blob-missing": lambda w: w.without(BLOB, interface(BLOB), GROUP),
    "zone-group-missing": lambda w: w.without(GROUP),
    "target-gone": lambda w: w.without(STORAGE),
    "api-disconnected": lambda w: w.connection(API, "Disconnected"),
    "api-missing": lambda w: w.without(API, interface(API)),
    "record-missing": lambda w: w.without(RECORD),
    "cluster-stopped": lambda w: w.stopped(),
    "compute-missing": lambda w: w.without(GPU),
    "compute-failed": lambda w: w.set(CPU, STATE, "Failed"),
    "cluster-public-name": lambda w: w.set(CLUSTER, PUBLIC_NAME, value=True),
    "cluster-gone": lambda w: w.without(CLUSTER),
    "extension-removed": lambda w: w.extensions.clear(),
    "training-public": lambda w: w.set(TRAIN, "properties.properties.subnet", None),
    "training-missing": lambda w: w.without(TRAIN),
    "deployment-failed": lambda w: w.set(BLUE, STATE, "Failed"),
    "insights-gone": lambda w: w.without(INSIGHTS),
    "key-lost": lambda w: w.set(STORAGE, "properties.encryption", None),
    "nodes-elsewhere": lambda w: w.set(CLUSTER, "properties.agentPoolProfiles", ELSEWHERE),
    "identity-gone": lambda w: w.without(ASSIGNED),
    "roles-missing": lambda w: w.roles.clear(),
    "storage-open": lambda w: w.set(STORAGE, PUBLIC, "Enabled"),
    "vault-open": lambda w: w.set(VAULT, PUBLIC, "Enabled"),
    "registry-open": lambda w: w.set(REGISTRY, "properties.networkRuleBypassOptions", "None"),
    "workspace-legacy": lambda w: w.set(WORKSPACE, "properties.v1LegacyMode", value=True),
    "workspace-vault-changed": lambda w: w.set(WORKSPACE, "properties.keyVault", f"{VAULT}2"),
    "workspace-identity-gone": lambda w: w.set(WORKSPACE, "identity", {"type": "None"}),
    "workspace-open": lambda w: w.set(WORKSPACE, PUBLIC, "Enabled"),
    "side-missing": lambda w: w.without(TO_HUB).set(SPOKE, PEERINGS, []),
    "peering-cut": lambda w: w.set(TO_HUB, PEERED, "Disconnected"),
    "flag-changed": lambda w: w.set(TO_SPOKE, "properties.allowForwardedTraffic", value=False),
    "link-missing": lambda w: w.without(BLOB_LINK),
    "registering": lambda w: w.set(AKS_LINK, "properties.registrationEnabled", value=True),
    "zone-record-missing": lambda w: w.without(BLOB_RECORD),
    "zone-gone": lambda w: w.without(BLOB_ZONE, BLOB_LINK, BLOB_RECORD),
    "rule-missing": lambda w: w.set(NSG, "properties.securityRules", []),
    "service-endpoint-lost": lambda w: w.set(VNET, f"{IN_SUBNET}.serviceEndpoints", []),
    "restarted": lambda w: w.remembering(OWED, restarted(RESTART)),
    "restart-told": lambda w: w.remembering(OWED),
    "started-running": lambda w: w.remembering(OWED, [power("start", RESTART)]),
    "link-new": lambda w: w.remembering(RECORDED),
}  # fmt: skip

SHOWS: dict[str, tuple[str, ...]] = {
    "private_endpoint": (
        "blob-disconnected", "blob-pending", "blob-missing", "zone-group-missing", "target-gone",
    ),
    "cluster_endpoint": (
        "api-disconnected", "api-missing", "record-missing", "cluster-stopped", "restarted",
        "restart-told", "started-running", "link-new",
    ),
    "kubernetes_compute": (
        "compute-missing", "compute-failed", "roles-missing", "restarted", "restart-told",
        "started-running", "link-new",
    ),
    "network_peering": ("side-missing", "peering-cut", "flag-changed"),
    "cluster_settings": ("cluster-public-name", "cluster-gone"),
    "cluster_extension": ("extension-removed",),
    "managed_compute": ("training-public", "training-missing"),
    "inference": ("deployment-failed",),
    "encryption": ("insights-gone", "key-lost"),
    "isolation": ("nodes-elsewhere",),
    "identity_roles": ("roles-missing", "identity-gone", "workspace-identity-gone"),
    "private_dns": ("link-missing", "registering", "zone-record-missing", "zone-gone"),
    "network_security": ("rule-missing",),
    "subnet": ("service-endpoint-lost",),
    "network_access": ("storage-open", "vault-open", "registry-open"),
    "workspace": (
        "workspace-open", "workspace-legacy", "workspace-vault-changed", "workspace-identity-gone",
    ),
}  # fmt: skip

each = pytest.mark.parametrize("remediator", REMEDIATORS, ids=lambda remediator: remediator.name)
drifted = st.lists(st.sampled_from(sorted(DRIFTS)), unique=True, max_size=6)
thorough = settings(
    max_examples=25, deadline=None, suppress_health_check=[HealthCheck.too_slow]
)  # the machine may be busy


def broken(names: list[str]) -> World:
    """A world with these drifts; what is gone goes last, so that nothing is changed after it."""
    world = World()
    for name in sorted(names, key=lambda name: name.endswith(("missing", "gone"))):
        DRIFTS[name](world)
    return world


def repairs(remediator: Remediator, env: Environment, actual: Actual) -> list[Finding]:
    found = remediator.detect(env, actual)
    return [finding for finding in found if finding.disposition is Disposition.REPAIR]


def units_of(remediator: Remediator, env: Environment, actual: Actual) -> list[Unit]:
    return list(remediator.plan(env, actual, repairs(remediator, env, actual)))


def test_every_remediator_has_drifts_to_show() -> None:
    assert {remediator.name for remediator in REMEDIATORS} == SHOWS.keys()


@each
def test_a_healthy_environment_gives_no_findings(remediator: Remediator) -> None:
    assert World().find(remediator) == []


@pytest.mark.parametrize(
    ("name", "drift"), [(name, drift) for name, drifts in SHOWS.items() for drift in drifts]
)
def test_each_drift_is_found_by_whom_it_concerns(name: str, drift: str) -> None:
    remediator = next(r for r in REMEDIATORS if r.name == name)
    assert broken([drift]).find(remediator) != []


@each
def test_nothing_read_means_nothing_found_and_nothing_planned(remediator: Remediator) -> None:
    nothing = Actual({}, OWED)
    assert list(remediator.reads(environment(), nothing)) != []
    assert [f for f in remediator.detect(environment(), nothing) if f.disposition is Disposition.REPAIR] == []  # fmt: skip
    assert list(remediator.plan(environment(), nothing, [])) == []


@each
def test_an_environment_that_declares_nothing_is_left_alone(remediator: Remediator) -> None:
    empty = Environment.model_validate({"apiVersion": "relink/v1", "name": "empty"})
    assert list(remediator.reads(empty, Actual())) == []
    assert list(remediator.detect(empty, Actual({}, OWED))) == []


@each
@thorough
@given(names=drifted)
def test_findings_speak_for_themselves(remediator: Remediator, names: list[str]) -> None:
    found = broken(names).find(remediator)
    assert len({finding.key for finding in found}) == len(found), "two findings share a key"
    for finding in found:
        assert finding.remediator == remediator.name
        assert finding.reason in remediator.reasons
        assert finding.evidence
        assert str(finding.resource) in finding.message
        assert all(item.found in finding.message for item in finding.evidence)
        repaired = finding.disposition is Disposition.REPAIR
        assert bool(finding.why) is not repaired
        assert repaired or NEXT[finding.why] in finding.message


@each
@thorough
@given(names=drifted)
def test_a_plan_settles_each_repair_once_and_is_always_the_same(
    remediator: Remediator, names: list[str]
) -> None:
    world, env = broken(names), environment()
    actual = world.look(remediator, env)
    found = repairs(remediator, env, actual)
    units = list(remediator.plan(env, actual, found))
    assert sorted(key for unit in units for key in unit.findings) == sorted(f.key for f in found)
    assert len({unit.resource for unit in units}) == len(units), "two units for one resource"
    assert [unit.resource for unit in units] == sorted(unit.resource for unit in units)
    turned = dict(reversed(list(actual.observations.items())))
    assert list(remediator.plan(env, Actual(turned, actual.memory), found)) == units
    assert list(remediator.plan(env, actual, [])) == []


@each
@thorough
@given(names=drifted)
def test_what_destroys_says_why_nothing_less_would_heal(
    remediator: Remediator, names: list[str]
) -> None:
    world, env = broken(names), environment()
    actual = world.look(remediator, env)
    found = {finding.key: finding.reason for finding in repairs(remediator, env, actual)}
    for unit in units_of(remediator, env, actual):
        if any(isinstance(step, DESTRUCTIVE) for step in unit.steps):
            reasons = [remediator.reasons[found[key]] for key in unit.findings]
            assert any(reason.no_less for reason in reasons), unit.title


@each
@thorough
@given(names=drifted)
def test_units_survive_json(remediator: Remediator, names: list[str]) -> None:
    world = broken(names)
    for unit in world.plan(remediator):
        assert unit.id.startswith(f"{remediator.name}:")
        assert unit.id.endswith(f":{unit.resource.key}")
        assert load(Unit, json.loads(json.dumps(dump(unit)))) == unit
    for finding in world.find(remediator):
        assert load(Finding, json.loads(json.dumps(dump(finding)))) == finding


def may_be_written(env: Environment, resource: ResourceId) -> bool:
    """Whether the environment declares ``resource`` as its own to write."""
    owned = [part.id for part in env.parts() if part.owned]
    records = [
        record.zone.child("A", record.name)
        for endpoint in env.private_endpoints
        for record in endpoint.records
        if endpoint.owned
    ]
    scopes = [role.scope for holder in env.holders() if holder.owned for role in holder.roles]
    if resource.type == "microsoft.authorization/roleassignments":
        return resource.scope in scopes
    return resource in records or any(resource.within(part) for part in owned)


@each
@thorough
@given(names=drifted)
def test_steps_touch_only_what_the_environment_owns(
    remediator: Remediator, names: list[str]
) -> None:
    env = environment()
    for unit in broken(names).plan(remediator, env):
        assert all(may_be_written(env, step.resource) for step in unit.steps)
        if unit.destructive:
            assert unit.requires
            remade = {s.resource for s in unit.steps if s.kind in {"PutResource", "AttachCompute"}}
            for step in unit.steps:
                if isinstance(step, DESTRUCTIVE) and "roleassignments" not in step.resource.type:
                    assert step.incarnation
                    assert unit.intent is not None
                    assert unit.intent.resource == step.resource
                    assert unit.intent.incarnation == step.incarnation
                    assert step.resource in remade
    assert broken(names).plan(remediator, disowned()) == []


def doubtful(actual: Actual, choices: list[int], *, unasked: bool) -> Actual:
    """``actual`` with some answers taken away."""
    answers: dict[Read, Observation] = dict(actual.observations)
    listed = sorted(answers)
    for choice in choices:
        read = listed[choice % len(listed)]
        if unasked:
            answers.pop(read, None)
        else:
            answers[read] = Unreadable("AuthorizationFailed", "no", NOW)
    return Actual(answers, actual.memory)


@each
@thorough
@given(names=drifted, choices=st.lists(st.integers(0, 60), max_size=5), unasked=st.booleans())
def test_doubt_never_destroys_what_certainty_would_have_spared(
    remediator: Remediator,
    names: list[str],
    choices: list[int],
    unasked: bool,  # noqa: FBT001 - drawn by hypothesis
) -> None:
    env = environment()
    actual = broken(names).look(remediator, env)
    sure = {unit.id for unit in units_of(remediator, env, actual) if unit.destructive}
    doubt = doubtful(actual, choices, unasked=unasked)
    units = units_of(remediator, env, doubt)
    assert {unit.id for unit in units if unit.destructive} <= sure
    for unit in units:
        if unit.destructive:
            assert doubt.body(unit.resource) is not None or doubt.absent(unit.resource)


NEEDED = {
    "blob-disconnected": [BLOB, interface(BLOB), STORAGE, GROUP],
    "api-disconnected": [API, interface(API), CLUSTER],
    "compute-failed": [CPU, WORKSPACE, CLUSTER, API],
}


@pytest.mark.parametrize(
    ("drift", "resource"), [(d, r) for d, resources in NEEDED.items() for r in resources]
)
def test_an_unreadable_answer_about_the_thing_itself_stops_its_destruction(
    drift: str, resource: ResourceId
) -> None:
    env = environment()
    world = broken([drift]).deny(Question.GET, resource)
    units = [unit for r in REMEDIATORS for unit in world.plan(r, env)]
    assert not [unit for unit in units if unit.destructive]


@each
def test_what_it_needs_is_named_as_azure_names_it(remediator: Remediator) -> None:
    for operation in remediator.watches:
        assert operation.startswith("Microsoft.")
        assert operation.rsplit("/", 1)[1] in {"write", "delete", "action"}
    for action in remediator.permissions:
        assert action.rsplit("/", 1)[1] in {"write", "delete", "action"}
    for action in remediator.read_permissions:
        assert action.endswith("/read")
    for entry in (remediator.watches, remediator.permissions, remediator.read_permissions):
        assert len({name.lower() for name in entry}) == len(entry)


@each
@thorough
@given(names=drifted)
def test_what_a_unit_requires_is_among_the_permissions(
    remediator: Remediator, names: list[str]
) -> None:
    granted = {action.lower() for action in remediator.permissions}
    for unit in broken(names).plan(remediator):
        wanted = {r.detail.lower() for r in unit.requires if r.need == "permission"}
        assert wanted <= granted


def test_no_resource_is_written_by_two_remediators() -> None:
    world = broken(["blob-disconnected", "api-disconnected", "storage-open", "compute-failed"])
    written = [r for remediator in REMEDIATORS for u in world.plan(remediator) for r in u.writes]
    assert len(set(written)) == len(written)


def test_only_closing_access_is_urgent() -> None:
    assert [r.name for r in REMEDIATORS if r.urgent] == ["network_access", "workspace"]

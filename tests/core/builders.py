"""Builders for the pure core: an environment, findings, units and plans, with overrides."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any

from shared.model.actual import Actual, Found, Question, Read
from shared.model.debt import Debt
from shared.model.environment import Environment
from shared.model.finding import Disposition, Evidence, Finding
from shared.model.plan import Plan, Unit
from shared.model.resource_id import ResourceId
from shared.model.step import DeleteResource, PatchResource, PutResource, Step
from shared.reconcile import draw_plan
from shared.remediator import Reason, Remediator

NOW = datetime(2026, 11, 2, 9, 0, tzinfo=UTC)
SUBSCRIPTION = "/subscriptions/00000000-0000-0000-0000-000000000001"
GROUP = f"{SUBSCRIPTION}/resourceGroups/ml"
WORKSPACE = f"{GROUP}/providers/Microsoft.MachineLearningServices/workspaces/ws"
STORAGE = f"{GROUP}/providers/Microsoft.Storage/storageAccounts/mlstore"
VAULT = f"{GROUP}/providers/Microsoft.KeyVault/vaults/mlvault"
REGISTRY = f"{GROUP}/providers/Microsoft.ContainerRegistry/registries/mlimages"
CLUSTER = f"{GROUP}/providers/Microsoft.ContainerService/managedClusters/aks"
SUBNET = f"{GROUP}/providers/Microsoft.Network/virtualNetworks/vnet/subnets/endpoints"
NETWORK = f"{GROUP}/providers/Microsoft.Network"
ENDPOINT = f"{NETWORK}/privateEndpoints/pe-blob"
CLUSTER_ENDPOINT = f"{NETWORK}/privateEndpoints/pe-aks"
ZONE = f"{NETWORK}/privateDnsZones/privatelink.blob.core.windows.net"
OWN_ZONE = f"{NETWORK}/privateDnsZones/abc.privatelink.westeurope.azmk8s.io"
COMPUTE = f"{WORKSPACE}/computes/inference"
ACR_PULL = "7f951dda-4ed3-4680-a7ca-43fe172d538d"


def rid(text: str) -> ResourceId:
    return ResourceId.parse(text)


def later(**amount: float) -> datetime:
    return NOW + timedelta(**amount)


def endpoint_of(id_: str, target: str, group: str, **more: object) -> dict[str, Any]:
    connection = {
        "name": "link",
        "properties": {"privateLinkServiceId": target, "groupIds": [group]},
    }
    properties = {"subnet": {"id": SUBNET}, "privateLinkServiceConnections": [connection]}
    return {"id": id_, "body": {"location": "westeurope", "properties": properties}, **more}


def compute_of(id_: str = COMPUTE, cluster: str = CLUSTER, **more: object) -> dict[str, Any]:
    body = {
        "location": "westeurope",
        "identity": {"type": "SystemAssigned"},
        "properties": {"computeType": "Kubernetes", "resourceId": cluster},
    }
    return {"id": id_, "body": body, **more}


def declared(name: str = "prod") -> dict[str, Any]:
    """A manifest as plain values: one of everything."""
    return {
        "apiVersion": "relink/v1",
        "name": name,
        "workspaces": [
            {"id": WORKSPACE, "publicNetworkAccess": "Disabled", "storageAccount": STORAGE}
        ],
        "storageAccounts": [{"id": STORAGE, "publicNetworkAccess": "Disabled"}],
        "keyVaults": [{"id": VAULT, "publicNetworkAccess": "Disabled"}],
        "registries": [{"id": REGISTRY}],
        "clusters": [{"id": CLUSTER}],
        "privateEndpoints": [
            endpoint_of(
                ENDPOINT,
                STORAGE,
                "blob",
                zoneGroup={
                    "name": "default",
                    "zones": [{"name": "blob", "privateDnsZoneId": ZONE}],
                },
            ),
            endpoint_of(
                CLUSTER_ENDPOINT,
                CLUSTER,
                "management",
                records=[{"zone": OWN_ZONE, "name": "aks-dns"}],
            ),
        ],
        "computes": [compute_of(roles=[{"role": ACR_PULL, "scope": REGISTRY}])],
    }


def environment(**overrides: object) -> Environment:
    return Environment.model_validate({**declared(), **overrides})


def finding(
    resource: str = ENDPOINT,
    reason: str = "EndpointMissing",
    disposition: Disposition = Disposition.REPAIR,
    *,
    remediator: str = "tiny",
    why: str = "",
) -> Finding:
    seen = (Evidence("thing", "broken", "whole"),)
    return Finding(reason, rid(resource), remediator, f"{reason}.", seen, disposition, why)


def delete(resource: str = ENDPOINT) -> DeleteResource:
    return DeleteResource(rid(resource), "incarnation-1")


def put(resource: str = ENDPOINT) -> PutResource:
    return PutResource(rid(resource), {"location": "westeurope"})


def patch(resource: str = STORAGE) -> PatchResource:
    return PatchResource(rid(resource), ())


def unit(id_: str = "u", resource: str = ENDPOINT, **more: Any) -> Unit:  # noqa: ANN401 - any field
    """A non-destructive unit unless ``steps`` say otherwise."""
    steps: Sequence[Step] = more.pop("steps", (put(resource),))
    findings = more.pop("findings", ())
    remediator = more.pop("remediator", "tiny")
    follows = tuple(rid(each) for each in more.pop("follows", ()))
    return Unit(
        id=id_,
        remediator=remediator,
        title=f"Mend {id_}",
        resource=rid(resource),
        findings=tuple(findings),
        steps=tuple(steps),
        follows=follows,
        **more,
    )


def destroying(id_: str = "u", resource: str = ENDPOINT, **more: Any) -> Unit:  # noqa: ANN401 - the same
    return unit(id_, resource, steps=(delete(resource), put(resource)), **more)


def tiny(
    units: Iterable[Unit] = (),
    name: str = "tiny",
    findings: Sequence[Finding] | None = None,
    reads: Sequence[Read] = (),
) -> Remediator:
    """A remediator that finds one thing (or ``findings``) and plans exactly ``units``."""
    planned = tuple(units)
    found = (finding(remediator=name),) if findings is None else tuple(findings)
    return Remediator(
        name=name,
        watches=("Microsoft.Network/privateEndpoints/delete",),
        permissions=(),
        read_permissions=(),
        reads=lambda _environment, _actual: reads,
        detect=lambda _environment, _actual: found,
        plan=lambda _environment, _actual, _findings: planned,
        reasons={each.reason: Reason("for tests", "tests") for each in found},
    )


def plan(*units: Unit) -> Plan:
    """The units as the core itself orders them."""

    catalogue = tuple(
        tiny([each for each in units if each.remediator == name], name)
        for name in dict.fromkeys(each.remediator for each in units)
    )
    found = [item for one in catalogue for item in one.detect(environment(), Actual())]
    return draw_plan(catalogue, environment(), Actual(), found)


def answers(bodies: Mapping[str, Any], question: Question = Question.GET) -> dict[Read, Found]:
    return {Read(question, rid(id_)): Found(body, NOW) for id_, body in bodies.items()}


def debt(target: str = CLUSTER_ENDPOINT, at: datetime = NOW, **more: Any) -> Debt:  # noqa: ANN401 - any field
    return Debt(rid(target), rid(CLUSTER), at, more.pop("source", "event e1"), **more)


def run_document(**more: Any) -> dict[str, Any]:  # noqa: ANN401 - any member
    """A run's record with the least that one has."""
    lists = ("outcomes", "units", "rounds", "remediators", "lookedAt", "unreadable")
    texts = {"id": "run-1", "environment": "prod", "outcome": "InSync", "problem": ""}
    times = {"startedAt": NOW.isoformat(), "finishedAt": NOW.isoformat()}
    empty: dict[str, Any] = {name: [] for name in lists}
    return {**texts, **times, **empty, "trigger": {}, "approval": None, **more}

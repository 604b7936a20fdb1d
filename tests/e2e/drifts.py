"""Owns what breaks an environment: each drift as a person (or Azure) causes it, by name."""

from __future__ import annotations

import copy
from collections.abc import Callable
from typing import Any

from tests.e2e.stage import Stage

type Break = Callable[[Stage], None]


def restart(stage: Stage) -> None:
    """The cluster is stopped and started: links, endpoints and computes break."""
    stage.restart(stage.ids.cluster)


def delete_blob_endpoint(stage: Stage) -> None:
    stage.human("DELETE", blob_endpoint(stage))
    stage.advance(120)


def delete_cluster_endpoint(stage: Stage) -> None:
    stage.human("DELETE", cluster_endpoint(stage))
    stage.advance(120)


def remove_connection(stage: Stage) -> None:
    """The target's owner removes the connection: the endpoint stays and is Disconnected."""
    vault = stage.ids.vault
    listed = stage.human("GET", f"{vault}/privateEndpointConnections")["value"]
    stage.human("DELETE", listed[0]["id"])
    stage.advance(120)


def delete_zone_group(stage: Stage) -> None:
    stage.human("DELETE", f"{file_endpoint(stage)}/privateDnsZoneGroups/default")
    stage.advance(60)


def delete_record(stage: Stage) -> None:
    stage.human("DELETE", cluster_record(stage))


def misdirect_record(stage: Stage) -> None:
    body = {"properties": {"ttl": 300, "aRecords": [{"ipv4Address": "10.0.1.99"}]}}
    stage.human("PUT", cluster_record(stage), body)


def open_storage(stage: Stage) -> None:
    _patch(stage, stage.ids.storage, {"publicNetworkAccess": "Enabled"})


def open_vault(stage: Stage) -> None:
    _patch(stage, stage.ids.vault, {"publicNetworkAccess": "Enabled"})


def open_registry(stage: Stage) -> None:
    _patch(stage, stage.ids.registry, {"publicNetworkAccess": "Enabled"})


def open_workspace(stage: Stage) -> None:
    _patch(stage, stage.ids.workspace, {"publicNetworkAccess": "Enabled"})


def drop_storage_bypass(stage: Stage) -> None:
    _drop_bypass(stage, stage.ids.storage, "Logging, Metrics")


def drop_vault_bypass(stage: Stage) -> None:
    _drop_bypass(stage, stage.ids.vault, "None")


def drop_registry_bypass(stage: Stage) -> None:
    _patch(stage, stage.ids.registry, {"networkRuleBypassOptions": "None"})


def detach_compute(stage: Stage) -> None:
    stage.human("DELETE", compute(stage, "k8s-b"), query="&underlyingResourceAction=Detach")
    stage.advance(120)


def remove_role(stage: Stage) -> None:
    """An assignment of the first compute's own identity is deleted."""
    body = stage.cloud.get(compute(stage, "k8s-a"))
    assert body is not None
    under = stage.ids.registry
    for each in stage.cloud.store.of_type("Microsoft.Authorization/roleAssignments", under):
        if each.properties["principalId"] == body["identity"]["principalId"]:
            stage.human("DELETE", each.id)


def blob_endpoint(stage: Stage) -> str:
    return stage.ids.id("ml", f"Microsoft.Network/privateEndpoints/{stage.name}-blob-pe")


def file_endpoint(stage: Stage) -> str:
    return stage.ids.id("ml", f"Microsoft.Network/privateEndpoints/{stage.name}-file-pe")


def cluster_endpoint(stage: Stage) -> str:
    return stage.ids.id("hub", f"Microsoft.Network/privateEndpoints/{stage.name}-aks-pe")


def cluster_record(stage: Stage) -> str:
    endpoint = next(e for e in stage.environment.private_endpoints if e.records)
    return f"{endpoint.records[0].zone}/A/{endpoint.records[0].name}"


def compute(stage: Stage, name: str) -> str:
    return f"{stage.ids.workspace}/computes/{name}"


def _patch(stage: Stage, resource: str, properties: dict[str, Any]) -> None:
    stage.human("PATCH", resource, {"properties": properties})
    stage.advance(60)


def _drop_bypass(stage: Stage, resource: str, bypass: str) -> None:
    """As the portal does it: the whole object is sent back."""
    acls = copy.deepcopy(stage.human("GET", resource)["properties"]["networkAcls"])
    _patch(stage, resource, {"networkAcls": {**acls, "bypass": bypass}})


DRIFTS: dict[str, Break] = {
    "cluster-restarted": restart,
    "endpoint-deleted": delete_blob_endpoint,
    "cluster-endpoint-deleted": delete_cluster_endpoint,
    "connection-removed": remove_connection,
    "zone-group-deleted": delete_zone_group,
    "record-deleted": delete_record,
    "record-misdirected": misdirect_record,
    "storage-opened": open_storage,
    "vault-opened": open_vault,
    "registry-opened": open_registry,
    "workspace-opened": open_workspace,
    "storage-bypass-dropped": drop_storage_bypass,
    "vault-bypass-dropped": drop_vault_bypass,
    "registry-bypass-dropped": drop_registry_bypass,
    "compute-detached": detach_compute,
    "role-removed": remove_role,
}

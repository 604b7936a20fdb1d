"""Owns the recommended zones of private endpoints: by cloud, kind of target and group.

Records appear in zones of these names alone (domain.md 4). Where Microsoft's table has no row (registries and
clusters outside the public cloud), nothing is expected.
"""

from __future__ import annotations

from collections.abc import Iterator
from types import MappingProxyType
from typing import Final

from shared.model.environment import Environment, PrivateEndpoint
from shared.model.finding import Disposition, Evidence
from shared.model.resource_id import ResourceId
from shared.remediation.commands import az_child
from shared.remediation.differences import Difference

_STORAGE: Final = MappingProxyType(
    {
        "public": "core.windows.net",
        "usgov": "core.usgovcloudapi.net",
        "china": "core.chinacloudapi.cn",
    }
)
_STORAGE_GROUPS: Final = ("blob", "file", "queue", "table", "web", "dfs")
_WORKSPACE: Final = MappingProxyType(
    {
        "public": ("privatelink.api.azureml.ms", "privatelink.notebooks.azure.net"),
        "usgov": ("privatelink.api.ml.azure.us", "privatelink.notebooks.usgovcloudapi.net"),
        "china": ("privatelink.api.ml.azure.cn", "privatelink.notebooks.chinacloudapi.cn"),
    }
)
_VAULT: Final = MappingProxyType(
    {
        "public": ("privatelink.vaultcore.azure.net",),
        "usgov": ("privatelink.vaultcore.usgovcloudapi.net",),
        "china": ("privatelink.vaultcore.azure.cn",),
    }
)
_REGISTRY: Final = MappingProxyType({"public": ("privatelink.azurecr.io",)})
_CLUSTER: Final = MappingProxyType({"public": ("privatelink.{region}.azmk8s.io",)})


def recommended(cloud: str, target_type: str, group: str, region: str = "") -> tuple[str, ...]:
    """The zones that an endpoint's names belong in; none where none are documented.

    ``target_type`` is in lower case; of a cluster any zone below the one returned does (domain.md 4).
    Source: Private endpoint DNS (10/2023), the tables of the three clouds.
    """
    match target_type, group.lower().removesuffix("_secondary"):
        case "microsoft.storage/storageaccounts", name if name in _STORAGE_GROUPS:
            return (f"privatelink.{name}.{_STORAGE[cloud]}",)
        case "microsoft.machinelearningservices/workspaces", "amlworkspace":
            return _WORKSPACE[cloud]
        case "microsoft.keyvault/vaults", "vault":
            return _VAULT[cloud]
        case "microsoft.containerregistry/registries", "registry":
            return _REGISTRY.get(cloud, ())
        case "microsoft.containerservice/managedclusters", "management":
            return tuple(zone.format(region=region) for zone in _CLUSTER.get(cloud, ()))
        case _:
            return ()


def lacking(environment: Environment, endpoint: PrivateEndpoint) -> tuple[str, ...]:
    """Recommended zones that the declared zone group does not name.

    Not for a cluster: Azure writes no records for one, whatever its group names (domain.md 2).
    """
    if endpoint.zone_group is None or endpoint.to_cluster:
        return ()
    named = {zone.private_dns_zone_id.name.lower() for zone in endpoint.zone_group.zones}
    wanted = (
        zone
        for group in endpoint.group_ids
        for zone in recommended(environment.cloud, endpoint.target.type, group)
    )
    return tuple(dict.fromkeys(zone for zone in wanted if zone not in named))


def of_zones(
    environment: Environment, endpoint: PrivateEndpoint, group: ResourceId
) -> Iterator[Difference]:
    """What the manifest's own zone group leaves out, with the command that adds it to ``group``."""
    lost = lacking(environment, endpoint)
    if not lost or endpoint.zone_group is None:
        return
    named = ", ".join(zone.private_dns_zone_id.name for zone in endpoint.zone_group.zones)
    seen = Evidence("declared zone group", named, ", ".join(lost))
    known = {zone.id.name.lower(): zone.id.text for zone in environment.private_dns_zones}
    commands = (
        az_child(
            "network private-endpoint dns-zone-group add", "--endpoint-name", group,
            "--zone-name", zone.replace(".", "-"),
            "--private-dns-zone", known.get(zone, "ID-OF-THE-ZONE"),
        )
        for zone in lost
    )  # fmt: skip
    command = " && ".join(commands)
    yield Difference(
        "ZoneNotRecommended", (seen,), "", Disposition.REPORT, "ZoneUndeclared", command
    )

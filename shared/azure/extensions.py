"""Owns the calls to cluster extensions.

Client: azure-mgmt-kubernetesconfiguration-extensions, api-version 2025-03-01. An extension is an
extension resource of its cluster: AKS or Arc.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, Final

from shared.azure.clients import Clients
from shared.azure.kinds import Kind
from shared.model.resource_id import ResourceId

if TYPE_CHECKING:
    from azure.mgmt.kubernetesconfiguration.extensions import (
        KubernetesConfigurationExtensionsMgmtClient,
    )


def _client(clients: Clients, resource: ResourceId) -> KubernetesConfigurationExtensionsMgmtClient:
    from azure.mgmt.kubernetesconfiguration.extensions import (  # noqa: PLC0415 - loaded when first used
        KubernetesConfigurationExtensionsMgmtClient,
    )

    return clients.of(KubernetesConfigurationExtensionsMgmtClient, resource.subscription)


def _place(cluster: ResourceId) -> tuple[str, str, str, str]:
    """Resource group, provider, type and name of the cluster, as the SDK wants them."""
    provider, kind = cluster.text.split("/")[-3:-1]
    return cluster.resource_group, provider, kind, cluster.name


def list_extensions(clients: Clients, cluster: ResourceId, **wire: Any) -> Any:  # noqa: ANN401 - SDK
    """The extensions on ``cluster``."""
    return _client(clients, cluster).extensions.list(*_place(cluster), **wire)


def _get(clients: Clients, resource: ResourceId, **wire: Any) -> Any:  # noqa: ANN401 - SDK
    return _client(clients, resource).extensions.get(*_place(resource.scope), resource.name, **wire)


KINDS: Final[Mapping[str, Kind]] = {
    "microsoft.kubernetesconfiguration/extensions": Kind(get=_get),
}

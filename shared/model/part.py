"""Owns what every part of a manifest is made of: frozen, typed ids, no unknown keys."""

from __future__ import annotations

from typing import Annotated

from pydantic import AfterValidator, BaseModel, ConfigDict, StringConstraints
from pydantic.alias_generators import to_camel

from shared.model.resource_id import ResourceId

GUID = r"^[0-9a-fA-F]{8}(-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}$"


class Declared(BaseModel):
    """Frozen, camelCase in YAML, no unknown keys."""

    model_config = ConfigDict(
        frozen=True, extra="forbid", alias_generator=to_camel, populate_by_name=True
    )


def of_type(*types: str) -> AfterValidator:
    """A validator: an id of one of ``types`` (lower case)."""

    def check(value: ResourceId) -> ResourceId:
        if value.type not in types:
            raise ValueError(f"found an id of type '{value.type}', allowed is {' or '.join(types)}")
        return value

    return AfterValidator(check)


type WorkspaceId = Annotated[ResourceId, of_type("microsoft.machinelearningservices/workspaces")]
type StorageId = Annotated[ResourceId, of_type("microsoft.storage/storageaccounts")]
type VaultId = Annotated[ResourceId, of_type("microsoft.keyvault/vaults")]
type RegistryId = Annotated[ResourceId, of_type("microsoft.containerregistry/registries")]
type ClusterId = Annotated[
    ResourceId,
    of_type("microsoft.containerservice/managedclusters", "microsoft.kubernetes/connectedclusters"),
]
type EndpointId = Annotated[ResourceId, of_type("microsoft.network/privateendpoints")]
type ZoneId = Annotated[ResourceId, of_type("microsoft.network/privatednszones")]
type ComputeId = Annotated[
    ResourceId, of_type("microsoft.machinelearningservices/workspaces/computes")
]
type NetworkId = Annotated[ResourceId, of_type("microsoft.network/virtualnetworks")]
type SubnetId = Annotated[ResourceId, of_type("microsoft.network/virtualnetworks/subnets")]
type SecurityGroupId = Annotated[ResourceId, of_type("microsoft.network/networksecuritygroups")]
type IdentityId = Annotated[ResourceId, of_type("microsoft.managedidentity/userassignedidentities")]
type InsightsId = Annotated[ResourceId, of_type("microsoft.insights/components")]


class Owned(Declared):
    """``owned: false`` refers to a resource of another manifest: looked at, never written."""

    owned: bool = True


class Role(Declared):
    """A role of a declared identity, by role definition; never the id of an assignment.

    ``role`` is a role definition's guid.
    """

    role: Annotated[str, StringConstraints(pattern=GUID)]
    scope: ResourceId
    condition: str | None = None
    condition_version: str | None = None

"""Owns key vaults and their network settings (domain facts, section 5).

PATCH is synchronous and replaces networkAcls as a whole; PUT replaces everything, access policies included. A vault
without networkAcls has no firewall. publicNetworkAccess is a free string.
"""

from collections.abc import Iterable

from simulator.call import Call
from simulator.context import Context
from simulator.directory import TENANT
from simulator.errors import bad_request
from simulator.kind import Kind
from simulator.providers import links
from simulator.providers.storage import subnet_joins
from simulator.store import Resource
from simulator.wire import Json

_ACLS: Json = {
    "bypass": "AzureServices",
    "defaultAction": "Allow",
    "ipRules": [],
    "virtualNetworkRules": [],
}


class Vaults(Kind):
    """A key vault."""

    type = links.VAULT
    name_pattern = r"[a-zA-Z0-9-]{3,24}"
    load_rank = 3
    dates_itself = True
    read_only = frozenset(
        {"provisioningState", "vaultUri", "privateEndpointConnections", "hsmPoolResourceId"}
    )

    def check(self, call: Call) -> None:
        """Want tenant and sku."""
        super().check(call)
        properties = call.properties()
        if not properties.get("tenantId") or not properties.get("sku"):
            raise bad_request(
                "VaultPropertiesMissing", "A vault needs properties.tenantId and properties.sku."
            )

    def linked(self, call: Call) -> Iterable[tuple[str, str]]:
        """Want the join of each subnet that a rule names."""
        return subnet_joins(call.properties(), "virtualNetworkRules")

    def complete(self, context: Context, resource: Resource) -> None:
        """Fill in defaults."""
        del context
        properties = resource.properties
        if properties.get("networkAcls") is not None:
            properties["networkAcls"] = {**_ACLS, **properties["networkAcls"]}
        properties.setdefault("tenantId", TENANT)
        properties.setdefault("sku", {"family": "A", "name": "standard"})
        properties.setdefault("publicNetworkAccess", "Enabled")
        properties.setdefault("accessPolicies", [])
        properties.setdefault("enabledForDeployment", False)
        properties.setdefault("enableSoftDelete", True)
        properties.setdefault("vaultUri", f"https://{resource.name}.vault.azure.net/")

    def shown(self, context: Context, resource: Resource, version: str = "") -> Json:
        """Return the vault with its connections, which are absent when there are none."""
        body = super().shown(context, resource, version)
        connections = links.embedded(context, resource)
        if connections:
            kept = [{k: v for k, v in c.items() if k in ("id", "properties")} for c in connections]
            body["properties"]["privateEndpointConnections"] = kept
        return body


KINDS: tuple[Kind, ...] = (Vaults(),)

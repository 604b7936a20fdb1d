"""Owns storage accounts and their network settings (domain facts, section 5).

PATCH is synchronous and replaces networkAcls as a whole: members left out get their defaults, rules left out are gone.
There is no etag.
"""

from collections.abc import Iterable

from simulator.call import Call
from simulator.clock import stamp
from simulator.context import Context
from simulator.errors import bad_request
from simulator.kind import Kind, Timing, provider_polling
from simulator.providers import links
from simulator.store import Resource
from simulator.wire import Json

_ACLS: Json = {
    "bypass": "AzureServices",
    "virtualNetworkRules": [],
    "ipRules": [],
    "resourceAccessRules": [],
}
_BYPASSES = {"None", "Logging", "Metrics", "AzureServices"}
_ENDPOINTS = ("blob", "dfs", "file", "queue", "table", "web")


class Accounts(Kind):
    """A storage account."""

    type = links.STORAGE
    name_pattern = r"[a-z0-9]{3,24}"
    polling = provider_polling("Microsoft.Storage", "2023-05-01", by_status=False)
    timing = Timing(create="storage.create")
    create_status = 202
    load_rank = 3
    read_only = frozenset(
        [
            "provisioningState",
            "creationTime",
            "primaryEndpoints",
            "primaryLocation",
            "statusOfPrimary",
            "keyCreationTime",
            "privateEndpointConnections",
            "encryption",
        ]
    )

    def check(self, call: Call) -> None:
        """Want sku and kind at creation and a network rule set that is whole."""
        super().check(call)
        if not call.body.get("sku") or not call.body.get("kind"):
            raise bad_request("InvalidRequestContent", "A storage account needs sku and kind.")
        check_acls(call.properties())

    def merge(self, call: Call, resource: Resource) -> None:
        """Apply a PATCH."""
        check_acls(call.properties())
        super().merge(call, resource)

    def linked(self, call: Call) -> Iterable[tuple[str, str]]:
        """Want the join of each subnet that a rule names."""
        return subnet_joins(call.properties(), "virtualNetworkRules")

    def complete(self, context: Context, resource: Resource) -> None:
        """Fill in defaults and addresses."""
        properties = resource.properties
        properties["networkAcls"] = {
            **_ACLS,
            "defaultAction": "Allow",
            **(properties.get("networkAcls") or {}),
        }
        for rule in (
            properties["networkAcls"]["virtualNetworkRules"] + properties["networkAcls"]["ipRules"]
        ):
            rule.setdefault("action", "Allow")
        created = stamp(resource.created)
        properties.setdefault("creationTime", created)
        properties.setdefault("keyCreationTime", {"key1": created, "key2": created})
        properties.setdefault("primaryLocation", resource.body.get("location"))
        properties.setdefault("statusOfPrimary", "available")
        properties.setdefault("supportsHttpsTrafficOnly", True)
        properties.setdefault("minimumTlsVersion", "TLS1_2")
        properties.setdefault("allowBlobPublicAccess", False)
        names = {s: f"https://{resource.name}.{s}.core.windows.net/" for s in _ENDPOINTS}
        properties.setdefault("primaryEndpoints", names)
        service = {"keyType": "Account", "enabled": True, "lastEnabledTime": created}
        services = {"file": dict(service), "blob": dict(service)}
        properties.setdefault(
            "encryption", {"services": services, "keySource": "Microsoft.Storage"}
        )
        sku = resource.body.setdefault("sku", {"name": "Standard_LRS"})
        sku["tier"] = "Premium" if str(sku.get("name")).startswith("Premium") else "Standard"
        resource.body.setdefault("kind", "StorageV2")
        del context

    def shown(self, context: Context, resource: Resource, version: str = "") -> Json:
        """Return the account with its connections."""
        body = super().shown(context, resource, version)
        body["properties"]["privateEndpointConnections"] = links.embedded(context, resource)
        return body


def check_acls(properties: Json) -> None:
    """Refuse a rule set without default action or with an unknown bypass."""
    acls = properties.get("networkAcls")
    if acls is None:
        return
    if acls.get("defaultAction") not in ("Allow", "Deny"):
        raise bad_request(
            "InvalidValuesForRequestParameters",
            "Values for request parameters are invalid: networkAcls.defaultAction.",
        )
    bypass = {part.strip() for part in str(acls.get("bypass", "AzureServices")).split(",")}
    if bypass - _BYPASSES or ("None" in bypass and len(bypass) > 1):
        raise bad_request(
            "InvalidValuesForRequestParameters",
            "Values for request parameters are invalid: networkAcls.bypass.",
        )


def subnet_joins(properties: Json, member: str) -> Iterable[tuple[str, str]]:
    """Yield the joins that network rules with subnets need."""
    for rule in (properties.get("networkAcls") or {}).get(member) or []:
        if rule.get("id"):
            yield (
                "Microsoft.Network/virtualNetworks/subnets/joinViaServiceEndpoint/action",
                str(rule["id"]),
            )


KINDS: tuple[Kind, ...] = (Accounts(),)

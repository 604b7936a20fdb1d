"""Owns what is written of the network access of storage, vaults, registries and workspaces.

It is written as it is live, so that a capture never changes anything by itself; what contradicts a
private environment is remarked on. Where a setting cannot be declared, it is left out.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any, Final

from shared.model.json import JsonObject, dig
from shared.model.resource_id import ResourceId

_TRUSTED: Final = "azureservices"
_OPEN: Final = (
    "public network access is open; write Disabled here to have Relink close it whenever it opens"
)
_ALLOWS: Final = "the firewall lets everybody in; write Deny here once the rules are right"
_DISTRUSTS: Final = (
    "trusted Azure services are not let in, so Azure ML may fail to reach it;"
    " write true here to have Relink switch that on"
)
_PERIMETER: Final = (
    "a network security perimeter decides about access; Relink never writes below one"
)


@dataclass(slots=True)
class Item:
    """One entry of a section of the manifest, with what a person should know of it."""

    body: dict[str, Any]
    remarks: list[str] = field(default_factory=list)


def storage_item(resource: ResourceId, body: JsonObject, users: Iterable[ResourceId]) -> Item:
    """A storage account; ``users`` are the workspaces that keep their things in it.

    A resource access rule for each user is as good as the trusted-services exception
    (domain.md 5).
    """
    rules = dig(body, "properties.networkAcls.resourceAccessRules") or ()
    named = {ResourceId.maybe(dig(rule, "resourceId")) for rule in rules}
    let_in = set(users)
    trusted = _trusts(body, "properties.networkAcls.bypass") or (bool(let_in) and let_in <= named)
    return _guarded(resource, body, "properties.networkAcls", trusted=trusted)


def vault_item(resource: ResourceId, body: JsonObject) -> Item:
    """A key vault. Without networkAcls its firewall is off (domain.md 5)."""
    trusted = _trusts(body, "properties.networkAcls.bypass")
    return _guarded(resource, body, "properties.networkAcls", trusted=trusted)


def registry_item(resource: ResourceId, body: JsonObject) -> Item:
    """A container registry. Below Premium it has neither endpoints nor rules (domain.md 4)."""
    trusted = _trusts(body, "properties.networkRuleBypassOptions")
    item = _guarded(resource, body, "properties.networkRuleSet", trusted=trusted)
    sku = str(dig(body, "sku.name") or "")
    if sku.lower() != "premium":
        item.remarks.append(f"its SKU is {sku or 'unknown'}: private endpoints need Premium")
    return item


def workspace_item(resource: ResourceId, body: JsonObject) -> Item:
    """A workspace with what is associated with it."""
    item = Item({"id": resource.text})
    _write_public_access(item, body)
    for name in ("storageAccount", "keyVault", "containerRegistry"):
        found = ResourceId.maybe(dig(body, f"properties.{name}"))
        if found is not None:
            item.body[name] = found.text
    return item


def _guarded(resource: ResourceId, body: JsonObject, rules: str, *, trusted: bool) -> Item:
    item = Item({"id": resource.text})
    _write_public_access(item, body)
    action = str(dig(body, f"{rules}.defaultAction") or "Allow")
    item.body["defaultAction"] = "Deny" if action.lower() == "deny" else "Allow"
    item.body["trustedServices"] = trusted
    if item.body["defaultAction"] == "Allow":
        item.remarks.append(_ALLOWS)
    if not trusted:
        item.remarks.append(_DISTRUSTS)
    return item


def _write_public_access(item: Item, body: JsonObject) -> None:
    live = str(dig(body, "properties.publicNetworkAccess") or "Enabled").lower()
    match live:
        case "enabled":
            item.body["publicNetworkAccess"] = "Enabled"
            item.remarks.append(_OPEN)
        case "disabled":
            item.body["publicNetworkAccess"] = "Disabled"
        case "securedbyperimeter":
            item.body["publicNetworkAccess"] = "SecuredByPerimeter"
            item.remarks.append(_PERIMETER)
        case _:
            item.remarks.append(f"publicNetworkAccess is '{live[:40]}', which Relink does not know")


def _trusts(body: JsonObject, path: str) -> bool:
    """Whether the comma list at ``path`` has AzureServices; absent, it is Azure's default."""
    live = str(dig(body, path) or _TRUSTED)
    return _TRUSTED in (word.strip().lower() for word in live.split(","))

"""Owns key vaults and their network settings (domain facts, section 5).

PATCH is synchronous and replaces networkAcls as a whole; PUT replaces everything, access policies included. A vault
without networkAcls has no firewall. publicNetworkAccess is a free string.

| from | request | then |
|---|---|---|
| (none) | PUT | there |
| there | DELETE | deleted: kept for softDeleteRetentionInDays under locations/{region}/deletedVaults |
| deleted | PUT with createMode recover | there, with everything it had |
| deleted | purge, unless protected from it | (none) |

Soft delete and protection from purging are never switched off again.
"""

import copy
import re
from collections.abc import Iterable
from datetime import timedelta
from typing import override

from simulator.call import Call
from simulator.clock import stamp
from simulator.clouds import cloud_of
from simulator.context import Context
from simulator.directory import TENANT
from simulator.errors import ArmError, bad_request
from simulator.kind import Kind
from simulator.providers import links
from simulator.providers.storage import subnet_joins
from simulator.store import Resource
from simulator.wire import Json, Reply

DELETED = "Microsoft.KeyVault/locations/deletedVaults"
FEWEST_DAYS, MOST_DAYS = 7, 90
_IRREVERSIBLE = ("enableSoftDelete", "enablePurgeProtection", "softDeleteRetentionInDays")
_HELD = ("location", "tags", "properties", "systemData")
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
        recovers = properties.get("createMode") == "recover"
        if not recovers and (not properties.get("tenantId") or not properties.get("sku")):
            raise bad_request(
                "VaultPropertiesMissing", "A vault needs properties.tenantId and properties.sku."
            )
        if not re.fullmatch(r"[0-9a-fA-F-]{36}", str(properties.get("tenantId", TENANT))):
            raise bad_request("InvalidRequestContent", "properties.tenantId is not a GUID.")
        _refuse_loosening(call)

    @override
    def write(self, call: Call) -> Reply:
        """Create or update; a name that a deleted vault holds is free by recovering or purging it only."""
        recovers = call.properties().get("createMode") == "recover"
        deleted = None if call.resource else deleted_vault(call.context, call.path.name)
        if deleted and not recovers:
            raise ArmError(
                409,
                "ConflictError",
                f"A vault with the same name already exists in deleted state: {deleted.id}. "
                "You need to either recover or purge the existing key vault.",
            )
        if recovers and not deleted:
            raise ArmError(404, "VaultNotFound", f"There is no deleted vault {call.path.name}.")
        return super().write(call)

    @override
    def merge(self, call: Call, resource: Resource) -> None:
        """Apply a PATCH."""
        _refuse_loosening(call)
        super().merge(call, resource)

    @override
    def assign(self, call: Call, resource: Resource) -> None:
        """Take the body over, or what the deleted vault had."""
        deleted = deleted_vault(call.context, call.path.name)
        held = {k: v for k, v in resource.properties.items() if k in _IRREVERSIBLE and v}
        super().assign(call, resource)
        if deleted:
            resource.body.update(copy.deepcopy(deleted.hidden["body"]))
            call.context.store.remove(deleted.id)
        resource.properties.update(held)
        self.complete(call.context, resource)

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
        properties.pop("createMode", None)
        properties.setdefault("enableSoftDelete", True)
        properties.setdefault("softDeleteRetentionInDays", MOST_DAYS)
        suffix = cloud_of(resource.body.get("location")).vault
        properties.setdefault("vaultUri", f"https://{resource.name}.{suffix}/")

    def shown(self, context: Context, resource: Resource, version: str = "") -> Json:
        """Return the vault with its connections, which are absent when there are none."""
        body = super().shown(context, resource, version)
        connections = links.embedded(context, resource)
        if connections:
            kept = [{k: v for k, v in c.items() if k in ("id", "properties")} for c in connections]
            body["properties"]["privateEndpointConnections"] = kept
        return body

    @override
    def removed(self, context: Context, resource: Resource) -> None:
        """Keep what was deleted."""
        region = str(resource.body["location"]).replace(" ", "").lower()
        subscription = resource.path.subscription
        kept_id = f"/subscriptions/{subscription}/providers/{DELETED}".replace(
            "/locations/", f"/locations/{region}/"
        )
        days = int(resource.properties["softDeleteRetentionInDays"])
        properties: Json = {
            "vaultId": resource.id,
            "location": resource.body["location"],
            "deletionDate": stamp(context.now()),
            "scheduledPurgeDate": stamp(context.now() + timedelta(days=days)),
            "tags": resource.body.get("tags") or {},
            "purgeProtectionEnabled": bool(resource.properties.get("enablePurgeProtection")),
        }
        body: Json = {"id": f"{kept_id}/{resource.name}", "name": resource.name, "type": DELETED}
        body["properties"] = properties
        held = {k: copy.deepcopy(resource.body[k]) for k in _HELD if k in resource.body}
        context.store.put(Resource(str(body["id"]), DELETED, body, context.now(), {"body": held}))
        links.leave_disconnected(context, resource)


class DeletedVaults(Kind):
    """What is left of a deleted vault until it is purged, by a person or by time."""

    type = DELETED
    needs_location = False
    has_state = False

    @override
    def listed(self, call: Call, resource: Resource) -> bool:
        return deleted_vault(call.context, resource.name) is not None

    @override
    def write(self, call: Call) -> Reply:
        raise ArmError(405, "MethodNotAllowed", f"PUT is not allowed on {call.path}.")

    @override
    def act(self, call: Call) -> Reply:
        """Purge, unless the vault is protected from it."""
        if call.verb.lower() != "purge":
            return super().act(call)
        vault = call.found()
        if vault.properties["purgeProtectionEnabled"]:
            raise ArmError(
                409,
                "DeletedVaultPurge",
                f"Operation 'DeletedVaultPurge' is not allowed, because {vault.name} is protected from it.",
            )
        call.context.store.remove(vault.id)
        call.context.ended(call.begun())
        return Reply(200)


class AllDeletedVaults(Kind):
    """The list of a subscription's deleted vaults."""

    type = "Microsoft.KeyVault/deletedVaults"

    @override
    def list(self, call: Call) -> list[Json]:
        kept = call.context.store.of_type(DELETED, call.path.scope)
        return [copy.deepcopy(v.body) for v in kept if deleted_vault(call.context, v.name)]


def deleted_vault(context: Context, name: str) -> Resource | None:
    """Return what is left of a vault, None when its time is over; names are unique in the world."""
    for vault in context.store.of_type(DELETED):
        over = stamp(context.now()) >= vault.properties["scheduledPurgeDate"]
        if vault.name.lower() == name.lower() and not over:
            return vault
    return None


def _refuse_loosening(call: Call) -> None:
    """Refuse to switch protection off, and another retention than the one that was set."""
    given, old = call.properties(), call.resource
    if given.get("enablePurgeProtection") is False:
        raise bad_request(
            "BadRequest",
            'The property "enablePurgeProtection" cannot be set to false. Enabling the purge protection for a '
            "vault is an irreversible action.",
        )
    if old and given.get("enableSoftDelete") is False and old.properties.get("enableSoftDelete"):
        raise bad_request(
            "BadRequest",
            'The property "enableSoftDelete" can be set to false only for creating new vault. Enabling the '
            "'soft delete' functionality is an irreversible action.",
        )
    days = given.get("softDeleteRetentionInDays")
    if days is not None and not FEWEST_DAYS <= days <= MOST_DAYS:
        raise bad_request(
            "BadRequest", f"softDeleteRetentionInDays is {FEWEST_DAYS} to {MOST_DAYS}."
        )
    if old and days not in (None, old.properties.get("softDeleteRetentionInDays")):
        raise bad_request(
            "BadRequest",
            'The property "softDeleteRetentionInDays" has been set already and it can\'t be modified.',
        )


KINDS: tuple[Kind, ...] = (Vaults(), DeletedVaults(), AllDeletedVaults())

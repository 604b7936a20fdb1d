"""Owns storage accounts and their network settings (domain facts, section 5).

PATCH is synchronous and replaces networkAcls as a whole: members left out get their defaults, rules left out are gone.
There is no etag. `encryption` names whose key it is: Microsoft's, or one in a vault that cannot lose it. The settings of
the blob service are a child that is always there (blobServices/default).
"""

import copy
from collections.abc import Iterable
from typing import override

from simulator.call import Call
from simulator.clock import stamp
from simulator.clouds import cloud_of
from simulator.context import Context
from simulator.errors import ArmError, bad_request
from simulator.kind import Kind, Timing, provider_polling
from simulator.providers import links
from simulator.store import Resource
from simulator.wire import Json, Reply

_ACLS: Json = {
    "bypass": "AzureServices",
    "virtualNetworkRules": [],
    "ipRules": [],
    "resourceAccessRules": [],
}
_PUBLIC = ("Enabled", "Disabled", "SecuredByPerimeter")
_BYPASSES = {"None", "Logging", "Metrics", "AzureServices"}
IN_VAULT = "microsoft.keyvault"
INFRASTRUCTURE = "requireInfrastructureEncryption"
MOST_DAYS = 365
_BLOB_DEFAULTS: Json = {
    "cors": {"corsRules": []},
    "deleteRetentionPolicy": {"allowPermanentDelete": False, "enabled": False},
}
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
        ]
    )

    def check(self, call: Call) -> None:
        """Want sku and kind at creation and a network rule set that is whole."""
        super().check(call)
        if not call.body.get("sku") or not call.body.get("kind"):
            raise bad_request("InvalidRequestContent", "A storage account needs sku and kind.")
        check_acls(call.properties())
        _check_key(call)

    def assign(self, call: Call, resource: Resource) -> None:
        """Take the body over; encryption that is left out stays, and what was chosen at creation too."""
        before = copy.deepcopy(resource.properties.get("encryption"))
        super().assign(call, resource)
        if before and "encryption" not in call.properties():
            resource.properties["encryption"] = before

    def merge(self, call: Call, resource: Resource) -> None:
        """Apply a PATCH."""
        check_acls(call.properties())
        _check_key(call)
        given = call.properties().get("encryption") or {}
        held = resource.properties["encryption"].get(INFRASTRUCTURE)
        if INFRASTRUCTURE in given and bool(given[INFRASTRUCTURE]) is not bool(held):
            raise bad_request(
                "InvalidRequestPropertyValue", f"{INFRASTRUCTURE} is chosen at creation."
            )
        super().merge(call, resource)
        if held is not None:
            resource.properties["encryption"][INFRASTRUCTURE] = held

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
        core = cloud_of(resource.body.get("location")).core
        names = {s: f"https://{resource.name}.{s}.{core}/" for s in _ENDPOINTS}
        properties.setdefault("primaryEndpoints", names)
        properties["encryption"] = _encryption(properties.get("encryption") or {}, created)
        sku = resource.body.setdefault("sku", {"name": "Standard_LRS"})
        sku["tier"] = "Premium" if str(sku.get("name")).startswith("Premium") else "Standard"
        resource.body.setdefault("kind", "StorageV2")
        del context

    @override
    def removed(self, context: Context, resource: Resource) -> None:
        """Leave the endpoints Disconnected."""
        links.leave_disconnected(context, resource)

    def shown(self, context: Context, resource: Resource, version: str = "") -> Json:
        """Return the account with its connections."""
        body = super().shown(context, resource, version)
        body["properties"]["privateEndpointConnections"] = links.embedded(context, resource)
        return body


def check_acls(properties: Json) -> None:
    """Refuse an unknown public access, a rule set without default action or with an unknown bypass."""
    if properties.get("publicNetworkAccess") not in (None, *_PUBLIC):
        raise bad_request(
            "InvalidValuesForRequestParameters",
            "Values for request parameters are invalid: publicNetworkAccess.",
        )
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


def _encryption(given: Json, since: str) -> Json:
    """Return the encryption with Azure's defaults; a key in a vault gets the version in use."""
    service = {"keyType": "Account", "enabled": True, "lastEnabledTime": since}
    services = {"file": dict(service), "blob": dict(service), **(given.get("services") or {})}
    whole: Json = {"keySource": "Microsoft.Storage", **given, "services": services}
    key = whole.get("keyvaultproperties")
    if str(whole["keySource"]).lower() != IN_VAULT:
        whole.pop("keyvaultproperties", None)
    elif key:
        version = key.get("keyversion") or "0" * 31 + "1"
        base = str(key["keyvaulturi"]).rstrip("/")
        key["currentVersionedKeyIdentifier"] = f"{base}/keys/{key['keyname']}/{version}"
        key.setdefault("lastKeyRotationTimestamp", since)
    return whole


def _check_key(call: Call) -> None:
    """Want a key's name and its vault, and a vault with soft delete and purge protection."""
    encryption = call.properties().get("encryption") or {}
    source = str(encryption.get("keySource", "Microsoft.Storage")).lower()
    if source not in ("microsoft.storage", IN_VAULT):
        raise bad_request("InvalidValuesForRequestParameters", f"encryption.keySource {source}.")
    if source != IN_VAULT:
        return
    key = encryption.get("keyvaultproperties") or {}
    if not key.get("keyname") or not key.get("keyvaulturi"):
        raise bad_request(
            "InvalidRequestPropertyValue", "keyvaultproperties needs keyname and keyvaulturi."
        )
    for vault in call.context.store.of_type(links.VAULT):
        named = str(vault.properties.get("vaultUri", "")).rstrip("/").lower()
        if named == str(key["keyvaulturi"]).rstrip("/").lower() and not (
            vault.properties.get("enableSoftDelete")
            and vault.properties.get("enablePurgeProtection")
        ):
            raise bad_request(
                "KeyVaultNotRecoverable", f"{vault.id} needs soft delete and purge protection."
            )


def subnet_joins(properties: Json, member: str) -> Iterable[tuple[str, str]]:
    """Yield the joins that network rules with subnets need."""
    for rule in (properties.get("networkAcls") or {}).get(member) or []:
        if rule.get("id"):
            yield (
                "Microsoft.Network/virtualNetworks/subnets/joinViaServiceEndpoint/action",
                str(rule["id"]),
            )


class BlobServices(Kind):
    """The settings of an account's blob service, `default`; they come and go with the account."""

    type = f"{links.STORAGE}/blobServices"
    child_of = links.STORAGE
    needs_location = False
    has_state = False
    create_status = 200

    @override
    def check(self, call: Call) -> None:
        """Want days where deleted blobs are kept."""
        if call.path.name.lower() != "default":
            raise bad_request("InvalidResourceName", "The blob service is called default.")
        for member in ("deleteRetentionPolicy", "containerDeleteRetentionPolicy"):
            policy = call.properties().get(member) or {}
            if policy.get("enabled") and not 1 <= int(policy.get("days") or 0) <= MOST_DAYS:
                raise bad_request("InvalidXmlDocument", f"{member}.days is 1 to {MOST_DAYS}.")

    @override
    def complete(self, context: Context, resource: Resource) -> None:
        del context
        for member, value in _BLOB_DEFAULTS.items():
            resource.properties.setdefault(member, copy.deepcopy(value))

    @override
    def read(self, call: Call) -> Reply:
        return Reply(200, self._settings(call))

    @override
    def list(self, call: Call) -> list[Json]:
        """Return the one there is."""
        return [self._settings(call)]

    def _settings(self, call: Call) -> Json:
        account = str(call.path.parent)
        written = call.context.store.get(f"{account}/blobServices/default")
        owner = call.context.store.get(account)
        if owner is None:
            return call.found().body
        if written:
            return {**self.shown(call.context, written), "sku": owner.body["sku"]}
        return {
            "id": f"{owner.id}/blobServices/default",
            "name": "default",
            "type": self.type,
            "sku": owner.body["sku"],
            "properties": copy.deepcopy(_BLOB_DEFAULTS),
        }

    @override
    def delete(self, call: Call) -> Reply:
        raise ArmError(405, "MethodNotAllowed", f"DELETE is not allowed on {call.path}.")

    @override
    def patch(self, call: Call) -> Reply:
        raise ArmError(405, "MethodNotAllowed", f"PATCH is not allowed on {call.path}.")


KINDS: tuple[Kind, ...] = (Accounts(), BlobServices())

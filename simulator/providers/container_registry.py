"""Owns container registries and their network settings (domain facts, section 5).

Writes are long-running, PATCH included. The network rule set, of Premium registries only, is replaced as a whole.
Whether it is encrypted with a key of one's own is chosen at creation; the key can be changed.
"""

from typing import override

from simulator.call import Call
from simulator.clock import stamp
from simulator.clouds import cloud_of
from simulator.context import Context
from simulator.durations import RETRY_AFTER
from simulator.errors import bad_request
from simulator.kind import Kind, Timing
from simulator.operations import Polling
from simulator.providers import links
from simulator.store import Resource
from simulator.wire import Json

# Slashes of https://<vault>.vault.azure.net/keys/<name>: without a version the registry follows new ones.
KEY_WITHOUT_VERSION = 4


class Registries(Kind):
    """A container registry."""

    type = links.REGISTRY
    name_pattern = r"[a-zA-Z0-9]{5,50}"
    polling = Polling(
        status_path="{r}/operationStatuses/registries-{id}",
        result_path="{r}/operationResults/registries-{id}",
        version="2023-07-01",
        retry_after=RETRY_AFTER["Microsoft.ContainerRegistry"],
    )
    timing = Timing(
        create="registry.write",
        update="registry.write",
        patch="registry.write",
        delete="registry.delete",
    )
    dates_itself = True
    load_rank = 3
    read_only = frozenset(
        [
            "provisioningState",
            "loginServer",
            "creationDate",
            "privateEndpointConnections",
            "dataEndpointHostNames",
            "status",
        ]
    )

    def check(self, call: Call) -> None:
        """Want a sku, and Premium for network rules."""
        super().check(call)
        if not (call.body.get("sku") or {}).get("name"):
            raise bad_request("MissingProperty", "A registry needs sku.name.")
        _check_rules(str(call.body["sku"]["name"]), call.properties())
        _check_encryption(call)

    def merge(self, call: Call, resource: Resource) -> None:
        """Apply a PATCH."""
        sku = (call.body.get("sku") or resource.body["sku"])["name"]
        _check_rules(str(sku), call.properties())
        _check_encryption(call)
        super().merge(call, resource)

    def complete(self, context: Context, resource: Resource) -> None:
        """Fill in defaults."""
        del context
        properties = resource.properties
        sku = resource.body.setdefault("sku", {"name": "Premium"})
        sku["tier"] = sku["name"]
        suffix = cloud_of(resource.body.get("location")).registry
        properties.setdefault("loginServer", f"{resource.name.lower()}.{suffix}")
        properties.setdefault("creationDate", stamp(resource.created))
        properties.setdefault("adminUserEnabled", False)
        properties.setdefault("publicNetworkAccess", "Enabled")
        properties.setdefault("networkRuleBypassOptions", "AzureServices")
        properties.setdefault("zoneRedundancy", "Disabled")
        properties.setdefault("dataEndpointEnabled", False)
        properties["encryption"] = _encryption(properties.get("encryption") or {})
        if str(sku["name"]) == "Premium":
            rules = properties.get("networkRuleSet") or {}
            properties["networkRuleSet"] = {"defaultAction": "Allow", "ipRules": [], **rules}
            for rule in properties["networkRuleSet"]["ipRules"]:
                rule.setdefault("action", "Allow")

    @override
    def removed(self, context: Context, resource: Resource) -> None:
        """Leave the endpoints Disconnected."""
        links.leave_disconnected(context, resource)

    def shown(self, context: Context, resource: Resource, version: str = "") -> Json:
        """Return the registry with its connections."""
        body = super().shown(context, resource, version)
        body["properties"]["privateEndpointConnections"] = links.embedded(context, resource)
        return body


def _check_rules(sku: str, properties: Json) -> None:
    rules = properties.get("networkRuleSet")
    if rules is None:
        return
    if sku != "Premium":
        raise bad_request(
            "NetworkRuleSetNotSupported", f"Network rules need the Premium sku, not {sku}."
        )
    if rules.get("defaultAction") not in ("Allow", "Deny"):
        raise bad_request(
            "InvalidNetworkRuleSet", "networkRuleSet.defaultAction is required: Allow or Deny."
        )


def _encryption(given: Json) -> Json:
    whole: Json = {"status": "disabled", **given}
    key = whole.get("keyVaultProperties")
    if key:
        key["keyRotationEnabled"] = key["keyIdentifier"].count("/") == KEY_WITHOUT_VERSION
        version = "" if not key["keyRotationEnabled"] else "/" + "0" * 31 + "1"
        key["versionedKeyIdentifier"] = f"{key['keyIdentifier'].rstrip('/')}{version}"
    return whole


def _check_encryption(call: Call) -> None:
    """Want a Premium sku, a key and an identity; whether there is a key of one's own is chosen at creation."""
    given, old = call.properties().get("encryption"), call.resource
    if given is None:
        return
    held = str((old.properties.get("encryption") or {}).get("status")) if old else ""
    asked = str(given.get("status", held or "disabled"))
    if old and asked != held:
        raise bad_request(
            "CannotUpdateEncryptionStatus", f"Encryption of {old.id} is {held} since its creation."
        )
    if asked == "disabled":
        return
    key = given.get("keyVaultProperties") or {}
    sku = str((call.body.get("sku") or (old.body["sku"] if old else {})).get("name"))
    if sku != "Premium" or not key.get("keyIdentifier") or not key.get("identity"):
        raise bad_request(
            "InvalidEncryption", "A key of one's own needs Premium, keyIdentifier and identity."
        )


KINDS: tuple[Kind, ...] = (Registries(),)

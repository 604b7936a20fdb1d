"""Owns workspaces: network settings, identity, diagnose (domain facts, section 3.2).

PATCH is long-running and accepts few members; publicNetworkAccess and allowPublicAccessWhenBehindVnet override each
other, the last write wins.
"""

import copy
from typing import override

from simulator.call import Call
from simulator.clouds import cloud_of
from simulator.context import Context
from simulator.directory import TENANT
from simulator.errors import bad_request
from simulator.kind import Kind, Timing
from simulator.operations import Operation
from simulator.providers import links
from simulator.providers.machine_learning.common import WORKSPACE_POLLING, identify
from simulator.store import Resource
from simulator.wire import Json, Reply

PATCHABLE = frozenset(
    [
        "publicNetworkAccess",
        "v1LegacyMode",
        "imageBuildCompute",
        "primaryUserAssignedIdentity",
        "serverlessComputeSettings",
        "managedNetwork",
        "applicationInsights",
        "containerRegistry",
        "enableDataIsolation",
        "encryption",
        "description",
        "friendlyName",
        "serviceManagedResourcesSettings",
        "featureStoreSettings",
    ]
)


class Workspaces(Kind):
    """A workspace."""

    type = links.WORKSPACE
    name_pattern = r"[a-zA-Z0-9][a-zA-Z0-9_-]{2,32}"
    polling = WORKSPACE_POLLING
    timing = Timing(
        create="workspace.write",
        update="workspace.write",
        patch="workspace.patch",
        delete="workspace.delete",
    )
    create_status = 202
    update_status = 202
    dates_itself = True
    load_rank = 3
    read_only = frozenset(
        [
            "provisioningState",
            "workspaceId",
            "discoveryUrl",
            "privateEndpointConnections",
            "privateLinkCount",
            "tenantId",
            "mlFlowTrackingUri",
            "notebookInfo",
            "storageHnsEnabled",
            "serviceProvisionedResourceGroup",
        ]
    )

    @override
    def check(self, call: Call) -> None:
        """Want encryption to stay as it was at creation."""
        super().check(call)
        given, old = call.properties().get("encryption"), call.resource
        if given and not (given.get("keyVaultProperties") or {}).get("keyIdentifier"):
            raise bad_request("BadRequest", "encryption needs keyVaultProperties.keyIdentifier.")
        if old and bool(given) is not bool(old.properties.get("encryption")):
            raise bad_request("BadRequest", f"Whose key {old.id} uses is chosen at its creation.")

    def assign(self, call: Call, resource: Resource) -> None:
        """Take the body over; the last write of the two public access members wins."""
        super().assign(call, resource)
        given = call.properties()
        if "publicNetworkAccess" in given:
            _align(resource)
        elif "allowPublicAccessWhenBehindVnet" in given:
            allowed = bool(given["allowPublicAccessWhenBehindVnet"])
            resource.properties["publicNetworkAccess"] = "Enabled" if allowed else "Disabled"

    def merge(self, call: Call, resource: Resource) -> None:
        """Apply a PATCH; members outside of the documented ones are refused."""
        given = call.properties()
        unknown = sorted(set(given) - PATCHABLE)
        if unknown:
            raise bad_request("BadRequest", f"Workspace update does not support {unknown}.")
        held = copy.deepcopy(resource.properties.get("encryption"))
        super().merge(call, resource)
        if "encryption" in given:
            resource.properties["encryption"] = _rotated(held, given["encryption"])
        if "publicNetworkAccess" in given:
            _align(resource)

    def complete(self, context: Context, resource: Resource) -> None:
        """Fill in defaults and the identity."""
        properties, region = resource.properties, resource.body.get("location")
        suffix = cloud_of(region).learning
        properties.setdefault("workspaceId", context.chance.guid())
        properties.setdefault("friendlyName", resource.name)
        properties.setdefault("hbiWorkspace", False)
        properties.setdefault("tenantId", TENANT)
        properties.setdefault("v1LegacyMode", False)
        properties.setdefault("publicNetworkAccess", "Enabled")
        if "allowPublicAccessWhenBehindVnet" not in properties:
            _align(resource)
        properties.setdefault("discoveryUrl", f"https://{region}.{suffix}/discovery")
        uri = f"azureml://{region}.{suffix}/mlflow/v1.0{resource.id}"
        properties.setdefault("mlFlowTrackingUri", uri)
        resource.body.setdefault("kind", "Default")
        resource.body.setdefault("sku", {"name": "Basic", "tier": "Basic"})
        resource.body.setdefault("identity", {"type": "SystemAssigned"})
        identify(context, resource, fresh=False)

    @override
    def removed(self, context: Context, resource: Resource) -> None:
        """Leave the endpoints Disconnected."""
        links.leave_disconnected(context, resource)

    def shown(self, context: Context, resource: Resource, version: str = "") -> Json:
        """Return the workspace with its connections."""
        body = super().shown(context, resource, version)
        connections = links.embedded(context, resource)
        body["properties"]["privateEndpointConnections"] = connections
        body["properties"]["privateLinkCount"] = len(connections)
        return body

    def action_for(self, call: Call) -> str:
        """Diagnose is a read."""
        if call.request.method == "POST" and call.verb.lower() == "diagnose":
            return f"{self.type}/diagnose/read"
        return super().action_for(call)

    def act(self, call: Call) -> Reply:
        """Answer diagnose: accepted at once, its result found by Location."""
        if call.verb.lower() != "diagnose":
            return super().act(call)
        workspace = call.found()
        from_now = call.context.begin(call.look(), workspace, "diagnose", "workspace.diagnose")
        return self.accepted(call.context, from_now, workspace, 202)

    def transition(self, context: Context, operation: Operation, resource: Resource) -> None:
        """Finish a diagnosis: it names the associated resources that are open or gone."""
        results: Json = {
            k: [] for k in ("userDefinedRouteResults", "networkSecurityRuleResults", "otherResults")
        }
        for member, key in (
            ("storageAccount", "storageAccountResults"),
            ("keyVault", "keyVaultResults"),
            ("containerRegistry", "containerRegistryResults"),
        ):
            results[key] = _diagnose(context, resource.properties.get(member))
        dead = [
            _finding("Error", "PrivateEndpointDisconnected", f"{c.name} is not approved.")
            for c in links.connections_of(context, resource)
            if c.properties["privateLinkServiceConnectionState"]["status"] != "Approved"
        ]
        results["dnsResolutionResults"], results["resourceLockResults"] = dead, []
        operation.result = {"value": results}


def _finding(level: str, code: str, message: str) -> Json:
    return {"code": code, "level": level, "message": message}


def _diagnose(context: Context, resource_id: str | None) -> list[Json]:
    if not resource_id or context.store.get(resource_id):
        return []
    return [_finding("Error", "ResourceNotFound", f"{resource_id} does not exist.")]


def _rotated(held: Json | None, given: Json) -> Json:
    """Return the encryption with another key: a PATCH knows keyVaultProperties.keyIdentifier only."""
    key = (given.get("keyVaultProperties") or {}).get("keyIdentifier")
    if not held or not key:
        raise bad_request("BadRequest", "A key can be changed where there is one, and not removed.")
    return {**held, "keyVaultProperties": {**held["keyVaultProperties"], "keyIdentifier": key}}


def _align(workspace: Resource) -> None:
    public = str(workspace.properties.get("publicNetworkAccess")).lower() == "enabled"
    workspace.properties["allowPublicAccessWhenBehindVnet"] = public


KINDS: tuple[Kind, ...] = (Workspaces(),)

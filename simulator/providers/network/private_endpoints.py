"""Owns private endpoints: both sides of their connection, interface, addresses (domain facts, section 4).

States of provisioningState: (none) -PUT-> Updating -90 s-> Succeeded | Failed; Succeeded -PUT-> Updating -> Succeeded;
any -DELETE-> Deleting -60 s-> gone. A Failed endpoint is made anew by the next PUT.
"""

import copy
from collections.abc import Iterable

from simulator.call import Call
from simulator.context import Context
from simulator.errors import ArmError, bad_request
from simulator.kind import Kind, Timing
from simulator.operations import Operation
from simulator.paths import Path, same
from simulator.providers import links
from simulator.providers.network import interfaces, zone_groups
from simulator.providers.network.common import NetworkKind
from simulator.store import Resource
from simulator.wire import Json, Reply

_LISTS = ("privateLinkServiceConnections", "manualPrivateLinkServiceConnections")
_BUSY_TARGET = {links.STORAGE: "StorageAccountOperationInProgress"}


class Endpoints(NetworkKind):
    """A private endpoint. Its target and groups never change: that takes another endpoint."""

    type = links.ENDPOINTS
    load_rank = 5
    read_only = frozenset({"provisioningState", "networkInterfaces", "customDnsConfigs"})
    timing = Timing(create="endpoint.create", update="endpoint.update", delete="endpoint.delete")

    def check(self, call: Call) -> None:
        """Refuse what the provider refuses before it starts an operation."""
        super().check(call)
        properties = call.properties()
        entries = [e for member in _LISTS for e in properties.get(member) or []]
        if len(entries) != 1 or not entries[0].get("name"):
            raise bad_request(
                "InvalidRequestFormat",
                f"Private endpoint {call.path.name} must have exactly one named connection; found {len(entries)}.",
            )
        wanted = entries[0].get("properties") or {}
        target = links.target_of(str(wanted.get("privateLinkServiceId")))
        groups = [str(g) for g in wanted.get("groupIds") or []]
        if len(groups) != 1 or groups[0] not in target.groups:
            raise bad_request(
                "InvalidGroupId",
                f"Group ids {groups} are not valid; known are {list(target.groups)}.",
            )
        self._check_subnet(call, properties)
        _check_target(call, str(wanted.get("privateLinkServiceId")))
        if target.type == links.CLUSTER and properties.get("ipConfigurations"):
            raise bad_request(
                "StaticIpNotSupported",
                "Static addresses are not supported for this private link resource.",
            )
        self._check_unchanged(call, entries[0])

    def _check_subnet(self, call: Call, properties: Json) -> None:
        subnet_id = str((properties.get("subnet") or {}).get("id"))
        subnet = call.context.store.get(subnet_id)
        network = call.context.store.get(str(Path.parse(subnet_id).parent)) if subnet else None
        if subnet is None or network is None:
            raise bad_request(
                "InvalidResourceReference",
                f"Resource {subnet_id} referenced by resource {call.path} was not found. Please make sure that the "
                "referenced resource exists, and that both resources are in the same region.",
            )
        if not same(network.path.subscription, call.path.subscription):
            raise bad_request(
                "InvalidResourceReference", f"{subnet_id} is in another subscription."
            )
        here, there = str(call.body["location"]), str(network.body.get("location", ""))
        if here.replace(" ", "").lower() != there.replace(" ", "").lower():
            raise bad_request(
                "InvalidResourceReference", f"{subnet_id} is in {there}, the endpoint in {here}."
            )

    def _check_unchanged(self, call: Call, entry: Json) -> None:
        old = call.resource
        if old is None or old.properties.get("provisioningState") == "Failed":
            return
        had, wants = links.connection_entry(old)["properties"], entry["properties"]
        repointed = not same(had["privateLinkServiceId"], wants["privateLinkServiceId"])
        if repointed or had.get("groupIds") != wants.get("groupIds"):
            raise bad_request(
                "CannotChangePrivateLinkConnectionOnPrivateEndpoint",
                f"The connection of private endpoint {old.id} cannot be changed; delete and create it.",
            )

    def linked(self, call: Call) -> Iterable[tuple[str, str]]:
        """Want the subnet's join, and for the automatic list the target's approval."""
        properties = call.properties()
        subnet = (properties.get("subnet") or {}).get("id")
        if subnet:
            yield "Microsoft.Network/virtualNetworks/subnets/join/action", str(subnet)
        for group in properties.get("applicationSecurityGroups") or []:
            yield (
                "Microsoft.Network/applicationSecurityGroups/joinIpConfiguration/action",
                str(group["id"]),
            )
        for entry in properties.get("privateLinkServiceConnections") or []:
            target_id = str((entry.get("properties") or {}).get("privateLinkServiceId"))
            yield links.target_of(target_id).approval, target_id

    def patch(self, call: Call) -> Reply:
        """Refuse: endpoints have no PATCH."""
        raise ArmError(405, "MethodNotAllowed", f"PATCH is not allowed on {call.path}.")

    def write(self, call: Call) -> Reply:
        """Create, update, or make a failed one anew."""
        self.check(call)
        old = call.resource
        if old is None:
            resource = call.context.make(call.path, self.type, {})
        else:
            self.refuse_busy(call, old)
            resource = old
        fresh = old is None or not resource.properties.get("networkInterfaces")
        self.assign(call, resource)
        if not fresh:
            return self.start(call, resource, "update", self.timing.update, 200)
        conflict = self._conflict(call.context, resource)
        duration = "endpoint.conflict" if conflict else self.timing.create
        status = 201 if old is None else 200
        return self.start(
            call, resource, "create", duration, status, arguments={"conflict": conflict}
        )

    def assign(self, call: Call, resource: Resource) -> None:
        """Take the body over, but keep the connection's state: callers cannot set it."""
        entry = links.connection_entry(resource).get("properties", {})
        state = copy.deepcopy(entry.get("privateLinkServiceConnectionState"))
        super().assign(call, resource)
        links.connection_entry(resource)["properties"]["privateLinkServiceConnectionState"] = (
            state or {}
        )

    def complete(self, context: Context, resource: Resource) -> None:
        """Fill in ids and empty members."""
        properties = resource.properties
        del context
        properties.setdefault("customNetworkInterfaceName", "")
        properties.setdefault("networkInterfaces", [])
        properties.setdefault("customDnsConfigs", [])
        properties.setdefault("ipConfigurations", [])
        for member in _LISTS:
            properties[member] = properties.get(member) or []
            for entry in properties[member]:
                entry["id"] = f"{resource.id}/{member}/{entry['name']}"
                entry["type"] = f"{self.type}/{member}"
                entry["properties"]["provisioningState"] = "Succeeded"

    def _conflict(self, context: Context, endpoint: Resource) -> str:
        """Name what fails when another endpoint is being made in the same subnet or to the same target."""
        for operation in context.state.running:
            other = context.store.get(operation.resource_id)
            if operation.kind != self.type or operation.what != "create" or other is None:
                continue
            if same(links.target_id(other), links.target_id(endpoint)):
                target = links.target_of(links.target_id(endpoint))
                return _BUSY_TARGET.get(target.type, "AnotherOperationInProgress")
            if same(other.properties["subnet"]["id"], endpoint.properties["subnet"]["id"]):
                return "RetryableError"
        return ""

    def created(self, context: Context, operation: Operation, resource: Resource) -> None:
        """Give the endpoint its connection, interface and addresses."""
        if operation.arguments.get("conflict"):
            raise ArmError(
                429,
                str(operation.arguments["conflict"]),
                f"A retryable error occurred on {resource.id}: another operation is in progress.",
            )
        manual = bool(resource.properties["manualPrivateLinkServiceConnections"])
        self.establish(context, resource, "Pending" if manual else "Approved")

    def establish(self, context: Context, endpoint: Resource, status: str) -> None:
        """Connect to the target; raises ArmError when there is nothing to connect to."""
        target = context.store.get(links.target_id(endpoint))
        served = target is not None and (
            target.type != links.CLUSTER or bool(target.hidden.get("service"))
        )
        subnet = context.store.get(endpoint.properties["subnet"]["id"])
        if target is None or subnet is None or not served:
            raise bad_request(
                "InvalidPrivateLinkServiceId",
                f"Private link service of {links.target_id(endpoint)} does not exist or is not ready.",
            )
        group = str(links.connection_entry(endpoint)["properties"]["groupIds"][0])
        members = links.target_of(target.id).members(target, group)
        nic = interfaces.make(context, endpoint, subnet, group, members)
        endpoint.properties["networkInterfaces"] = [{"id": nic.id}]
        endpoint.properties["customDnsConfigs"] = [
            {"fqdn": fqdn, "ipAddresses": [address]} for fqdn, address in interfaces.names_of(nic)
        ]
        message = "Auto-Approved" if status == "Approved" else "Awaiting approval"
        links.connect(context, endpoint, target, status, message)

    def loaded(self, context: Context, resource: Resource) -> None:
        """Connect an endpoint that exists since long; a status given in its body is kept."""
        resource.properties["networkInterfaces"] = []
        self.establish(context, resource, links.status_of(resource) or "Approved")

    def removed(self, context: Context, resource: Resource) -> None:
        """Take interface, records and the target's view along."""
        zone_groups.remove_records_of(context, resource)
        for nic in resource.properties.get("networkInterfaces") or []:
            context.store.remove(nic["id"])
        links.remove_endpoint_side(context, resource)


def _check_target(call: Call, target_id: str) -> None:
    """Refuse a registry below Premium, which has no private link."""
    target = call.context.store.get(target_id)
    sku = str((target.body.get("sku") or {}).get("name")) if target else ""
    if target and target.type == links.REGISTRY and sku != "Premium":
        raise bad_request(
            "PrivateEndpointNotSupported", f"Private endpoints need a Premium registry, not {sku}."
        )


KINDS: tuple[Kind, ...] = (Endpoints(),)

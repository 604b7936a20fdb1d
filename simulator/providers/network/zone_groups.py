"""Owns privateDnsZoneGroups: they keep A records of an endpoint in private zones, except for AKS.

Two endpoints sharing a zone overwrite each other's record, and deleting one removes it (domain facts, section 4). The
records come and go without events of their own.
"""

from collections.abc import Iterable

from simulator.call import Call
from simulator.context import Context
from simulator.errors import bad_request
from simulator.kind import Kind, Timing
from simulator.operations import Operation
from simulator.providers import links
from simulator.providers.network import interfaces, private_dns
from simulator.providers.network.common import NetworkKind, retryable
from simulator.store import Resource
from simulator.wire import Json

TYPE = f"{links.ENDPOINTS}/privateDnsZoneGroups"
MOST_ZONES = 5
TTL = 10


class ZoneGroups(NetworkKind):
    """One group an endpoint; a PUT replaces its list of zones."""

    type = TYPE
    child_of = links.ENDPOINTS
    needs_location = False
    load_rank = 6
    timing = Timing(
        create="zone-group.write", update="zone-group.write", delete="zone-group.delete"
    )

    def check(self, call: Call) -> None:
        """Want a Succeeded endpoint without another group, and zones that exist."""
        endpoint = call.context.store.get(str(call.path.parent))
        if endpoint is None or endpoint.properties.get("provisioningState") != "Succeeded":
            raise retryable(call, str(call.path.parent))
        others = call.context.store.of_type(TYPE, endpoint.id)
        if call.resource is None and others:
            raise bad_request(
                "PrivateEndpointAlreadyHasDnsZoneGroup", f"{endpoint.id} has {others[0].name}."
            )
        configurations = call.properties().get("privateDnsZoneConfigs") or []
        if not 1 <= len(configurations) <= MOST_ZONES:
            raise bad_request(
                "InvalidPrivateDnsZoneConfigs",
                f"1 to {MOST_ZONES} zone configurations are allowed.",
            )
        for configuration in configurations:
            zone = (configuration.get("properties") or {}).get("privateDnsZoneId")
            if not configuration.get("name") or not call.context.store.get(zone):
                raise bad_request(
                    "InvalidPrivateDnsZoneId", f"Private DNS zone {zone} was not found."
                )

    def linked(self, call: Call) -> Iterable[tuple[str, str]]:
        """Want the join of each zone."""
        for configuration in call.properties().get("privateDnsZoneConfigs") or []:
            zone = str((configuration.get("properties") or {}).get("privateDnsZoneId"))
            yield "Microsoft.Network/privateDnsZones/join/action", zone

    def shown(self, context: Context, resource: Resource, version: str = "") -> Json:
        """Return the group as the provider does, without a type."""
        body = super().shown(context, resource, version)
        return {k: v for k, v in body.items() if k != "type"}

    def created(self, context: Context, operation: Operation, resource: Resource) -> None:
        """Write the records."""
        del operation
        write_records(context, resource)

    def updated(self, context: Context, operation: Operation, resource: Resource) -> None:
        """Remove the records of the former list and write those of the new one."""
        del operation
        remove_records(context, resource)
        write_records(context, resource)

    def loaded(self, context: Context, resource: Resource) -> None:
        """Write the records that exist since long."""
        write_records(context, resource)

    def removed(self, context: Context, resource: Resource) -> None:
        """Remove the records."""
        remove_records(context, resource)


def write_records(context: Context, group: Resource) -> None:
    """Write the endpoint's names into each zone of the group that is the recommended one for them."""
    endpoint = context.store.get(str(group.path.parent))
    nics = endpoint.properties.get("networkInterfaces") if endpoint else None
    nic = context.store.get(nics[0]["id"]) if nics else None
    written: list[list[str]] = []
    for configuration in group.properties.get("privateDnsZoneConfigs") or []:
        zone = context.store.get(configuration["properties"]["privateDnsZoneId"])
        sets: list[Json] = []
        for fqdn, address in interfaces.names_of(nic) if nic else []:
            name = links.record_name(zone.name, fqdn) if zone else None
            if zone is None or name is None:
                continue
            private_dns.put_address(context, zone, name, address, TTL)
            written.append([zone.id, name])
            sets.append(_record_set(name, zone, address))
        configuration["properties"]["recordSets"] = sets
    group.hidden["records"] = written
    if endpoint and written:
        # With a zone group attached the endpoint's own list is empty: addresses are read from the interface.
        endpoint.properties["customDnsConfigs"] = []


def _record_set(name: str, zone: Resource, address: str) -> Json:
    return {
        "recordType": "A",
        "recordSetName": name,
        "fqdn": f"{name}.{zone.name}",
        "provisioningState": "Succeeded",
        "ttl": TTL,
        "ipAddresses": [address],
    }


def remove_records(context: Context, group: Resource) -> None:
    """Remove the records of a group, except where a lock on the zone keeps them."""
    for zone, name in group.hidden.get("records", []):
        record = f"{zone}/A/{name}"
        if context.store.get(record) and not context.access.lock_against("DELETE", record):
            context.store.remove(record)


def remove_records_of(context: Context, endpoint: Resource) -> None:
    """Remove the records of every group of an endpoint that goes."""
    for group in context.store.of_type(TYPE, endpoint.id):
        remove_records(context, group)


KINDS: tuple[Kind, ...] = (ZoneGroups(),)

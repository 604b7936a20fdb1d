"""Owns private DNS zones, their links to virtual networks and their A records.

Zones and links are long-running, records synchronous; all honour If-Match and If-None-Match (domain facts, section 5).
A link's virtualNetworkLinkState: (none) -PUT-> InProgress -30 s-> Completed. It never leads to another network, and a
network resolves a name in one zone only.
"""

import ipaddress
from collections.abc import Iterable
from typing import override

from simulator.call import Call
from simulator.context import Context
from simulator.errors import ArmError, bad_request
from simulator.kind import Kind, Timing
from simulator.operations import Operation
from simulator.paths import same
from simulator.providers.network.common import DNS_POLLING, NetworkKind
from simulator.store import Resource
from simulator.wire import Json

ZONES = "Microsoft.Network/privateDnsZones"
LINKS = f"{ZONES}/virtualNetworkLinks"
RECORDS = f"{ZONES}/A"
DEFAULT_TTL = 3600


class Zones(NetworkKind):
    """A zone; one that is linked cannot be deleted."""

    type = ZONES
    polling = DNS_POLLING
    load_rank = 2
    creating = "Creating"
    create_status = 202
    update_status = 202
    timing = Timing(create="zone.write", update="zone.write", delete="zone.delete")
    read_only = frozenset({"provisioningState", "internalId"})

    def complete(self, context: Context, resource: Resource) -> None:
        """Fill in limits."""
        resource.body["location"] = "global"
        properties = resource.properties
        properties.setdefault("internalId", context.chance.hex(32))
        properties |= {
            "maxNumberOfRecordSets": 25000,
            "maxNumberOfVirtualNetworkLinks": 1000,
            "maxNumberOfVirtualNetworkLinksWithRegistration": 100,
        }

    def shown(self, context: Context, resource: Resource, version: str = "") -> Json:
        """Return the zone with what is counted in it; the SOA record counts too."""
        body = super().shown(context, resource, version)
        joined = context.store.of_type(LINKS, resource.id)
        body["properties"] |= {
            "numberOfRecordSets": 1 + len(context.store.of_type(RECORDS, resource.id)),
            "numberOfVirtualNetworkLinks": len(joined),
            "numberOfVirtualNetworkLinksWithRegistration": sum(
                1 for link in joined if link.properties.get("registrationEnabled")
            ),
        }
        return body

    @override
    def refuse_removal(self, context: Context, resource: Resource) -> None:
        """Refuse while links exist."""
        if context.store.of_type(LINKS, resource.id):
            raise ArmError(
                409,
                "CannotDeleteResource",
                f"Can not delete resource '{resource.id}' before its nested virtual network links are deleted.",
            )


class Links(NetworkKind):
    """A zone's link to a virtual network."""

    type = LINKS
    child_of = ZONES
    polling = DNS_POLLING
    load_rank = 3
    creating = "Creating"
    create_status = 202
    update_status = 202
    timing = Timing(
        create="zone-link.write",
        update="zone-link.write",
        patch="zone-link.write",
        delete="zone-link.delete",
    )
    read_only = frozenset({"provisioningState", "virtualNetworkLinkState"})

    def linked(self, call: Call) -> Iterable[tuple[str, str]]:
        """Want the network's join."""
        network = _network(call.properties())
        if network:
            yield "Microsoft.Network/virtualNetworks/join/action", network

    @override
    def check(self, call: Call) -> None:
        """Want a network that exists, stays the same, and resolves the zone's name nowhere else."""
        network = _network(call.properties())
        if not call.context.store.get(network):
            raise bad_request("BadRequest", f"The virtual network {network} does not exist.")
        if call.resource and not same(_network(call.resource.properties), network):
            raise bad_request(
                "BadRequest", f"The virtual network of link {call.resource.id} cannot be changed."
            )
        others = [o for o in call.context.store.of_type(LINKS) if o.key != call.path.key]
        others = [o for o in others if same(_network(o.properties), network)]
        zone = call.path.parent.name.lower()
        double = [o for o in others if o.path.parent.name.lower() == zone]
        if double:
            raise bad_request(
                "BadRequest",
                "A virtual network cannot be linked to multiple zones with overlapping namespaces. "
                f"{network} is linked to '{double[0].path.parent.name}' already.",
            )
        registers = call.properties().get("registrationEnabled")
        if registers and any(o.properties.get("registrationEnabled") for o in others):
            raise bad_request("BadRequest", f"{network} registers its machines in a zone already.")

    @override
    def complete(self, context: Context, resource: Resource) -> None:
        """Fill in defaults."""
        del context
        resource.body["location"] = "global"
        resource.properties.setdefault("registrationEnabled", False)
        resource.properties.setdefault("virtualNetworkLinkState", "InProgress")

    @override
    def created(self, context: Context, operation: Operation, resource: Resource) -> None:
        """Let the network resolve the zone."""
        resource.properties["virtualNetworkLinkState"] = "Completed"

    @override
    def loaded(self, context: Context, resource: Resource) -> None:
        resource.properties["virtualNetworkLinkState"] = "Completed"


def _network(properties: Json) -> str:
    return str((properties.get("virtualNetwork") or {}).get("id") or "")


class Records(NetworkKind):
    """An A record set."""

    type = RECORDS
    child_of = ZONES
    load_rank = 4
    needs_location = False
    has_state = False
    timing = Timing()

    def check(self, call: Call) -> None:
        """Want IPv4 addresses and a time to live."""
        self._check_addresses(call.properties())
        if not isinstance(call.properties().get("ttl"), int):
            raise bad_request("BadRequest", "The record set needs a ttl in seconds.")

    def _check_addresses(self, properties: Json) -> None:
        for record in properties.get("aRecords") or []:
            address = str(record.get("ipv4Address"))
            try:
                ipaddress.IPv4Address(address)
            except ValueError as error:
                raise bad_request(
                    "BadRequest", f"The value '{address}' is not an IPv4 address."
                ) from error

    def merge(self, call: Call, resource: Resource) -> None:
        """Apply a PATCH."""
        self._check_addresses(call.properties())
        super().merge(call, resource)

    def complete(self, context: Context, resource: Resource) -> None:
        """Fill in the full name."""
        del context
        zone = resource.path.parent.name
        resource.properties.setdefault("ttl", DEFAULT_TTL)
        resource.properties.setdefault("aRecords", [])
        resource.properties["fqdn"] = f"{resource.name}.{zone}."
        resource.properties["isAutoRegistered"] = False


class AllRecords(Kind):
    """The list of every record set of a zone."""

    type = f"{ZONES}/ALL"
    child_of = ZONES

    def list(self, call: Call) -> list[Json]:
        """Return the A records: no other kind is simulated."""
        records = call.context.store.of_type(RECORDS, str(call.path.parent))
        return [Records().shown(call.context, r) for r in records]


def put_address(context: Context, zone: Resource, name: str, address: str, ttl: int) -> None:
    """Write a record as zone groups do: no event, a former record of the name is overwritten."""
    record_id = f"{zone.id}/A/{name}"
    properties: Json = {
        "ttl": ttl,
        "aRecords": [{"ipv4Address": address}],
        "metadata": {"creator": "created by private endpoint zone group"},
    }
    body: Json = {"id": record_id, "name": name, "type": RECORDS, "properties": properties}
    record = context.store.put(Resource(record_id, RECORDS, body, context.now()))
    Records().complete(context, record)
    Records().renew_etag(context, record)


def addresses(record: Resource) -> list[str]:
    """Return the addresses of a record set."""
    return [str(a["ipv4Address"]) for a in record.properties.get("aRecords") or []]


KINDS: tuple[Kind, ...] = (Zones(), Links(), Records(), AllRecords())

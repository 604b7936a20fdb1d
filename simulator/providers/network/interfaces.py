"""Owns the network interfaces that private endpoints are given, and the addresses they take from a subnet.

An address is free again when its interface goes, but the next endpoint gets another one (domain facts, section 4).
"""

import ipaddress
from itertools import islice

from simulator.context import Context
from simulator.errors import ArmError
from simulator.kind import Kind
from simulator.providers.links import Member
from simulator.providers.network.common import NetworkKind
from simulator.store import Resource
from simulator.wire import Json

TYPE = "Microsoft.Network/networkInterfaces"
RESERVED = 4
POOL = 4096


class Interfaces(NetworkKind):
    """Read-only to callers here: endpoints make and remove them."""

    type = TYPE
    load_rank = 1


def make(
    context: Context, endpoint: Resource, subnet: Resource, group: str, members: list[Member]
) -> Resource:
    """Give an endpoint its interface, one address a member; raises ArmError when the subnet is full."""
    scope = endpoint.id.split("/providers/")[0]
    name = str(endpoint.properties.get("customNetworkInterfaceName") or "")
    name = name or f"{endpoint.name}.nic.{context.chance.guid()}"
    nic_id = f"{scope}/providers/{TYPE}/{name}"
    fixed = _fixed(endpoint)
    addresses = _allocate(context, subnet, [fixed.get(m.name) for m in members])
    body: Json = {
        "id": nic_id,
        "name": name,
        "type": TYPE,
        "location": endpoint.body.get("location"),
        "properties": {
            "provisioningState": "Succeeded",
            "resourceGuid": context.chance.guid(),
            "ipConfigurations": [
                _configuration(nic_id, subnet, group, member, address, first=index == 0)
                for index, (member, address) in enumerate(zip(members, addresses, strict=True))
            ],
            "dnsSettings": {"dnsServers": [], "appliedDnsServers": []},
            "enableAcceleratedNetworking": False,
            "enableIPForwarding": False,
            "privateEndpoint": {"id": endpoint.id},
            "nicType": "Standard",
        },
    }
    nic = context.store.put(Resource(nic_id, TYPE, body, context.now(), {"subnet": subnet.key}))
    Interfaces().renew_etag(context, nic)
    return nic


def addresses_of(nic: Resource) -> list[str]:
    """Return an interface's addresses in order."""
    configurations: list[Json] = nic.properties["ipConfigurations"]
    return [str(c["properties"]["privateIPAddress"]) for c in configurations]


def names_of(nic: Resource) -> list[tuple[str, str]]:
    """Return the (name, address) pairs that DNS should know."""
    configurations: list[Json] = nic.properties["ipConfigurations"]
    return [
        (str(fqdn), str(c["properties"]["privateIPAddress"]))
        for c in configurations
        for fqdn in c["properties"]["privateLinkConnectionProperties"]["fqdns"]
        if fqdn
    ]


def _fixed(endpoint: Resource) -> dict[str, str]:
    configurations: list[Json] = endpoint.properties.get("ipConfigurations") or []
    return {
        str(c["properties"].get("memberName")): str(c["properties"].get("privateIPAddress"))
        for c in configurations
    }


def _allocate(context: Context, subnet: Resource, wanted: list[str | None]) -> list[str]:
    network = ipaddress.ip_network(str(subnet.properties["addressPrefix"]))
    taken = {
        address
        for nic in context.store.of_type(TYPE)
        if nic.hidden.get("subnet") == subnet.key
        for address in addresses_of(nic)
    }
    hosts = [str(h) for h in islice(network.hosts(), RESERVED - 1, POOL)]
    start = int(subnet.hidden.get("next", 0))
    turn = hosts[start % len(hosts) :] + hosts[: start % len(hosts)] if hosts else []
    free = iter(h for h in turn if h not in taken and h not in wanted)
    given = [address or next(free, None) for address in wanted]
    last = given[-1] if given else None
    if None in given or last is None:
        raise ArmError(400, "SubnetIsFull", f"Subnet {subnet.id} has not enough free addresses.")
    subnet.hidden["next"] = hosts.index(last) + 1 if last in hosts else start
    return [str(address) for address in given]


def _configuration(
    nic_id: str, subnet: Resource, group: str, member: Member, address: str, *, first: bool
) -> Json:
    name = f"privateEndpointIpConfig.{member.name}"
    return {
        "name": name,
        "id": f"{nic_id}/ipConfigurations/{name}",
        "type": "Microsoft.Network/networkInterfaces/ipConfigurations",
        "properties": {
            "provisioningState": "Succeeded",
            "privateIPAddress": address,
            "privateIPAllocationMethod": "Dynamic",
            "subnet": {"id": subnet.id},
            "primary": first,
            "privateIPAddressVersion": "IPv4",
            "privateLinkConnectionProperties": {
                "groupId": group,
                "requiredMemberName": member.name,
                "fqdns": list(member.fqdns),
            },
        },
    }


KINDS: tuple[Kind, ...] = (Interfaces(),)

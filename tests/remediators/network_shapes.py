"""Bodies of networks, zones and security groups as Azure shows them, in order."""

from __future__ import annotations

from typing import Any

from shared.model.resource_id import ResourceId


def peering_body(remote: ResourceId) -> dict[str, Any]:
    flags = {"allowVirtualNetworkAccess": True, "allowForwardedTraffic": True}
    return {"properties": {"remoteVirtualNetwork": {"id": remote.text}, **flags}}


def live_peering(own: ResourceId, remote: ResourceId, guid: str) -> dict[str, Any]:
    state = {"peeringState": "Connected", "peeringSyncLevel": "FullyInSync"}
    seen = {"provisioningState": "Succeeded", "resourceGuid": guid, "useRemoteGateways": False}
    properties = {**peering_body(remote)["properties"], **state, **seen}
    return {"id": own.text, "name": own.name, "etag": 'W/"1"', "properties": properties}


def live_network(own: ResourceId, *peerings: dict[str, Any]) -> dict[str, Any]:
    services = [{"service": "Microsoft.Storage", "provisioningState": "Succeeded"}]
    inside = {"provisioningState": "Succeeded", "serviceEndpoints": services}
    subnet = {"id": f"{own}/subnets/endpoints", "name": "endpoints", "properties": inside}
    listed = {"subnets": [subnet], "virtualNetworkPeerings": list(peerings)}
    properties = {"provisioningState": "Succeeded", **listed}
    return {"id": own.text, "location": "westeurope", "properties": properties}


def scoring_rule() -> dict[str, Any]:
    return {
        "properties": {
            "priority": 210,
            "access": "Allow",
            "direction": "Inbound",
            "protocol": "Tcp",
            "sourceAddressPrefix": "10.0.0.0/16",
            "sourcePortRange": "*",
            "destinationAddressPrefix": "10.0.0.50",
            "destinationPortRange": "443",
        }
    }


def live_group(own: ResourceId, scoring: ResourceId) -> dict[str, Any]:
    rule = {"id": scoring.text, "name": scoring.name, **scoring_rule()}
    inside = {
        "priority": 65001,
        "access": "Allow",
        "direction": "Outbound",
        "protocol": "*",
        "sourceAddressPrefix": "*",
        "destinationAddressPrefix": "Internet",
        "destinationPortRange": "*",
    }
    default = {"name": "AllowInternetOutBound", "properties": inside}
    properties = {"securityRules": [rule], "defaultSecurityRules": [default]}
    return {"id": own.text, "location": "westeurope", "properties": properties}


def live_link(own: ResourceId, network: ResourceId) -> dict[str, Any]:
    state = {"provisioningState": "Succeeded", "virtualNetworkLinkState": "Completed"}
    properties = {"virtualNetwork": {"id": network.text}, "registrationEnabled": False, **state}
    return {"id": own.text, "name": own.name, "location": "global", "properties": properties}


def zone_group(zone: ResourceId, name: str, address: str) -> dict[str, Any]:
    """A zone group with the record that it wrote."""
    wrote = {"recordType": "A", "recordSetName": name, "ttl": 10, "ipAddresses": [address]}
    inner = {"privateDnsZoneId": zone.text, "recordSets": [wrote]}
    configs = [{"name": "blob", "properties": inner}]
    return {"properties": {"provisioningState": "Succeeded", "privateDnsZoneConfigs": configs}}


def record(ttl: int, metadata: dict[str, str], address: str) -> dict[str, Any]:
    held = [{"ipv4Address": address}]
    return {"properties": {"ttl": ttl, "metadata": metadata, "aRecords": held}}

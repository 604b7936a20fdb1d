"""Owns what breaks the network of an environment: peerings, zones, security rules, subnets, endpoints."""

from __future__ import annotations

from typing import Any

from tests.e2e.catalogue import CatalogueDrift, security_group
from tests.e2e.stage import Stage

BLOBS = "blob.core.windows.net"

type Json = dict[str, Any]


def peering(stage: Stage, here: str, there: str) -> str:
    """One side of the peering of hub and spoke."""
    return f"{stage.ids.network(here)}/virtualNetworkPeerings/to-{there}"


def delete_side(stage: Stage) -> None:
    """One side is deleted; Azure leaves the other one Disconnected."""
    stage.human("DELETE", peering(stage, "hub", "spoke"))
    stage.advance(60)


def remake_side_alone(stage: Stage) -> None:
    """One side is deleted and made again: it waits for the other, which stays Disconnected."""
    body = stage.human("GET", peering(stage, "hub", "spoke"))
    delete_side(stage)
    kept = ("remoteVirtualNetwork", "allowForwardedTraffic")
    wanted = {"properties": {name: body["properties"][name] for name in kept}}
    stage.human("PUT", peering(stage, "hub", "spoke"), wanted)
    stage.advance(60)


def misdirect_side(stage: Stage) -> None:
    """A peering of the declared name is made to another network."""
    delete_side(stage)
    other = f"{stage.ids.network('hub')}-3"
    space = {"addressSpace": {"addressPrefixes": ["10.98.0.0/16"]}}
    stage.human("PUT", other, {"location": "westeurope", "properties": space})
    stage.advance(60)
    remote = {"remoteVirtualNetwork": {"id": other}}
    stage.human("PUT", peering(stage, "hub", "spoke"), {"properties": remote})
    stage.advance(60)


def delete_both_sides(stage: Stage) -> None:
    delete_side(stage)
    stage.human("DELETE", peering(stage, "spoke", "hub"))
    stage.advance(60)


def stop_forwarding(stage: Stage) -> None:
    body = stage.human("GET", peering(stage, "spoke", "hub"))
    body["properties"]["allowForwardedTraffic"] = False
    stage.human("PUT", peering(stage, "spoke", "hub"), body)
    stage.advance(60)


def zone(stage: Stage, name: str) -> str:
    """The zone of a service's names."""
    return stage.ids.zone(f"privatelink.{name}")


def _link(stage: Stage) -> str:
    return f"{zone(stage, BLOBS)}/virtualNetworkLinks/to-hub"


def _blob_record(stage: Stage) -> str:
    (record,) = stage.cloud.store.of_type("Microsoft.Network/privateDnsZones/A", zone(stage, BLOBS))
    return record.id


def delete_link(stage: Stage) -> None:
    stage.human("DELETE", _link(stage))
    stage.advance(120)


def register_machines(stage: Stage) -> None:
    body = stage.human("GET", _link(stage))
    body["properties"]["registrationEnabled"] = True
    stage.human("PUT", _link(stage), body)
    stage.advance(120)


def misdirect_link(stage: Stage) -> None:
    """The link of this name is made again to another network (the zone has one to the spoke already)."""
    delete_link(stage)
    other = f"{stage.ids.network('hub')}-2"
    space = {"addressSpace": {"addressPrefixes": ["10.99.0.0/16"]}}
    stage.human("PUT", other, {"location": "westeurope", "properties": space})
    stage.advance(60)
    joined = {"virtualNetwork": {"id": other}, "registrationEnabled": False}
    stage.human("PUT", _link(stage), {"location": "global", "properties": joined})
    stage.advance(120)


def delete_zone(stage: Stage) -> None:
    """A zone goes with its links; the endpoint's zone group keeps pointing at it."""
    for network in ("hub", "spoke"):
        stage.human("DELETE", f"{zone(stage, BLOBS)}/virtualNetworkLinks/to-{network}")
    stage.advance(120)
    stage.human("DELETE", zone(stage, BLOBS))
    stage.advance(120)


def delete_zone_record(stage: Stage) -> None:
    stage.human("DELETE", _blob_record(stage))


def misdirect_zone_record(stage: Stage) -> None:
    body = stage.human("GET", _blob_record(stage))
    body["properties"]["aRecords"] = [{"ipv4Address": "10.0.1.99"}]
    stage.human("PUT", _blob_record(stage), body)


def _rule(stage: Stage, name: str) -> str:
    return f"{security_group(stage.ids)}/securityRules/{name}"


def delete_rule(stage: Stage) -> None:
    stage.human("DELETE", _rule(stage, "allow-scoring"))
    stage.advance(60)


def narrow_rule(stage: Stage) -> None:
    body = stage.human("GET", _rule(stage, "allow-azureml"))
    body["properties"]["destinationPortRanges"] = ["443"]
    stage.human("PUT", _rule(stage, "allow-azureml"), body)
    stage.advance(60)


def deny_internet(stage: Stage) -> None:
    """Whoever closes the way out closes it to Azure's services as well."""
    deny = {
        "priority": 4000,
        "direction": "Outbound",
        "access": "Deny",
        "protocol": "*",
        "sourceAddressPrefix": "*",
        "sourcePortRange": "*",
        "destinationAddressPrefix": "Internet",
        "destinationPortRange": "*",
    }
    stage.human("PUT", _rule(stage, "deny-internet"), {"properties": deny})
    stage.advance(60)


def _subnet(stage: Stage, name: str, **changes: Any) -> None:  # noqa: ANN401 - JSON
    """A subnet is written whole, as the portal does it."""
    subnet = stage.ids.subnet("spoke", name)
    body = stage.human("GET", subnet)
    body["properties"] |= changes
    stage.human("PUT", subnet, body)
    stage.advance(60)


def drop_service_endpoint(stage: Stage) -> None:
    _subnet(stage, "nodes", serviceEndpoints=[])


def delegate(stage: Stage) -> None:
    service = {"serviceName": "Microsoft.Web/serverFarms"}
    _subnet(stage, "endpoints", delegations=[{"name": "web", "properties": service}])


def delegate_to_containers(stage: Stage) -> None:
    """Where the workspace's endpoint is, but not its group; and the registry's endpoint is there."""
    service = {"serviceName": "Microsoft.ContainerInstance/containerGroups"}
    _subnet(stage, "endpoints", delegations=[{"name": "aci", "properties": service}])


def apply_policies(stage: Stage) -> None:
    _subnet(stage, "endpoints", privateEndpointNetworkPolicies="Enabled")


def take_group_away(stage: Stage) -> None:
    _subnet(stage, "endpoints", networkSecurityGroup=None)


def shut_subnet_out(stage: Stage) -> None:
    """Somebody tidies the account's network rules up."""
    storage = stage.ids.storage
    acls = stage.human("GET", storage)["properties"]["networkAcls"]
    rules = {**acls, "virtualNetworkRules": []}
    stage.human("PATCH", storage, {"properties": {"networkAcls": rules}})
    stage.advance(60)


def _subnets(*rows: tuple[str, str, bool, Any]) -> tuple[CatalogueDrift, ...]:
    return tuple(
        CatalogueDrift(name, "subnet", reason, repaired=repaired, apply=apply)
        for name, reason, repaired, apply in rows
    )


def _rules(*rows: tuple[str, str, bool, Any]) -> tuple[CatalogueDrift, ...]:
    return tuple(
        CatalogueDrift(name, "network_security", reason, repaired=repaired, apply=apply)
        for name, reason, repaired, apply in rows
    )


def _dns(*rows: tuple[str, str, bool, Any]) -> tuple[CatalogueDrift, ...]:
    return tuple(
        CatalogueDrift(name, "private_dns", reason, repaired=repaired, apply=apply)
        for name, reason, repaired, apply in rows
    )


def _peerings(*rows: tuple[str, str, Any]) -> tuple[CatalogueDrift, ...]:
    return tuple(
        CatalogueDrift(name, "network_peering", reason, repaired=True, apply=apply)
        for name, reason, apply in rows
    )


NETWORK: tuple[CatalogueDrift, ...] = (
    *_peerings(
        ("peering-side-deleted", "PeeringDisconnected", delete_side),
        ("peering-side-remade", "PeeringHalf", remake_side_alone),
        ("peering-deleted", "PeeringMissing", delete_both_sides),
        ("peering-flag-changed", "PeeringFlagsChanged", stop_forwarding),
    ),
    CatalogueDrift(
        "peering-elsewhere",
        "network_peering",
        "PeeringElsewhere",
        repaired=False,
        apply=misdirect_side,
    ),
    *_dns(
        ("zone-link-deleted", "LinkMissing", True, delete_link),
        ("zone-link-registers", "RegistrationChanged", True, register_machines),
        ("zone-link-elsewhere", "LinkElsewhere", False, misdirect_link),
        ("zone-deleted", "ZoneDeleted", False, delete_zone),
        ("zone-record-deleted", "GroupRecordMissing", True, delete_zone_record),
        ("zone-record-misdirected", "GroupRecordChanged", True, misdirect_zone_record),
    ),
    *_rules(
        ("rule-deleted", "RuleMissing", True, delete_rule),
        ("rule-narrowed", "RuleChanged", True, narrow_rule),
        ("outbound-denied", "OutboundDenied", False, deny_internet),
    ),
    *_subnets(
        ("service-endpoint-dropped", "ServiceEndpointMissing", True, drop_service_endpoint),
        ("subnet-delegated", "DelegationChanged", False, delegate),
        ("subnet-for-containers", "ContainersWithRegistry", False, delegate_to_containers),
        ("containers-apart", "ContainersApart", False, delegate_to_containers),
        ("endpoint-policies-applied", "EndpointPoliciesChanged", False, apply_policies),
        ("subnet-without-group", "SubnetGroupChanged", False, take_group_away),
    ),
    CatalogueDrift(
        "subnet-shut-out",
        "network_access",
        "SubnetNotAllowed",
        repaired=True,
        apply=shut_subnet_out,
    ),
)

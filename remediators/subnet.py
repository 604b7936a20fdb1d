"""Owns what is declared of subnets: service endpoints put back, everything else told of.

A subnet is written whole, so only what is added is ever written: delegations, policies and the security
group of a subnet decide over what is in it, and are a person's to change. Nor is a subnet made.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Final

from shared.model.actual import Absent, Actual, Found, Read, Unreadable
from shared.model.arm import provisioning_state
from shared.model.edits import changes_of
from shared.model.environment import Environment, Subnet, VirtualNetwork
from shared.model.finding import Disposition, Evidence, Finding
from shared.model.json import JsonObject, dig
from shared.model.plan import Unit
from shared.model.resource_id import ResourceId
from shared.model.states import Phase, phase
from shared.model.step import Edit, EditKind, PatchResource
from shared.remediation import sources
from shared.remediation.commands import az_child
from shared.remediation.differences import (
    Difference,
    finding,
    get,
    held,
    state_obstacle,
    unanswered,
    unread,
    unsettled,
)
from shared.remediation.subnets import of_containers, of_settings, subnet_gone, subnet_id
from shared.remediator import Reason, Remediator, Response

_NAME: Final = "subnet"
_ENDPOINTS: Final = "properties.serviceEndpoints"
_OF_ALL_REGIONS: Final = {"microsoft.storage": "microsoft.storage.global"}
"""Service endpoints that another serves too. A subnet takes one of the two
(learn.microsoft.com/azure/virtual-network/virtual-network-service-endpoints-overview)."""


def _networks(environment: Environment) -> tuple[VirtualNetwork, ...]:
    found = (network for network in environment.virtual_networks if network.subnets)
    return tuple(sorted(found, key=lambda network: network.id))


def reads(environment: Environment, actual: Actual) -> Iterator[Read]:
    """Each network once: it shows its subnets."""
    yield from unanswered(actual, (get(network.id) for network in _networks(environment)))


def detect(environment: Environment, actual: Actual) -> Sequence[Finding]:
    """Every declared setting of every declared subnet that is not as declared."""
    found: list[Finding] = []
    for network in _networks(environment):
        match actual.answer(network.id):
            case Found():
                for subnet in network.subnets:
                    own = subnet_id(network, subnet)
                    items = _differences(environment, network, subnet, actual)
                    found += [finding(_NAME, own, item, owned=network.owned) for item in items]
            case Absent() if not network.peerings:  # otherwise ``network_peering`` says so
                seen = Evidence("virtual network", "none (404)", "the declared network")
                lost = Difference("NetworkGone", (seen,), "", Disposition.REPORT, "ResourceGone")
                found.append(finding(_NAME, network.id, lost, owned=network.owned))
            case Unreadable() as answer:
                unseen = Difference("SubnetUnreadable", ())
                item = held(unseen, unread("virtual network", answer))
                found.append(finding(_NAME, network.id, item, owned=network.owned))
            case _:
                continue
    return found


def _live(network: VirtualNetwork, subnet: Subnet, actual: Actual) -> JsonObject | None:
    listed = dig(actual.body(network.id), "properties.subnets") or ()
    name = subnet.name.lower()
    return next((each for each in listed if str(dig(each, "name")).lower() == name), None)


def _differences(
    environment: Environment, network: VirtualNetwork, subnet: Subnet, actual: Actual
) -> Iterator[Difference]:
    live = _live(network, subnet, actual)
    if live is None:
        yield subnet_gone(network, subnet)
        return
    lost = _lost(subnet, live)
    if lost:
        seen = Evidence(
            "serviceEndpoints", ", ".join(_switched_on(live)) or "none", ", ".join(lost)
        )
        repair = "Relink switches them on and keeps everything else of the subnet."
        waiting = state_obstacle(provisioning_state(live))
        yield held(Difference("ServiceEndpointMissing", (seen,), repair), waiting)
    yield from _of_narrower(subnet_id(network, subnet), subnet, live)
    yield from _of_state(subnet_id(network, subnet), provisioning_state(live))
    yield from of_settings(network, subnet, live)
    yield from of_containers(environment, network, subnet, live)


def _of_state(own: ResourceId, state: str) -> Iterator[Difference]:
    """A failed subnet is told: writing it again as it is would be a guess at what failed."""
    if phase(state) is Phase.BAD:
        seen = Evidence("provisioningState", state, "succeeded")
        command = az_child("network vnet subnet update", "--vnet-name", own)
        yield Difference("SubnetFailed", (seen,), "", Disposition.REPORT, "ByHand", command)
    yield from unsettled("SubnetUnsettled", state)


def _switched_on(live: JsonObject) -> list[str]:
    return [str(dig(each, "service")) for each in dig(live, _ENDPOINTS) or ()]


def _lost(subnet: Subnet, live: JsonObject) -> list[str]:
    """Declared services that nothing on the subnet serves, and that can be added to it."""
    on = {name.lower() for name in _switched_on(live)}
    return [
        name
        for name in subnet.service_endpoints
        if not {name.lower(), _OF_ALL_REGIONS.get(name.lower())} & on
        and not _narrower_of(name) & on
    ]


def _narrower_of(name: str) -> set[str]:
    return {narrow for narrow, wide in _OF_ALL_REGIONS.items() if wide == name.lower()}


def _of_narrower(own: ResourceId, subnet: Subnet, live: JsonObject) -> Iterator[Difference]:
    """A service endpoint of one region where that of all is declared; the two refuse each other."""
    on = _switched_on(live)
    wide = {
        narrow: name
        for name in subnet.service_endpoints
        for narrow in _narrower_of(name)
        if name.lower() not in {each.lower() for each in on}
    }
    found = [name for name in on if name.lower() in wide]
    if found:
        wanted = [wide.get(name.lower(), name) for name in on]
        seen = Evidence("serviceEndpoints", ", ".join(found), ", ".join(wide.values()))
        words = ("--service-endpoints", *wanted)
        command = az_child("network vnet subnet update", "--vnet-name", own, *words)
        yield Difference(
            "ServiceEndpointNarrow", (seen,), "", Disposition.REPORT, "ByHand", command
        )


def plan(environment: Environment, actual: Actual, findings: Sequence[Finding]) -> Sequence[Unit]:
    """One unit per subnet: it is read, its service endpoints are added, it is written whole."""
    mine = {f.resource: f for f in findings if f.disposition is Disposition.REPAIR}
    units = []
    for network in _networks(environment):
        for subnet in sorted(network.subnets, key=lambda each: subnet_id(network, each)):
            own, live = subnet_id(network, subnet), _live(network, subnet, actual)
            if own in mine and network.owned and live is not None:
                units.append(_unit(own, subnet, live, mine[own]))
    return units


def _unit(own: ResourceId, subnet: Subnet, live: JsonObject, mine: Finding) -> Unit:
    edits = tuple(
        Edit(_ENDPOINTS, EditKind.ADD_ITEM, {"service": name}) for name in _lost(subnet, live)
    )
    network = own.parent or own
    return Unit(
        id=f"{_NAME}:endpoints:{own.key}",
        remediator=_NAME,
        title=f"Switch on service endpoints of subnet {subnet.name}",
        resource=own,
        findings=(mine.key,),
        steps=(PatchResource(own, edits, changes_of(live, edits)),),
        exclusive=(f"network:{network.key}", f"subnet:{own.key}"),
    )


_JOINS: Final = (
    "Microsoft.Network/networkSecurityGroups/join/action",
    "Microsoft.Network/routeTables/join/action",
    "Microsoft.Network/natGateways/join/action",
    "Microsoft.Network/serviceEndpointPolicies/join/action",
)
"""What a subnet that is sent back refers to (Microsoft.Network, subnets: linked permissions)."""

REMEDIATOR: Final = Remediator(
    name=_NAME,
    watches=(
        "Microsoft.Network/virtualNetworks/write",
        "Microsoft.Network/virtualNetworks/delete",
        "Microsoft.Network/virtualNetworks/subnets/write",
        "Microsoft.Network/virtualNetworks/subnets/delete",
    ),
    permissions=("Microsoft.Network/virtualNetworks/subnets/write", *_JOINS),
    read_permissions=(
        "Microsoft.Network/virtualNetworks/read",
        "Microsoft.Network/virtualNetworks/subnets/read",
        "Microsoft.Authorization/locks/read",
    ),
    reads=reads,
    detect=detect,
    plan=plan,
    reasons={
        "ServiceEndpointMissing": Reason(
            "A service that network rules let in from this subnet has no service endpoint here.",
            f"{sources.WORKSPACE_VNET}: service endpoints",
            disruption="open connections from the subnet to the service, for a moment",
        ),
        "ServiceEndpointNarrow": Reason(
            "A service endpoint reaches the service in one region, where that of all is declared. Azure "
            "refuses both on one subnet, so a person exchanges them.",
            f"{sources.WORKSPACE_VNET}: service endpoints",
            Response.REPORTED,
        ),
        "DelegationChanged": Reason(
            "The subnet is delegated to other services than declared.",
            f"{sources.VNET_INFERENCE}: subnet delegation",
            Response.REPORTED,
        ),
        "EndpointPoliciesChanged": Reason(
            "Security groups and routes apply to private endpoints otherwise than declared.",
            f"{sources.WORKSPACE_LINK}: network policies of the subnet",
            Response.REPORTED,
        ),
        "SubnetGroupChanged": Reason(
            "The subnet has another network security group than declared, or none.",
            f"{sources.FIREWALL}: network security groups",
            Response.REPORTED,
        ),
        "ContainersApart": Reason(
            "Container instances cannot reach the workspace from here: the network has to be in its "
            "resource group and to hold its private endpoint.",
            f"{sources.VNET_INFERENCE}: Azure Container Instances",
            Response.REPORTED,
        ),
        "ContainersWithRegistry": Reason(
            "Container instances do not work in the network that holds the registry's endpoint.",
            f"{sources.VNET_INFERENCE}: Azure Container Instances",
            Response.REPORTED,
        ),
        "SubnetFailed": Reason(
            "Its last operation failed, so Azure does not vouch for it.",
            f"{sources.SECURE_INFERENCE}: the cluster's network and its peers",
            Response.REPORTED,
        ),
        "SubnetUnsettled": Reason(
            "Azure is at work on it, or shows a state that Relink does not know.",
            sources.RELINK,
            Response.STATE,
        ),
        "SubnetGone": Reason(
            "The declared subnet does not exist.",
            f"{sources.SECURE_INFERENCE}: the cluster's network and its peers",
            Response.REPORTED,
        ),
        "NetworkGone": Reason(
            "The declared virtual network does not exist.",
            f"{sources.SECURE_INFERENCE}: the cluster's network and its peers",
            Response.REPORTED,
        ),
        "SubnetUnreadable": Reason(
            "Its network could not be read, so nothing is known of it.",
            sources.RELINK,
            Response.STATE,
        ),
    },
)

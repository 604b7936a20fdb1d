"""Owns the rules of declared network security groups, and outbound rules that shut out what Azure ML needs.

Declared rules are put back one by one; others are never written. A rule that denies a required
destination is reported with the rules that would let it through: whether that may be is a person's to say.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from types import MappingProxyType
from typing import Final

from shared.model.actual import Absent, Actual, Found, Read, Unreadable
from shared.model.arm import provisioning_state
from shared.model.environment import Environment, NetworkSecurityGroup, SecurityRule
from shared.model.finding import Disposition, Evidence, Finding
from shared.model.json import JsonObject, dig
from shared.model.plan import Unit
from shared.model.resource_id import ResourceId
from shared.model.states import Phase, phase
from shared.model.step import Change, PutResource
from shared.remediation import sources
from shared.remediation.commands import az_child
from shared.remediation.differences import (
    Difference,
    Obstacle,
    finding,
    get,
    held,
    state_obstacle,
    unanswered,
    unread,
    unsettled,
)
from shared.remediation.security_rules import Flow, RuleView, changed, denier, rule_body
from shared.remediator import Reason, Remediator, Response

_NAME: Final = "network_security"
_FIRST, _LAST = 100, 4096

_OUTBOUND: Final = (
    Flow("AzureActiveDirectory", 80),
    Flow("AzureActiveDirectory", 443),
    Flow("AzureMachineLearning", 443),
    Flow("AzureMachineLearning", 8787),
    Flow("AzureMachineLearning", 18881),
    Flow("AzureMachineLearning", 5831, "udp"),
    Flow("BatchNodeManagement.{region}", 443),
    Flow("AzureResourceManager", 443),
    Flow("Storage.{region}", 443),
    Flow("AzureFrontDoor.FrontEnd", 443),
    Flow("AzureFrontDoor.FirstParty", 443),
    Flow("MicrosoftContainerRegistry", 443),
    Flow("AzureContainerRegistry.{region}", 443),
    Flow("AzureMonitor", 443),
    Flow("VirtualNetwork", 443),
)
"""What has to be reached (domain.md 3.2, 2026-03); ``{region}`` is the group's."""
_INBOUND: Final = Flow("AzureMachineLearning", 44224)
"""What reaches computes that have a public address."""
_HBI: Final = Flow("Keyvault.{region}", 443)
"""Besides, for a workspace with high business impact (domain.md 3.2)."""


def _groups(environment: Environment) -> tuple[NetworkSecurityGroup, ...]:
    return tuple(sorted(environment.network_security_groups, key=lambda group: group.id))


def _rule_id(group: NetworkSecurityGroup, name: str) -> ResourceId:
    return group.id.child("securityRules", name)


def _listed(group: NetworkSecurityGroup, actual: Actual) -> tuple[JsonObject, ...]:
    return tuple(dig(actual.body(group.id), "properties.securityRules") or ())


def _live(group: NetworkSecurityGroup, rule: SecurityRule, actual: Actual) -> JsonObject | None:
    name = rule.name.lower()
    found = (each for each in _listed(group, actual) if str(dig(each, "name")).lower() == name)
    return next(found, None)


def reads(environment: Environment, actual: Actual) -> Iterator[Read]:
    """Each group once: it shows its rules. The workspaces where something is denied at all."""
    groups = _groups(environment)
    wanted = [get(group.id) for group in groups]
    views = (RuleView.of(body) for group in groups for body in _listed(group, actual))
    if any(view.outbound and not view.allows for view in views):
        wanted += [get(workspace.id) for workspace in environment.workspaces]
    yield from unanswered(actual, wanted)


def detect(environment: Environment, actual: Actual) -> Sequence[Finding]:
    """Declared rules that are missing or changed, and rules that deny what is needed."""
    found: list[Finding] = []
    for group in _groups(environment):
        match actual.answer(group.id):
            case Found(body=body):
                for rule in group.rules:
                    items = _of_rule(group, rule, actual)
                    own = _rule_id(group, rule.name)
                    found += [finding(_NAME, own, item, owned=group.owned) for item in items]
                found += _of_denials(environment, group, body, actual)
                found += _of_computes(environment, group, body)
            case Absent():
                seen = Evidence("network security group", "none (404)", "the declared group")
                lost = Difference(
                    "SecurityGroupGone", (seen,), "", Disposition.REPORT, "ResourceGone"
                )
                found.append(finding(_NAME, group.id, lost, owned=group.owned))
            case Unreadable() as answer:
                unseen = held(Difference("SecurityGroupUnreadable", ()), unread("group", answer))
                found.append(finding(_NAME, group.id, unseen, owned=group.owned))
            case None:
                continue
    return found


def _of_rule(
    group: NetworkSecurityGroup, rule: SecurityRule, actual: Actual
) -> Iterator[Difference]:
    live = _live(group, rule, actual)
    obstacle = _place_taken(group, rule, actual)
    if live is None:
        seen = Evidence("rule", "none", "one as declared")
        missing = Difference("RuleMissing", (seen,), "Relink creates it as declared.")
        yield held(missing, obstacle)
        return
    differing = tuple(
        Evidence(name, here, there) for name, (here, there) in changed(rule.body, live).items()
    )
    state = provisioning_state(live)
    waiting = state_obstacle(state) or obstacle
    if differing:
        yield held(Difference("RuleChanged", differing, "Relink writes it as declared."), waiting)
    if phase(state) is Phase.BAD:
        seen = Evidence("provisioningState", state, "succeeded")
        yield held(Difference("RuleFailed", (seen,), "Relink writes it as declared."), obstacle)
    yield from unsettled("RuleUnsettled", state)


def _place(body: JsonObject) -> tuple[str, str]:
    direction = str(dig(body, "properties.direction") or "").lower()
    return direction, str(dig(body, "properties.priority"))


def _occupant(group: NetworkSecurityGroup, rule: SecurityRule, actual: Actual) -> JsonObject | None:
    """The live rule of another name at the declared priority: Azure takes no two there."""
    mine = rule.name.lower()
    for each in _listed(group, actual):
        if _place(each) == _place(rule.body) and str(dig(each, "name")).lower() != mine:
            return each
    return None


def _place_taken(
    group: NetworkSecurityGroup, rule: SecurityRule, actual: Actual
) -> Obstacle | None:
    """Held back where the priority is another's who does not leave it before."""
    waiting, seen = rule, {rule.name.lower()}
    while (occupant := _occupant(group, waiting, actual)) is not None:
        name = str(dig(occupant, "name") or "")
        leaves = _declared(group, name)
        if leaves is None or _place(leaves.body) == _place(occupant) or name.lower() in seen:
            priority = str(dig(rule.body, "properties.priority"))
            taken = Evidence(f"priority {priority}", f"taken by rule '{name}'", "free")
            return Obstacle(Disposition.BLOCK, "PriorityTaken", (taken,))
        seen.add(name.lower())
        waiting = leaves
    return None


def _declared(group: NetworkSecurityGroup, name: str) -> SecurityRule | None:
    return next((rule for rule in group.rules if rule.name.lower() == name.lower()), None)


def _required(environment: Environment, group_body: JsonObject, actual: Actual) -> Iterator[Flow]:
    region = str(dig(group_body, "location") or "").replace(" ", "").lower()
    bodies = (actual.body(workspace.id) for workspace in environment.workspaces)
    sensitive = any(dig(body, "properties.hbiWorkspace") is True for body in bodies)
    for flow in (*_OUTBOUND, *((_HBI,) if sensitive else ())):
        yield Flow(flow.tag.format(region=region), flow.port, flow.protocol)


def _of_denials(
    environment: Environment, group: NetworkSecurityGroup, body: JsonObject, actual: Actual
) -> Iterator[Finding]:
    """One finding per rule that denies, with everything that it shuts out."""
    defaults = dig(body, "properties.defaultSecurityRules") or ()
    rules = [RuleView.of(each) for each in (*_listed(group, actual), *defaults)]
    denied: dict[str, tuple[RuleView, list[Flow]]] = {}
    for flow in _required(environment, body, actual):
        rule = denier(rules, flow)
        if rule is not None:
            denied.setdefault(rule.name, (rule, []))[1].append(flow)
    for rule, flows in denied.values():
        shown = ", ".join(f"{flow.tag} {flow.protocol} {flow.port}" for flow in flows)
        seen = Evidence(f"outbound rule '{rule.name}' ({rule.priority})", "Deny", f"open: {shown}")
        command = _opening(group, rule, rules, flows)
        item = Difference("OutboundDenied", (seen,), "", Disposition.REPORT, "ByHand", command)
        yield finding(_NAME, _rule_id(group, rule.name), item, owned=group.owned)


def _opening(
    group: NetworkSecurityGroup, denying: RuleView, rules: Sequence[RuleView], flows: Sequence[Flow]
) -> str:
    """Rules that allow before ``denying`` denies: one for each tag and protocol, as Azure has it."""
    used = {rule.priority for rule in rules if rule.outbound}
    free = [p for p in range(min(denying.priority, _LAST) - 1, _FIRST - 1, -1) if p not in used]
    wanted: dict[tuple[str, str], list[str]] = {}
    for flow in flows:
        wanted.setdefault((flow.tag, flow.protocol), []).append(str(flow.port))
    made = [
        az_child(
            "network nsg rule create", "--nsg-name",
            _rule_id(group, f"allow-{tag.lower()}-{protocol}"),
            "--priority", str(priority), "--direction", "Outbound", "--access", "Allow",
            "--protocol", protocol.capitalize(), "--destination-address-prefixes", tag,
            "--destination-port-ranges", *ports,
        )
        for ((tag, protocol), ports), priority in zip(wanted.items(), free, strict=False)
    ]  # fmt: skip
    if len(made) < len(wanted):
        return az_child("network nsg rule delete", "--nsg-name", _rule_id(group, denying.name))
    return " && ".join(made)


def _of_computes(
    environment: Environment, group: NetworkSecurityGroup, body: JsonObject
) -> Iterator[Finding]:
    """Computes with a public address are spoken to from outside (domain.md 3.2)."""
    guarded = {
        network.id.child("subnets", subnet.name)
        for network in environment.virtual_networks
        for subnet in network.subnets
        if subnet.network_security_group == group.id
    }
    computes = [c for c in environment.managed_computes if c.public_ip and c.subnet in guarded]
    listed = dig(body, "properties.securityRules") or ()
    defaults = dig(body, "properties.defaultSecurityRules") or ()
    rules = [RuleView.of(each) for each in (*listed, *defaults)]
    rule = denier(rules, _INBOUND, outbound=False)
    if not computes or rule is None:
        return
    names = ", ".join(sorted(compute.id.name for compute in computes))
    wanted = f"{_INBOUND.tag} tcp {_INBOUND.port} open, for {names}"
    seen = Evidence(f"inbound rule '{rule.name}' ({rule.priority})", "Deny", wanted)
    used = {each.priority for each in rules if not each.outbound}
    top = min(rule.priority, _LAST + 1)
    free = next((p for p in range(top - 1, _FIRST - 1, -1) if p not in used), _FIRST)
    command = az_child(
        "network nsg rule create", "--nsg-name", _rule_id(group, "allow-azureml-computes"),
        "--priority", str(free), "--direction", "Inbound", "--access", "Allow",
        "--protocol", "Tcp", "--source-address-prefixes", _INBOUND.tag,
        "--destination-address-prefixes", "VirtualNetwork",
        "--destination-port-ranges", str(_INBOUND.port),
    )  # fmt: skip
    item = Difference("InboundDenied", (seen,), "", Disposition.REPORT, "ByHand", command)
    yield finding(_NAME, group.id, item, owned=group.owned)


def plan(environment: Environment, actual: Actual, findings: Sequence[Finding]) -> Sequence[Unit]:
    """One unit per rule: a PUT of that rule alone."""
    mine = [item for item in findings if item.disposition is Disposition.REPAIR]
    units = []
    for group in _groups(environment):
        for rule in sorted(group.rules, key=lambda rule: _rule_id(group, rule.name)):
            own = _rule_id(group, rule.name)
            keys = tuple(f.key for f in mine if f.resource == own)
            if keys and group.owned:
                units.append(_unit(group, rule, actual, keys))
    return units


def _unit(
    group: NetworkSecurityGroup, rule: SecurityRule, actual: Actual, keys: tuple[str, ...]
) -> Unit:
    own, live = _rule_id(group, rule.name), _live(group, rule, actual)
    differing = changed(rule.body, live or {})
    changes = tuple(
        Change(name, here if live is not None else None, there)
        for name, (here, there) in differing.items()
    )
    occupant = _occupant(group, rule, actual)
    leaving = (_rule_id(group, str(dig(occupant, "name"))),) if occupant is not None else ()
    return Unit(
        id=f"{_NAME}:write:{own.key}",
        remediator=_NAME,
        title=f"Write rule {rule.name} of {group.id.name}",
        resource=own,
        findings=keys,
        steps=(PutResource(own, rule_body(rule.body, live), changes),),
        follows=leaving,
        exclusive=(f"security-group:{group.id.key}",),
    )


REASONS: Final = MappingProxyType(
    {
        "RuleMissing": Reason(
            "A declared rule of a network security group does not exist.",
            f"{sources.VNET_INFERENCE}: inbound rule for the scoring address",
        ),
        "RuleChanged": Reason(
            "A declared rule of a network security group is not as declared.",
            f"{sources.VNET_INFERENCE}: inbound rule for the scoring address",
        ),
        "RuleFailed": Reason(
            "The last operation on a declared rule failed, so Azure does not vouch for it.",
            f"{sources.VNET_INFERENCE}: inbound rule for the scoring address",
        ),
        "RuleUnsettled": Reason(
            "Azure is at work on the rule, or shows a state that Relink does not know.",
            sources.RELINK,
            Response.STATE,
        ),
        "OutboundDenied": Reason(
            "A rule denies what workspaces, computes or inference have to reach.",
            f"{sources.FIREWALL}: required outbound service tags",
            Response.REPORTED,
        ),
        "InboundDenied": Reason(
            "A compute with a public address cannot be reached by Azure ML.",
            f"{sources.FIREWALL}: inbound rule for computes with public addresses",
            Response.REPORTED,
        ),
        "SecurityGroupGone": Reason(
            "The declared network security group does not exist.",
            f"{sources.FIREWALL}: network security groups",
            Response.REPORTED,
        ),
        "SecurityGroupUnreadable": Reason(
            "It could not be read, so nothing is known of its rules.",
            sources.RELINK,
            Response.STATE,
        ),
    }
)

REMEDIATOR: Final = Remediator(
    name=_NAME,
    watches=(
        "Microsoft.Network/networkSecurityGroups/write",
        "Microsoft.Network/networkSecurityGroups/delete",
        "Microsoft.Network/networkSecurityGroups/securityRules/write",
        "Microsoft.Network/networkSecurityGroups/securityRules/delete",
    ),
    permissions=(
        "Microsoft.Network/networkSecurityGroups/securityRules/write",
        # Application security groups that a rule names (azure role permissions, Microsoft.Network).
        "Microsoft.Network/applicationSecurityGroups/joinNetworkSecurityRule/action",
    ),
    read_permissions=(
        "Microsoft.Network/networkSecurityGroups/read",
        "Microsoft.MachineLearningServices/workspaces/read",
        "Microsoft.Authorization/locks/read",
    ),
    reads=reads,
    detect=detect,
    plan=plan,
    reasons=REASONS,
)

"""Owns network access: public access, default action and trusted services of what workspaces use.

Trusted services live here and not in a remediator of their own, because two remediators may not
write one resource and a storage account's default action and bypass are members of one object
that Azure replaces as a whole (domain.md 5). Never written: IP and resource rules, rules of
subnets that are not declared, anything under a network security perimeter, a registry below
Premium. Workspaces are ``workspace``'s.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from types import MappingProxyType
from typing import Final

from shared.model.actual import Absent, Actual, Found, Read, Unreadable
from shared.model.arm import provisioning_state
from shared.model.edits import changes_of, words
from shared.model.environment import (
    Environment,
    KeyVault,
    Registry,
    StorageAccount,
)
from shared.model.finding import Disposition, Evidence, Finding
from shared.model.json import JsonObject, dig
from shared.model.plan import Unit
from shared.model.resource_id import ResourceId
from shared.model.states import Phase, phase
from shared.model.step import Edit, EditKind, PatchResource
from shared.remediation import public_access, sources
from shared.remediation.commands import run
from shared.remediation.differences import (
    Difference,
    Obstacle,
    finding,
    get,
    held,
    repairs_of,
    unanswered,
    unread,
    unsettled,
)
from shared.remediation.network_rules import of_dead_rules, rule_reads
from shared.remediation.public_access import in_perimeter, of_public_access
from shared.remediator import Reason, Remediator, Response

_NAME: Final = "network_access"
_TRUSTED: Final = "AzureServices"
_PUBLIC: Final = "properties.publicNetworkAccess"

type Guarded = StorageAccount | KeyVault | Registry


@dataclass(frozen=True, slots=True)
class _Fields:
    """Where a kind keeps its settings (domain.md 5). ``rules`` is replaced as a whole."""

    rules: str = ""
    bypass: str = ""
    whole: str = ""  # of the bypass; empty when it is a field of its own


_FIELDS: Final = MappingProxyType(
    {
        StorageAccount: _Fields(
            "properties.networkAcls", "properties.networkAcls.bypass", "properties.networkAcls"
        ),
        KeyVault: _Fields(
            "properties.networkAcls", "properties.networkAcls.bypass", "properties.networkAcls"
        ),
        Registry: _Fields("properties.networkRuleSet", "properties.networkRuleBypassOptions"),
    }
)


def _declared(environment: Environment) -> tuple[Guarded, ...]:
    """The parts that declare anything about access, in the order of their ids."""
    parts: tuple[Guarded, ...] = (
        *environment.storage_accounts,
        *environment.key_vaults,
        *environment.registries,
    )
    return tuple(sorted((part for part in parts if _says_something(part)), key=lambda p: p.id))


def _says_something(part: Guarded) -> bool:
    if part.public_network_access is not None:
        return True
    rules = part.default_action is not None or part.trusted_services is not None
    return rules or bool(part.allowed_subnets)


def reads(environment: Environment, actual: Actual) -> Iterator[Read]:
    """Each resource itself, once; the subnets of rules that let nobody in."""
    parts = _declared(environment)
    yield from unanswered(actual, (get(part.id) for part in parts))
    accounts = (part for part in parts if isinstance(part, StorageAccount))
    yield from unanswered(actual, (read for part in accounts for read in rule_reads(part, actual)))


def detect(environment: Environment, actual: Actual) -> Sequence[Finding]:
    """Every declared setting that is not as declared; absent fields count as Azure's defaults."""
    return [
        finding(_NAME, part.id, item, owned=part.owned)
        for part in _declared(environment)
        for item in _differences(part, environment, actual)
    ]


def _differences(part: Guarded, environment: Environment, actual: Actual) -> list[Difference]:
    match actual.answer(part.id):
        case Found(body=body):
            obstacle = _obstacle(part, body)
            found = [
                *of_public_access(part.public_network_access, body),
                *_of_default_action(part, body),
                *_of_trusted_services(part, environment, body),
                *_of_subnets(part, body),
            ]
            if isinstance(part, StorageAccount):
                found += of_dead_rules(part, body, actual)
            held_back = (held(item, obstacle) for item in found)
            return [*_of_state(part, body), *held_back]
        case Absent():
            seen = Evidence("resource", "none (404)", "one as declared")
            return [Difference("ResourceGone", (seen,), "", Disposition.REPORT, "ResourceGone")]
        case Unreadable() as answer:
            return [held(Difference("AccessUnreadable", ()), unread("resource", answer))]
        case None:
            return []


def _of_state(part: Guarded, body: JsonObject) -> Iterator[Difference]:
    """Told beside everything else: no state keeps public access from being closed."""
    state = provisioning_state(body)
    if phase(state) is Phase.BAD:
        seen = Evidence("provisioningState", state, "succeeded")
        command = run("az resource show", "--ids", part.id.text)
        yield Difference("ResourceFailed", (seen,), "", Disposition.REPORT, "ByHand", command)
    yield from unsettled("ResourceUnsettled", state)


def _obstacle(part: Guarded, body: JsonObject) -> Obstacle | None:
    if in_perimeter(body):
        return Obstacle(Disposition.REPORT, "NetworkSecurityPerimeter")
    sku = str(dig(body, "sku.name") or "")
    if isinstance(part, Registry) and sku.lower() != "premium":
        seen = Evidence("sku", sku or "nothing", "Premium")
        return Obstacle(Disposition.REPORT, "RegistrySku", (seen,))
    return None


def _of_default_action(part: Guarded, body: JsonObject) -> Iterator[Difference]:
    """No rules at all mean that the firewall is off, which is Allow."""
    if part.default_action is None:
        return
    rules = _FIELDS[type(part)].rules
    live = str(dig(body, f"{rules}.defaultAction") or "Allow")
    if live.lower() != part.default_action.lower():
        seen = Evidence(f"{rules}.defaultAction", live, part.default_action)
        repair = f"Relink sets the default action to {part.default_action} and keeps every rule."
        yield Difference("DefaultActionChanged", (seen,), repair)


def _of_trusted_services(
    part: Guarded, environment: Environment, body: JsonObject
) -> Iterator[Difference]:
    if part.trusted_services is None:
        return
    path = _FIELDS[type(part)].bypass
    live = str(dig(body, path) or _TRUSTED)
    trusted = _TRUSTED.lower() in (word.lower() for word in words(live))
    if part.trusted_services and not trusted and not _let_in_by_rule(part, environment, body):
        repair = f"Relink adds {_TRUSTED} to the exceptions and keeps the others."
        yield Difference("TrustedServicesDropped", (Evidence(path, live, _TRUSTED),), repair)
    if not part.trusted_services and trusted:
        seen = Evidence(path, live, f"no {_TRUSTED}")
        report = Disposition.REPORT
        yield Difference("TrustedServicesAllowed", (seen,), "", report, "TrustDeclaredOff")


def _shut_out(part: Guarded, body: JsonObject) -> list[ResourceId]:
    """Declared subnets that no rule lets in. No rules at all let everybody in."""
    rules = _FIELDS[type(part)].rules
    if dig(body, rules) is None and part.default_action != "Deny":
        return []
    listed = dig(body, f"{rules}.virtualNetworkRules") or ()
    let_in = {ResourceId.maybe(dig(rule, "id")) for rule in listed}
    return [subnet for subnet in sorted(set(part.allowed_subnets)) if subnet not in let_in]


def _of_subnets(part: Guarded, body: JsonObject) -> Iterator[Difference]:
    """A registry's rules have no subnets in the current API (registries 2025-11-01): told, not written."""
    lost = _shut_out(part, body)
    if not lost:
        return
    path = f"{_FIELDS[type(part)].rules}.virtualNetworkRules"
    seen = tuple(Evidence(path, "no rule", str(subnet)) for subnet in lost)
    if isinstance(part, Registry):
        commands = (
            run(
                "az acr network-rule add", "--name", part.id.name,
                "--subscription", part.id.subscription, "--subnet", subnet.text,
            )
            for subnet in lost
        )  # fmt: skip
        report = Disposition.REPORT
        yield Difference("SubnetNotAllowed", seen, "", report, "ByHand", " && ".join(commands))
        return
    repair = "Relink adds a rule for the subnet and keeps every other."
    yield Difference("SubnetNotAllowed", seen, repair)


def _let_in_by_rule(part: Guarded, environment: Environment, body: JsonObject) -> bool:
    """Whether resource rules let in every workspace that declares this storage account."""
    users = {w.id for w in environment.workspaces if w.storage_account == part.id}
    rules = dig(body, "properties.networkAcls.resourceAccessRules") or ()
    named = {ResourceId.maybe(dig(rule, "resourceId")) for rule in rules}
    return bool(users) and users <= named


def plan(environment: Environment, actual: Actual, findings: Sequence[Finding]) -> Sequence[Unit]:
    """One unit per resource: public access first and alone, then the rules (domain.md 5)."""
    units = []
    for part in _declared(environment):
        mine = repairs_of(findings, part.id)
        body = actual.body(part.id)
        if mine and part.owned and body is not None:
            units.append(_unit(part, body, mine))
    return units


def _unit(part: Guarded, body: JsonObject, mine: Sequence[Finding]) -> Unit:
    reasons = {item.reason for item in mine}
    batches = (_public_edits(part, reasons), _rule_edits(part, body, reasons))
    steps = tuple(
        PatchResource(part.id, edits, changes_of(body, edits)) for edits in batches if edits
    )
    return Unit(
        id=f"{_NAME}:restore:{part.id.key}",
        remediator=_NAME,
        title=f"Restore the network access of {part.id.name}",
        resource=part.id,
        findings=tuple(item.key for item in mine),
        steps=steps,
        # A rule is refused while the subnet has no service endpoint (domain.md 5).
        follows=tuple(_shut_out(part, body)) if "SubnetNotAllowed" in reasons else (),
    )


def _public_edits(part: Guarded, reasons: set[str]) -> tuple[Edit, ...]:
    if not reasons & {"PublicAccessEnabled", "PublicAccessDisabled"}:
        return ()
    return (Edit(_PUBLIC, EditKind.SET, part.public_network_access),)


def _rule_edits(part: Guarded, body: JsonObject, reasons: set[str]) -> tuple[Edit, ...]:
    """Rules that are written where there were none take the declared exception along."""
    fields = _FIELDS[type(part)]
    edits = []
    action = "DefaultActionChanged" in reasons
    if action:
        path = f"{fields.rules}.defaultAction"
        edits.append(Edit(path, EditKind.SET, part.default_action, fields.rules))
    fresh = action and bool(fields.whole) and dig(body, fields.rules) is None
    if "TrustedServicesDropped" in reasons or (fresh and part.trusted_services):
        kind = EditKind.ADD_WORD if isinstance(part, StorageAccount) else EditKind.SET
        edits.append(Edit(fields.bypass, kind, _TRUSTED, fields.whole))
    if "SubnetNotAllowed" in reasons:
        path = f"{fields.rules}.virtualNetworkRules"
        lost = _shut_out(part, body)
        edits += [Edit(path, EditKind.ADD_ITEM, _rule(part, each), fields.rules) for each in lost]
    return tuple(edits)


def _rule(part: Guarded, subnet: ResourceId) -> dict[str, str]:
    """A vault's rule is the id alone (vaults 2026-02-01); a storage account's says what it does."""
    letting = {"action": "Allow"} if isinstance(part, StorageAccount) else {}
    return {"id": subnet.text, **letting}


REMEDIATOR: Final = Remediator(
    name=_NAME,
    watches=(
        "Microsoft.Storage/storageAccounts/write",
        "Microsoft.Storage/storageAccounts/delete",
        "Microsoft.KeyVault/vaults/write",
        "Microsoft.KeyVault/vaults/delete",
        "Microsoft.ContainerRegistry/registries/write",
        "Microsoft.ContainerRegistry/registries/delete",
    ),
    permissions=(
        "Microsoft.Storage/storageAccounts/write",
        "Microsoft.KeyVault/vaults/write",
        "Microsoft.ContainerRegistry/registries/write",
        # Subnets in the rules that are sent back with them (domain.md 7).
        "Microsoft.Network/virtualNetworks/subnets/joinViaServiceEndpoint/action",
    ),
    read_permissions=(
        "Microsoft.Storage/storageAccounts/read",
        "Microsoft.KeyVault/vaults/read",
        "Microsoft.ContainerRegistry/registries/read",
        "Microsoft.Network/virtualNetworks/subnets/read",
        "Microsoft.Authorization/locks/read",
    ),
    reads=reads,
    detect=detect,
    plan=plan,
    reasons={
        "PublicAccessEnabled": Reason(
            "Public network access is open and was declared closed.",
            f"{sources.SECURE_INFERENCE}: scenarios of network access",
        ),
        "PublicAccessDisabled": Reason(
            "Public network access is closed and was declared open.",
            f"{sources.SECURE_INFERENCE}: scenarios of network access",
        ),
        "DefaultActionChanged": Reason(
            "The default action of its network rules is not the declared one.",
            f"{sources.WORKSPACE_VNET}: firewalls of storage, vault and registry",
        ),
        "TrustedServicesDropped": Reason(
            "Trusted Azure services are shut out, and with them the workspace.",
            f"{sources.SECURE_INFERENCE}: special notes on trusted services",
            Response.EITHER,
        ),
        "TrustedServicesAllowed": Reason(
            "Trusted Azure services are let in and were declared shut out.",
            f"{sources.WORKSPACE_VNET}: trusted services",
            Response.REPORTED,
        ),
        "SubnetNotAllowed": Reason(
            "A subnet that uses it over a service endpoint is not let in by its network rules; "
            "reported for a registry, whose rules hold no subnets.",
            f"{sources.WORKSPACE_VNET}: service endpoints",
            Response.EITHER,
        ),
        "SubnetRuleDead": Reason(
            "The rule of a subnet lets nobody in, as its subnet was deleted or remade since.",
            f"{sources.STORAGE_NETWORK}: rules of deleted subnets",
            Response.REPORTED,
        ),
        **public_access.REASONS,
        "ResourceFailed": Reason(
            "Its last operation failed, so Azure does not vouch for it.",
            f"{sources.SECURE_INFERENCE}: the workspace and its associated resources",
            Response.REPORTED,
        ),
        "ResourceUnsettled": Reason(
            "Azure is at work on it, or shows a state that Relink does not know.",
            sources.RELINK,
            Response.STATE,
        ),
        "ResourceGone": Reason(
            "The declared resource does not exist.",
            f"{sources.SECURE_INFERENCE}: the workspace and its associated resources",
            Response.REPORTED,
        ),
        "AccessUnreadable": Reason(
            "It could not be read, so nothing is known of its access.",
            sources.RELINK,
            Response.STATE,
        ),
    },
    urgent=True,
)

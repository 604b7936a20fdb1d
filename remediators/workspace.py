"""Owns the settings of workspaces: public access, and whatever else of them is declared.

Written is what PATCH takes (domain.md 3.2), each field by itself and public access first: a PATCH
that is refused for one field must not keep another from being set. Storage account and vault,
the identity and a failed workspace are reported. Keys, roles and endpoints are other remediators'.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from types import MappingProxyType
from typing import Final

from shared.model.actual import Absent, Actual, Found, Read, Unreadable
from shared.model.arm import provisioning_state
from shared.model.edits import changes_of
from shared.model.environment import Environment, Workspace
from shared.model.finding import Disposition, Evidence, Finding
from shared.model.json import JsonObject, dig
from shared.model.parts import CLOSED
from shared.model.plan import Unit
from shared.model.resource_id import ResourceId
from shared.model.states import Phase, phase
from shared.model.step import Edit, EditKind, PatchResource
from shared.remediation import public_access, sources
from shared.remediation.commands import az, az_patch
from shared.remediation.differences import (
    Difference,
    finding,
    get,
    held,
    repairs_of,
    unanswered,
    unread,
    unsettled,
)
from shared.remediation.public_access import of_public_access
from shared.remediator import Reason, Remediator, Response

_NAME: Final = "workspace"
_API_VERSION: Final = "2025-12-01"
_PUBLIC: Final = "publicNetworkAccess"
_BEHIND: Final = "allowPublicAccessWhenBehindVnet"

type _Value = ResourceId | str | bool


@dataclass(frozen=True, slots=True)
class _Setting:
    """One declared field of a workspace: where it is, and what a difference is called."""

    member: str  # of ``properties``
    attribute: str  # of ``Workspace``
    reason: str


_PATCHED: Final = (
    _Setting("v1LegacyMode", "v1_legacy_mode", "LegacyModeChanged"),
    _Setting("imageBuildCompute", "image_build_compute", "ImageBuildComputeChanged"),
    _Setting("applicationInsights", "application_insights", "InsightsChanged"),
    _Setting("containerRegistry", "container_registry", "RegistryChanged"),
)
_FIXED: Final = (
    _Setting("storageAccount", "storage_account", "StorageAccountChanged"),
    _Setting("keyVault", "key_vault", "KeyVaultChanged"),
)
_MEMBER: Final = MappingProxyType({setting.reason: setting for setting in _PATCHED})


def _declared(environment: Environment) -> tuple[Workspace, ...]:
    """The workspaces with settings of their own, in the order of their ids."""
    found = (workspace for workspace in environment.workspaces if workspace.judged)
    return tuple(sorted(found, key=lambda workspace: workspace.id))


def reads(environment: Environment, actual: Actual) -> Iterator[Read]:
    """Each workspace itself, once."""
    yield from unanswered(actual, (get(each.id) for each in _declared(environment)))


def detect(environment: Environment, actual: Actual) -> Sequence[Finding]:
    """Every declared setting that is not as declared."""
    return [
        finding(_NAME, workspace.id, item, owned=workspace.owned)
        for workspace in _declared(environment)
        for item in _differences(workspace, environment, actual)
    ]


def _differences(
    workspace: Workspace, environment: Environment, actual: Actual
) -> list[Difference]:
    match actual.answer(workspace.id):
        case Found(body=body):
            return [
                *_of_state(workspace, body),
                *_of_public_access(workspace, body),
                *_of_settings(workspace, body),
                *_of_fixed(workspace, body),
                *_of_identity(workspace, body),
                *_of_image_builds(workspace, environment, body),
            ]
        case Absent():
            seen = Evidence("resource", "none (404)", "one as declared")
            return [_reported("ResourceGone", seen, why="ResourceGone")]
        case Unreadable() as answer:
            return [held(Difference("WorkspaceUnreadable", ()), unread("workspace", answer))]
        case None:
            return []


def _reported(reason: str, seen: Evidence, command: str = "", why: str = "ByHand") -> Difference:
    return Difference(reason, (seen,), "", Disposition.REPORT, why, command)


def _of_state(workspace: Workspace, body: JsonObject) -> Iterator[Difference]:
    state = provisioning_state(body)
    if phase(state) is Phase.BAD:
        seen = Evidence("provisioningState", state, "succeeded")
        yield _reported("WorkspaceFailed", seen, az("ml workspace diagnose", workspace.id))
    yield from unsettled("WorkspaceUnsettled", state)


def _of_public_access(workspace: Workspace, body: JsonObject) -> Iterator[Difference]:
    """The two switches override each other; the last write wins (domain.md 3.2)."""
    wanted = workspace.public_network_access
    differing = list(of_public_access(wanted, body))
    yield from differing
    if not differing and wanted == "Disabled" and dig(body, f"properties.{_BEHIND}") is True:
        seen = Evidence(_BEHIND, "true", f"false, as {_PUBLIC} is Disabled")
        repair = f"Relink sets {_PUBLIC} to {wanted}, and that alone."
        yield Difference("PublicAccessBehindVnet", (seen,), repair)


def _of_settings(workspace: Workspace, body: JsonObject) -> Iterator[Difference]:
    for setting in _PATCHED:
        wanted = _wanted(workspace, setting)
        if wanted is not None and not _same(wanted, _live(setting, body)):
            seen = Evidence(setting.member, _text(_live(setting, body)), _text(wanted))
            repair = f"Relink sets {setting.member} to {_text(wanted)}, and that alone."
            yield Difference(setting.reason, (seen,), repair)


def _of_fixed(workspace: Workspace, body: JsonObject) -> Iterator[Difference]:
    for setting in _FIXED:
        wanted = _wanted(workspace, setting)
        if wanted is not None and not _same(wanted, _live(setting, body)):
            seen = Evidence(setting.member, _text(_live(setting, body)), _text(wanted))
            yield _reported(setting.reason, seen, why="WorkspaceKeeps")


def _wanted(workspace: Workspace, setting: _Setting) -> _Value | None:
    """What is declared; an empty name of a compute says that none is wanted, so none is checked."""
    value: _Value | None = getattr(workspace, setting.attribute)
    return None if value == "" else value


def _live(setting: _Setting, body: JsonObject) -> object:
    """Absent counts as Azure's default: off for a switch, nothing for a name or an id."""
    found = dig(body, f"properties.{setting.member}")
    return bool(found) if setting.member == "v1LegacyMode" else found


def _same(wanted: _Value, live: object) -> bool:
    if isinstance(wanted, ResourceId):
        return ResourceId.maybe(live) == wanted
    return str(live or "").lower() == wanted.lower() if isinstance(wanted, str) else wanted is live


def _text(value: object) -> str:
    if value is None or value == "":
        return "none"
    return str(value).lower() if isinstance(value, bool) else str(value)


def _of_identity(workspace: Workspace, body: JsonObject) -> Iterator[Difference]:
    """Reported: a new identity has no roles, and which it needs is its owner's to say."""
    kind = str(dig(body, "identity.type") or "None")
    has = "systemassigned" in kind.lower()
    if workspace.system_assigned_identity is None or workspace.system_assigned_identity is has:
        return
    reason = "SystemIdentityMissing" if not has else "SystemIdentityUndeclared"
    wanted = "SystemAssigned" if not has else "no SystemAssigned"
    yield _reported(reason, Evidence("identity.type", kind, wanted), _identify(workspace, kind))


def _identify(workspace: Workspace, kind: str) -> str:
    """The PATCH that gives the identity back and keeps the assigned ones; nothing to take it away."""
    if "systemassigned" in kind.lower():
        return ""
    both = "SystemAssigned,UserAssigned" if "userassigned" in kind.lower() else "SystemAssigned"
    return az_patch(workspace.id, _API_VERSION, {"identity": {"type": both}})


def _of_image_builds(
    workspace: Workspace, environment: Environment, body: JsonObject
) -> Iterator[Difference]:
    """Images cannot be built by a registry that only a network reaches: a compute has to."""
    named = dig(body, "properties.imageBuildCompute")
    if workspace.image_build_compute is not None or named:
        return
    why = _closed(workspace.container_registry, environment)
    if why:
        seen = (Evidence("imageBuildCompute", "none", "a compute, or '' in the manifest"), why)
        command = az("ml workspace update", workspace.id, "--image-build-compute", "COMPUTE")
        report = Disposition.REPORT
        yield Difference("ImageBuildComputeMissing", seen, "", report, "ByHand", command)


def _closed(registry: ResourceId | None, environment: Environment) -> Evidence | None:
    """What shows that the declared registry is reached over a network only."""
    if registry is None:
        return None
    for part in environment.registries:
        if part.id == registry and part.public_network_access in CLOSED:
            return Evidence("registry", "declared closed to the public")
    if any(endpoint.target == registry for endpoint in environment.private_endpoints):
        return Evidence("registry", "declared behind a private endpoint")
    return None


def plan(environment: Environment, actual: Actual, findings: Sequence[Finding]) -> Sequence[Unit]:
    """One unit per workspace: a PATCH for each field, public access first."""
    units = []
    for workspace in _declared(environment):
        mine = repairs_of(findings, workspace.id)
        body = actual.body(workspace.id)
        if mine and workspace.owned and body is not None:
            units.append(_unit(workspace, body, mine))
    return units


def _unit(workspace: Workspace, body: JsonObject, mine: Sequence[Finding]) -> Unit:
    edits = list(_edits(workspace, {item.reason for item in mine}))
    return Unit(
        id=f"{_NAME}:restore:{workspace.id.key}",
        remediator=_NAME,
        title=f"Restore the settings of {workspace.id.name}",
        resource=workspace.id,
        findings=tuple(item.key for item in mine),
        steps=tuple(
            PatchResource(workspace.id, (edit,), changes_of(body, (edit,))) for edit in edits
        ),
    )


def _edits(workspace: Workspace, reasons: set[str]) -> Iterator[Edit]:
    if reasons & {"PublicAccessEnabled", "PublicAccessDisabled", "PublicAccessBehindVnet"}:
        again = "PublicAccessBehindVnet" in reasons
        kind = EditKind.SET_AGAIN if again else EditKind.SET
        yield Edit(f"properties.{_PUBLIC}", kind, workspace.public_network_access)
    for setting in _PATCHED:
        if setting.reason in reasons:
            wanted = _wanted(workspace, setting)
            value = wanted.text if isinstance(wanted, ResourceId) else wanted
            yield Edit(f"properties.{setting.member}", EditKind.SET, value)


_ASSOCIATED: Final = "the workspace and its associated resources"

REMEDIATOR: Final = Remediator(
    name=_NAME,
    watches=(
        "Microsoft.MachineLearningServices/workspaces/write",
        "Microsoft.MachineLearningServices/workspaces/delete",
    ),
    permissions=("Microsoft.MachineLearningServices/workspaces/write",),
    read_permissions=("Microsoft.MachineLearningServices/workspaces/read",),
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
        "PublicAccessBehindVnet": Reason(
            "The older switch lets the public in, although public network access was declared closed.",
            f"{sources.WORKSPACE_LINK}: the two switches override each other",
        ),
        **public_access.REASONS,
        "LegacyModeChanged": Reason(
            "v1 legacy mode, which keeps requests off the public control plane, is not as declared.",
            f"{sources.WORKSPACE_LINK}: v1_legacy_mode",
        ),
        "ImageBuildComputeChanged": Reason(
            "Images are built on another compute than declared.",
            f"{sources.WORKSPACE_LINK}: image_build_compute with a registry behind an endpoint",
        ),
        "ImageBuildComputeMissing": Reason(
            "The registry is private and no compute builds images. Declare one, or '' if none is needed.",
            f"{sources.WORKSPACE_LINK}: image_build_compute with a registry behind an endpoint",
            Response.REPORTED,
        ),
        "InsightsChanged": Reason(
            "It sends to another Application Insights than declared.",
            f"{sources.SECURE_INFERENCE}: {_ASSOCIATED}",
        ),
        "RegistryChanged": Reason(
            "It uses another container registry than declared.",
            f"{sources.SECURE_INFERENCE}: {_ASSOCIATED}",
        ),
        "StorageAccountChanged": Reason(
            "It uses another storage account than declared.",
            f"{sources.SECURE_INFERENCE}: {_ASSOCIATED}",
            Response.REPORTED,
        ),
        "KeyVaultChanged": Reason(
            "It uses another key vault than declared.",
            f"{sources.SECURE_INFERENCE}: {_ASSOCIATED}",
            Response.REPORTED,
        ),
        "SystemIdentityMissing": Reason(
            "It has no system-assigned identity, with which it reaches what it uses.",
            f"{sources.WORKSPACE_VNET}: the workspace's identity and trusted services",
            Response.REPORTED,
        ),
        "SystemIdentityUndeclared": Reason(
            "It has a system-assigned identity, and was declared to have none.",
            f"{sources.ATTACH}: the workspace's identity",
            Response.REPORTED,
        ),
        "WorkspaceFailed": Reason(
            "Its last operation failed, so Azure does not vouch for it.",
            f"{sources.SECURE_INFERENCE}: {_ASSOCIATED}",
            Response.REPORTED,
        ),
        "WorkspaceUnsettled": Reason(
            "Azure is at work on it, or shows a state that Relink does not know.",
            sources.RELINK,
            Response.STATE,
        ),
        "ResourceGone": Reason(
            "The declared workspace does not exist.",
            f"{sources.SECURE_INFERENCE}: {_ASSOCIATED}",
            Response.REPORTED,
        ),
        "WorkspaceUnreadable": Reason(
            "It could not be read, so nothing is known of its settings.",
            sources.RELINK,
            Response.STATE,
        ),
    },
    urgent=True,
)

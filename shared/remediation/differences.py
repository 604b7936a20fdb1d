"""Owns how a difference becomes a finding: what holds its repair back, and what it tells a person.

A judgement first collects every difference, then lets obstacles hold back the repairs, so that
nothing is hidden because something else stands in its way.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace
from types import MappingProxyType
from typing import Final

from shared.model.actual import Absent, Actual, Found, Observation, Question, Read, Unreadable
from shared.model.finding import Disposition, Evidence, Finding
from shared.model.resource_id import ResourceId
from shared.model.states import Phase, at_work, phase

UNREADABLE: Final = "Unreadable"
"""Deferred where it may be read later, blocked where somebody has to let Relink read it."""

NEXT: Final = MappingProxyType(
    {
        "ActivityLogLag": "The activity log is not complete yet; it is looked at again soon.",
        "AksOwned": "It belongs to AKS; take it out of the manifest. Relink never touches it.",
        "ArcCluster": "Computes of Arc clusters are not detached; detach and attach it by hand.",
        "ByHand": "Relink does not change this; a person does.",
        "ClusterFailed": "The cluster's last operation failed, and it stays so until one succeeds: run "
        "`az aks update` for it with no further option, which repeats what is declared, or repeat what "
        "failed. It is repaired then.",
        "ClusterFixed": "A cluster keeps this for life: make one as the documents ask, and attach that.",
        "ClusterStopped": "It is repaired once the cluster runs.",
        "ClusterUpdating": "It is repaired once the cluster's update has ended.",
        "ComputeChanged": "It would be attached elsewhere than it is; settle that difference first.",
        "CreateOnly": "Azure keeps this for the compute's life: detach it and attach it as declared, "
        "or capture the manifest again.",
        "DeclareRole": "Declare the role in the manifest, so that it comes back with the compute; it is "
        "not given undeclared.",
        "EndpointNotReady": "It follows once every declared endpoint of its cluster is in order.",
        "GroupGone": "Relink makes no resource group: create it again or change the manifest.",
        "IncarnationUnknown": "It cannot be told from its successor, so it is not destroyed; look "
        "at it by hand.",
        "InProgress": "Azure is at work on it; it is looked at again soon.",
        "Irreversible": "Azure does not take it back; change the manifest.",
        "MadeAnew": "It is chosen at creation: a person deletes the resource and makes it anew, or "
        "changes the manifest.",
        "ManifestContradicts": "The manifest names an isolation and declares otherwise; change one of the two.",
        "NetworkSecurityPerimeter": "Its access is the perimeter's; change it there.",
        "NotOwned": "Another manifest owns it; it is not written from here.",
        "PriorityTaken": "Azure takes no two rules at one priority; give the other rule another one or "
        "change the manifest.",
        "RegistrySku": "Only a Premium registry has these settings; change the SKU or the manifest.",
        "ResourceGone": "Relink does not create it; create it again or take it out of the manifest.",
        "RestartSuspected": "Nothing is done.",
        "RoleNotListed": "A manifest may not have this role given; a person does.",
        "StateUnknown": "Relink does not know that state and writes nothing on it; look at it by hand.",
        "StaticAddress": "Azure supports no static address here; take ipConfigurations out of the "
        "manifest. Until then they are left out.",
        "TargetApproval": "The owner of the target has to approve the connection.",
        "TargetGone": "What it leads to does not exist; create that again or change the manifest.",
        "TrustDeclaredOff": "The trusted services are not shut out from here; do it by hand.",
        UNREADABLE: "Nothing is done on what could not be seen. It is read again by itself; where a "
        "right is missing, give it to Relink.",
        "WorkspaceGone": "The workspace does not exist; create it again or change the manifest.",
        "WorkspaceKeeps": "A workspace keeps its storage account and its vault for life; capture the "
        "manifest again or make the workspace anew.",
        "ZoneUndeclared": "Relink writes the zone group as declared: add the zone there and to the manifest.",
        "ZoneGone": "A deleted zone is not created again from here: its links and records are not "
        "known. Create it again or change the manifest.",
    }
)
"""What happens next, by the ``why`` of a finding that is not repaired now."""


@dataclass(frozen=True, slots=True)
class Difference:
    """One difference, its evidence, and what ``repair`` would do about it (a sentence).

    ``command`` is what a person runs where Relink only reports.
    """

    reason: str
    evidence: tuple[Evidence, ...]
    repair: str = ""
    disposition: Disposition = Disposition.REPAIR
    why: str = ""
    command: str = ""


@dataclass(frozen=True, slots=True)
class Obstacle:
    """Why something is not repaired now, and what showed it."""

    disposition: Disposition
    why: str
    evidence: tuple[Evidence, ...] = ()


def held(difference: Difference, obstacle: Obstacle | None) -> Difference:
    """``difference`` with its repair held back; unchanged if it would not be repaired anyway."""
    if obstacle is None or difference.disposition is not Disposition.REPAIR:
        return difference
    fresh = tuple(item for item in obstacle.evidence if item not in difference.evidence)
    return replace(
        difference,
        evidence=difference.evidence + fresh,
        disposition=obstacle.disposition,
        why=obstacle.why,
    )


def state_obstacle(state: str, what: str = "provisioningState") -> Obstacle | None:
    """Why nothing is written on what shows ``state``; nothing if Azure has ended, well or badly."""
    found = phase(state)
    seen = (Evidence(what, state, "succeeded"),)
    if at_work(found):
        return Obstacle(Disposition.DEFER, "InProgress", seen)
    if found is Phase.UNKNOWN:
        return Obstacle(Disposition.BLOCK, "StateUnknown", seen)
    return None


def unsettled(reason: str, state: str, what: str = "provisioningState") -> Iterator[Difference]:
    """What is neither in order nor failed is told, as ``reason``."""
    obstacle = state_obstacle(state, what)
    if obstacle is not None:
        yield held(Difference(reason, ()), obstacle)


def finding(
    remediator: str, resource: ResourceId, difference: Difference, *, owned: bool
) -> Finding:
    """The finding of one difference. What another manifest owns is only reported."""
    shown = difference
    if not owned and difference.disposition is not Disposition.NOT_NEEDED:
        shown = replace(difference, disposition=Disposition.REPORT, why="NotOwned")
    seen = "; ".join(str(item) for item in shown.evidence)
    then = shown.repair if shown.disposition is Disposition.REPAIR else NEXT.get(shown.why, "")
    if shown.command and shown.disposition is not Disposition.REPAIR:
        then = f"{then} Run: {shown.command}"
    return Finding(
        reason=shown.reason,
        resource=resource,
        remediator=remediator,
        message=f"Looked at {resource}. {seen}. {then}".strip(),
        evidence=shown.evidence,
        disposition=shown.disposition,
        why=shown.why,
    )


def repairs_of(findings: Iterable[Finding], resource: ResourceId) -> list[Finding]:
    """The findings about ``resource`` that there are to be steps for."""
    return [
        item
        for item in findings
        if item.resource == resource and item.disposition is Disposition.REPAIR
    ]


def unread(what: str, answer: Observation | None) -> Obstacle:
    """The obstacle that ``what`` could not be read; names the missing action of a 403.

    It defers where the answer may come later, and blocks where a person has to see to it.
    """
    match answer:
        case Unreadable(code=code, action=action):
            missing = f", {action} is missing" if action else ""
            found = f"could not be read ({code}{missing})"
        case Absent():
            found = "could not be read (404)"
        case Found() | None:
            found = "was not read"
    passes = isinstance(answer, Unreadable) and answer.passes
    disposition = Disposition.DEFER if passes else Disposition.BLOCK
    return Obstacle(disposition, UNREADABLE, (Evidence(what, found, "an answer"),))


def graver(obstacles: Iterable[Obstacle]) -> Obstacle:
    """Of several that could not be read, one that needs a person; otherwise any."""
    return min(obstacles, key=lambda each: each.disposition is Disposition.DEFER)


def unanswered(actual: Actual, reads: Iterable[Read]) -> Iterator[Read]:
    """Those of ``reads`` that have no answer yet, each once."""
    seen: set[Read] = set()
    for read in reads:
        if read not in actual and read not in seen:
            seen.add(read)
            yield read


def get(resource: ResourceId) -> Read:
    """The question for the resource itself."""
    return Read(Question.GET, resource)

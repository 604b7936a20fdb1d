"""``relink explain``: what a word of a finding or an outcome means, and what happens next."""

from __future__ import annotations

import difflib
from typing import Annotated

import typer

from cli.shell import CommandError, shell_of

EXAMPLES = """\b
Examples:
  relink explain EndpointStale
  relink explain cluster_stopped --json
"""


def explain(
    ctx: typer.Context,
    reason: Annotated[str, typer.Argument(help="Such as EndpointStale; any casing.")],
    *,
    as_json: Annotated[bool, typer.Option("--json", help="A JSON list.")] = False,
) -> None:
    """Explain a reason: of a finding, or why a finding is not repaired now."""
    shell = shell_of(ctx)
    known = _known()
    wanted = _plain(reason)
    entries = [entry for entry in known if _plain(entry["word"]) == wanted]
    if not entries:
        words = {_plain(entry["word"]): entry["word"] for entry in known}
        near = difflib.get_close_matches(wanted, list(words), n=3, cutoff=0.6)
        hint = ", ".join(words[each] for each in near) or "see docs/reasons.md"
        raise CommandError(f"found '{reason[:80]}', which is no reason", f"did you mean: {hint}")
    if as_json:
        shell.document(entries)
        return
    for entry in entries:
        shell.say(f"{entry['word']}  ({entry['of']})", "bold")
        shell.say(f"  {entry['meaning']}")
        for name in ("response", "source", "disruption", "no_less"):
            if entry.get(name):
                shell.say(f"  {name.replace('no_less', 'no lesser cure')}: {entry[name]}")


def _known() -> list[dict[str, str]]:
    """Every word that findings use: what was found, and why it is not repaired now."""
    from remediators import REMEDIATORS  # noqa: PLC0415 - --help must stay quick
    from shared.remediation.differences import NEXT  # noqa: PLC0415 - the same
    from shared.unread import REASONS  # noqa: PLC0415 - the same

    listed = [(remediator.name, remediator.reasons) for remediator in REMEDIATORS]
    found = [
        {
            "word": word,
            "of": name,
            "meaning": reason.meaning,
            "response": reason.response.value,
            "source": reason.source,
            "disruption": reason.disruption,
            "no_less": reason.no_less,
        }
        for name, reasons in (*listed, ("any remediator", REASONS))
        for word, reason in sorted(reasons.items())
    ]
    found += [
        {"word": word, "of": "why it is not repaired now", "meaning": meaning}
        for word, meaning in sorted({**NEXT, **_GUARDS}.items())
    ]
    return found


def _plain(word: str) -> str:
    return "".join(letter for letter in word.lower() if letter.isalnum())


_GUARDS = {
    "Approval": "The mode is approve: it waits until a person says yes to the plan.",
    "ComputeUseUnknown": "Whether jobs or deployments use the compute could not be read.",
    "DeploymentUpdating": "A deployment on the compute is being changed; it is tried again later.",
    "DestructiveLimit": "More would be destroyed than maxDestructiveUnits allows; nothing is done.",
    "DryRun": "Only a plan was asked for.",
    "ExtensionMissing": "The AzureML extension is not on the cluster, so an attach would fail.",
    "ExtensionNotReady": "The AzureML extension is not in order, so an attach would fail.",
    "ExtensionResources": "Diagnostic settings or role assignments hang on it and would be lost.",
    "ExtensionResourcesUnreadable": "What hangs on it could not be read, so it is not replaced.",
    "ExtensionUnreadable": "The extensions of the cluster could not be read.",
    "FollowsStopped": "It follows a unit that did not end well.",
    "HoldOff": "It was tried several times; the wait doubles each time.",
    "JobsRunning": "Jobs run on the compute; it is not detached under them.",
    "LocksUnreadable": "Whether a lock forbids it could not be read.",
    "MissingPermission": "Relink's identity lacks an action that is needed to make it again.",
    "NextRun": "The next run of the environment takes it up.",
    "ObserveMode": "The mode is observe: planned, nothing is written.",
    "OptedOut": "It carries the tag relink:ignore.",
    "OtherRun": "The environment's other run is at it, or it is left to the main run.",
    "OutsideWindow": "It would destroy something outside of the maintenance window.",
    "Paused": "The environment is paused.",
    "PermissionsUnreadable": "What Relink's own identity may do there could not be read.",
    "PlanningConflict": "Two remediators want to write one resource: a defect to be reported.",
    "Rejected": "A person said no to this plan.",
    "ScopeLocked": "A lock on it, or above it, forbids the change; only its owner removes it.",
    "TargetUnreadable": "What it needs could not be read, so it is not known to be there.",
    "TargetNotReady": "What it leads to is being changed or failed; it is tried again later.",
}
"""What the guards say, in words for people; a test holds it against the guards' own words."""

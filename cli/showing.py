"""Owns how an assessment and a record look: for people, and as JSON for scripts."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any, Final, assert_never

from cli.looking import drift, may_go_ahead
from cli.shell import Shell, Status, counted
from shared.guards import Verdict
from shared.model.codec import dump
from shared.model.finding import Disposition, Finding
from shared.model.json import JsonObject
from shared.model.outcome import OutcomeKind
from shared.model.plan import Plan, Unit
from shared.model.step import Change, Known, Step, reference_of
from shared.workflow.papers import Assessment

_LONGEST_VALUE: Final = 160
_STYLES: Final[Mapping[Disposition, str]] = {
    Disposition.REPAIR: "red",
    Disposition.BLOCK: "yellow",
    Disposition.REPORT: "yellow",
    Disposition.DEFER: "yellow",
    Disposition.NOT_NEEDED: "dim",
}
_GOOD: Final = frozenset({OutcomeKind.REPAIRED, OutcomeKind.IN_SYNC, OutcomeKind.NOT_NEEDED})


def show_assessment(shell: Shell, seen: Assessment) -> None:
    """Findings with their evidence, then the plan, for a person."""
    found = drift(seen.findings)
    state = f"drift: {counted(len(found), 'finding')}" if found else "in sync"
    shell.say(
        f"{seen.environment} (manifest {seen.manifest_version}): {state}",
        "bold red" if found else "bold green",
    )
    for finding in seen.findings:
        _show_finding(shell, finding)
    if seen.plan.units:
        destructive = sum(unit.destructive for unit in seen.plan.units)
        counts = f"{counted(len(seen.plan.units), 'unit')}, {destructive} destructive"
        shell.say(f"\nplan {seen.plan.hash} ({counts})", "bold")
    for number, unit in enumerate(seen.plan.units, start=1):
        _show_unit(shell, seen, number, unit)
    for part in seen.unreadable:
        shell.warn(f"not read: {part}")


def _show_finding(shell: Shell, finding: Finding) -> None:
    held = f", {finding.why}" if finding.why else ""
    shell.say(
        f"\n{finding.reason}  {finding.resource.name}  ({finding.disposition}{held})",
        _STYLES[finding.disposition],
    )
    shell.say(f"  {finding.resource}", "dim")
    shell.say(f"  {finding.message.removeprefix(f'Looked at {finding.resource}. ')}")
    for evidence in finding.evidence:
        if str(evidence) not in finding.message:
            shell.say(f"  - {evidence}")


def _show_unit(shell: Shell, seen: Assessment, number: int, unit: Unit) -> None:
    order = {each.id: at for at, each in enumerate(seen.plan.units, start=1)}
    mark = "  destructive" if unit.destructive else ""
    shell.say(f"\n{number}. {unit.title}  [{unit.remediator}]{mark}", "bold")
    after = sorted(order[name] for name in seen.plan.after.get(unit.id, ()))
    if after:
        shell.say(f"   after {', '.join(map(str, after))}", "dim")
    for at, step in enumerate(unit.steps, start=1):
        shell.say(f"   {number}.{at} {step_words(step)}")
        for change in step.changes:
            shell.say(f"       {_change_words(change, seen.plan)}", "dim")
    shell.say(f"   guards: {_verdict_words(seen.judgement.verdicts[unit.id])}")


def step_words(step: Step) -> str:
    """A step in a few words: what is done to which resource."""
    name = step.resource.name
    match step.kind:
        case "AwaitState":
            return f"wait until {name} is {step.condition}"
        case "InvokeAction":
            return f"{step.action} on {name}"
        case "PutResource" | "DeleteResource":
            verb = "put" if step.kind == "PutResource" else "delete"
            return f"{verb} {step.resource.text.split('/')[-2]} {name}"
        case "PatchResource" | "AttachCompute" | "DetachCompute":
            return f"{step.kind.removesuffix('Resource').removesuffix('Compute').lower()} {name}"
        case other:
            assert_never(other)


def _change_words(change: Change, plan: Plan) -> str:
    return f"{change.field}: {_value(change.before, plan)} → {_value(change.after, plan)}"


def _value(value: object, plan: Plan) -> str:
    """A value, or for one that is known only later, after which step it is."""
    later = reference_of(value)
    if later is not None:
        resource, known = later
        what = "the address" if known is Known.ADDRESS else "the principal"
        makers = [
            f"{n}.{at}"
            for n, unit in enumerate(plan.units, start=1)
            for at, step in enumerate(unit.steps, start=1)
            if step.resource == resource
        ]
        when = f"known after step {makers[-1]}" if makers else "known when the step starts"
        return f"{what} of {resource.name} ({when})"
    if value is None:
        return "nothing"
    text = value if isinstance(value, str) else json.dumps(value, default=str, ensure_ascii=False)
    return text if len(text) <= _LONGEST_VALUE else f"{text[:_LONGEST_VALUE]}…"


def _verdict_words(verdict: Verdict) -> str:
    if may_go_ahead(verdict):
        return "may go ahead"
    until = f" (until {verdict.until.isoformat(timespec='seconds')})" if verdict.until else ""
    why = verdict.would_block or verdict.why
    kind = OutcomeKind.BLOCKED if verdict.would_block else verdict.kind
    return f"{kind}, {why}: {verdict.message}{until}"


def assessment_json(seen: Assessment) -> dict[str, Any]:
    """An assessment for scripts; field names are part of what scripts rely on."""
    verdicts = seen.judgement.verdicts
    return {
        "environment": seen.environment,
        "manifestVersion": seen.manifest_version,
        "inSync": not drift(seen.findings),
        "findings": [{**dump(finding), "key": finding.key} for finding in seen.findings],
        "planHash": seen.plan.hash,
        "units": [
            {
                "number": number,
                "id": unit.id,
                "title": unit.title,
                "remediator": unit.remediator,
                "resource": str(unit.resource),
                "destructive": unit.destructive,
                "findings": list(unit.findings),
                "after": list(seen.plan.after.get(unit.id, ())),
                "steps": [dump(step) for step in unit.steps],
                "verdict": dump(verdicts[unit.id]),
            }
            for number, unit in enumerate(seen.plan.units, start=1)
        ],
        "unreadable": list(seen.unreadable),
    }


def show_record(shell: Shell, record: JsonObject) -> None:
    """What a run came to, finding by finding."""
    good = record["outcome"] in _GOOD
    shell.say("")
    for told in record["outcomes"]:
        kind, finding = told["kind"], told["finding"]
        why = f" ({told['why']})" if told["why"] else ""
        name = str(finding["resource"]).rpartition("/")[2]
        shell.say(
            f"{kind}{why}  {finding['reason']}  {name}", "green" if kind in _GOOD else "yellow"
        )
        if kind not in _GOOD and told["message"]:
            shell.say(f"  {told['message']}")
    if record["problem"]:
        shell.fail(str(record["problem"]))
    shell.say(
        f"{record['environment']}: {record['outcome']}  (run {record['id']})",
        "bold green" if good else "bold red",
    )


def show_history(shell: Shell, record: JsonObject) -> None:
    """Why a run ran, and what it did: its units with each step's time."""
    trigger = record["trigger"]
    shell.say(f"{record['environment']}: run {record['id']}", "bold")
    by = f" by {trigger['by']}" if trigger.get("by") else ""
    shell.say(
        f"  {trigger['cause']}{by}, {record['startedAt'][:19]} to {record['finishedAt'][:19]}, "
        f"manifest {record['manifestVersion']}, mode {record['mode']}"
    )
    units = {unit["id"]: unit for seen in record["rounds"] for unit in seen["plan"]["units"]}
    for told in record["units"]:
        unit = units[told["unit"]]
        why = f" ({told['why']}: {told['message']})" if told.get("why") else ""
        shell.say(f"\n{unit['title']}  [{unit['remediator']}]{why}", "bold")
        for timing in told.get("timings") or ():
            step = unit["steps"][timing["step"]]
            note = f"  {timing['note']}" if timing.get("note") else ""
            name = str(step["resource"]).rpartition("/")[2]
            shell.say(f"  {timing['seconds']:6.1f} s  {step['kind']} {name}{note}")


def status_of(record: JsonObject) -> Status:
    """The exit status that a run's record stands for."""
    match OutcomeKind(record["outcome"]):
        case OutcomeKind.REPAIRED | OutcomeKind.IN_SYNC | OutcomeKind.NOT_NEEDED:
            return Status.GOOD
        case OutcomeKind.FAILED:
            return Status.ERROR
        case _:
            # Somebody else holds the environment: this run did not even look.
            return Status.DRIFT if record["rounds"] else Status.ERROR

"""Owns telling people what needs them: once for as long as it is the same, never by another's end.

A run looks at a part of its environment, so it speaks for that part only: what it did not look at
stays told. What could not be delivered is not told, and goes out with the next run.
"""

from __future__ import annotations

import logging
from typing import Any

from shared.model.codec import dump
from shared.model.json import JsonObject
from shared.model.outcome import OutcomeKind
from shared.model.resource_id import ResourceId
from shared.workflow.services import NotToldError, Services

_LOG = logging.getLogger("relink.workflow")
_TELLING = frozenset({OutcomeKind.BLOCKED, OutcomeKind.FAILED, OutcomeKind.AWAITING_APPROVAL})


def tell(services: Services, record: JsonObject) -> None:
    """Tell the webhook of a run's record, if it holds something that was not told yet."""
    if record["trigger"]["dry_run"]:
        return
    name = record["environment"]
    told = _told(services, name)
    signs = {each["finding"]["key"]: _sign(each, record) for each in _telling(record)}
    problem = _problem(record)
    known = told["findings"]
    fresh = any(known.get(key) != sign for key, sign in signs.items())
    if fresh or (problem and problem != told["problem"]):
        try:
            services.notify(_message(services, record, problem))
        except NotToldError as error:
            _LOG.error("%s; it is told again after the next run", error)
            return
    staying = {key: sign for key, sign in known.items() if not _spoke_for(record, sign)}
    now: dict[str, Any] = {"findings": {**staying, **signs}, "problem": problem}
    if now != told:
        services.records.put_paper("told", name, now)


def _told(services: Services, name: str) -> dict[str, Any]:
    paper = services.records.paper("told", name)
    return paper if isinstance(paper, dict) else {"findings": {}, "problem": ""}


def _telling(record: JsonObject) -> list[JsonObject]:
    return [each for each in record["outcomes"] if each["kind"] in _TELLING]


def _problem(record: JsonObject) -> str:
    """What broke the run off; being held by somebody else is no problem of a person's."""
    return record["problem"] if record["outcome"] == OutcomeKind.FAILED.value else ""


def _sign(outcome: JsonObject, record: JsonObject) -> dict[str, str]:
    """What has to stay the same for an outcome to count as told; and whom it is about."""
    waits = outcome["kind"] == OutcomeKind.AWAITING_APPROVAL.value and record["rounds"]
    return {
        "kind": outcome["kind"],
        "why": outcome["why"],
        "plan": record["rounds"][-1]["approvalHash"] if waits else "",
        "resource": ResourceId.parse(outcome["finding"]["resource"]).key,
        "remediator": outcome["finding"]["remediator"],
    }


def _spoke_for(record: JsonObject, sign: JsonObject) -> bool:
    """Whether the run judged what this was told of."""
    looked_at = {ResourceId.parse(each).key for each in record["lookedAt"]}
    return sign["resource"] in looked_at and sign["remediator"] in record["remediators"]


def _message(services: Services, record: JsonObject, problem: str) -> dict[str, Any]:
    telling = _telling(record)
    waits = any(each["kind"] == OutcomeKind.AWAITING_APPROVAL.value for each in telling)
    approval = services.records.approval(record["environment"]) if waits else None
    return {
        "environment": record["environment"],
        "run": record["id"],
        "outcome": record["outcome"],
        "problem": problem,
        "findings": telling,
        "approval": dump(approval) if approval else None,
    }

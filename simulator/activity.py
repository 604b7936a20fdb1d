"""Owns the activity log: one entry when a write starts, one when it ends, kept 90 days.

Shape and filter as in Microsoft.Insights 2015-04-01 `eventtypes/management/values`.
"""

import re
from datetime import datetime, timedelta

from simulator.clock import stamp
from simulator.errors import ArmError, bad_request
from simulator.operations import Change
from simulator.paths import Path, same
from simulator.wire import Json

KEPT = timedelta(days=90)
_CLAUSE = re.compile(r"^(\w+)\s+(ge|le|gt|lt|eq)\s+(?:'([^']*)'|(\S+))$", re.IGNORECASE)
_MEMBERS = {
    "resourceuri": "resourceId",
    "resourceid": "resourceId",
    "resourcegroupname": "resourceGroupName",
    "correlationid": "correlationId",
    "caller": "caller",
}


def entry(change: Change, status: str, at: datetime, event_id: str, error: ArmError | None) -> Json:
    """Make one entry; `status` is Started, Succeeded or Failed."""
    path = Path.parse(change.resource_id)
    ended = status != "Started"
    log: Json = {
        "authorization": {
            "action": change.action,
            "role": change.grant.role if change.grant else "",
            "scope": change.resource_id,
        },
        "caller": change.caller.login,
        "claims": change.caller.claims(),
        "correlationId": change.correlation,
        "description": "",
        "eventDataId": event_id,
        "eventName": _named("EndRequest" if ended else "BeginRequest"),
        "category": _named("Administrative"),
        "id": f"{change.resource_id}/events/{event_id}/ticks/{int(at.timestamp() * 10_000_000)}",
        "level": "Error" if error else "Informational",
        "resourceGroupName": path.group,
        "resourceProviderName": _named(path.namespace),
        "resourceId": change.resource_id,
        "resourceType": _named(path.type),
        "operationId": change.correlation,
        "operationName": _named(change.action),
        "properties": {"eventCategory": "Administrative", "entity": change.resource_id},
        "status": _named(status),
        "subStatus": _named(""),
        "eventTimestamp": stamp(at),
        "submissionTimestamp": stamp(at),
        "subscriptionId": path.subscription,
        "tenantId": change.caller.claims()["http://schemas.microsoft.com/identity/claims/tenantid"],
    }
    if error:
        log["properties"]["statusCode"] = str(error.status)
        log["properties"]["statusMessage"] = f'{{"error":{{"code":"{error.code}"}}}}'
    return log


def _named(value: str) -> Json:
    return {"value": value, "localizedValue": value}


def select(entries: list[Json], filter_text: str, members: str) -> list[Json]:
    """Return the entries that a `$filter` names, newest first, cut down to the `$select` members.

    Raises ArmError BadRequest when eventTimestamp is not bounded from below or a clause is not understood.
    """
    clauses = [_clause(text) for text in re.split(r"\s+and\s+", filter_text.strip()) if text]
    if not any(m == "eventtimestamp" and o in ("ge", "gt") for m, o, _ in clauses):
        raise bad_request(
            "BadRequest", "The $filter must bound eventTimestamp from below with 'ge'."
        )
    kept = [e for e in reversed(entries) if all(_holds(e, *clause) for clause in clauses)]
    wanted = {member.strip().lower() for member in members.split(",") if member.strip()}
    if not wanted:
        return kept
    return [{k: v for k, v in e.items() if k.lower() in wanted} for e in kept]


def _clause(text: str) -> tuple[str, str, str]:
    found = _CLAUSE.match(text.strip())
    if not found:
        raise bad_request("BadRequest", f"The $filter clause {text!r} is not supported.")
    return found[1].lower(), found[2].lower(), found[3] or found[4] or ""


def _holds(log: Json, member: str, operator: str, value: str) -> bool:
    if member == "eventtimestamp":
        at, bound = _moment(str(log["eventTimestamp"])), _moment(value)
        return {"ge": at >= bound, "gt": at > bound, "le": at <= bound, "lt": at < bound}[operator]
    if member == "resourceprovider":
        return same(log["resourceProviderName"]["value"], value)
    if member not in _MEMBERS:
        raise bad_request("BadRequest", f"The $filter member {member!r} is not supported.")
    return same(str(log[_MEMBERS[member]]), value)


def _moment(text: str) -> datetime:
    trimmed = re.sub(r"(\.\d{6})\d+", r"\1", text.strip().replace("Z", "+00:00"))
    try:
        moment = datetime.fromisoformat(trimmed)
    except ValueError as error:
        raise bad_request("BadRequest", f"The timestamp {text!r} is not understood.") from error
    return (
        moment
        if moment.tzinfo
        else moment.replace(tzinfo=datetime.fromisoformat("1970-01-01T00:00:00+00:00").tzinfo)
    )

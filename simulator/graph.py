"""Owns a small honest part of Resource Graph: `resources` with where, project, order by, take, count.

Anything else is refused with Azure's BadRequest rather than answered wrongly. Zone groups, computes, record sets,
locks, connections and role assignments are not in the `resources` table (domain facts, section 6).
"""

import re
from collections.abc import Callable
from typing import Any

from simulator.call import Call
from simulator.directory import TENANT
from simulator.errors import ArmError
from simulator.store import Resource
from simulator.wire import Json, Reply

MOST = 1000
_TRACKED_CHILDREN = ("microsoft.network/privatednszones/virtualnetworklinks",)
_WHERE = re.compile(
    r"^(?P<not>not\s*\()?\s*(?P<left>[\w.\[\]'()]+)\s*(?P<op>=~|==|!=|!~|in~|in|startswith|contains|has)\s*(?P<right>.+)$",
    re.IGNORECASE | re.DOTALL,
)
_STRING = re.compile(r"^(?:tolower\()?(['\"])(.*?)\1\)?$", re.DOTALL)
_PLAIN = re.compile(r"^[\w.]+$")


def is_tracked(resource: Resource) -> bool:
    """Whether a resource is one that ARM and Resource Graph list by itself."""
    lowered = resource.type.lower()
    if lowered.startswith(("microsoft.resources/", "microsoft.authorization/")):
        return False
    if lowered == "microsoft.kubernetesconfiguration/extensions":
        return False
    return lowered.count("/") == 1 or lowered in _TRACKED_CHILDREN


def answer(call: Call) -> Reply:
    """Answer a query with a page of rows and the quota headers."""
    options: Json = call.body.get("options") or {}
    wanted = {str(s).lower() for s in call.body.get("subscriptions") or []}
    rows, projected = _run(str(call.body.get("query", "")), _rows(call, wanted))
    top = min(int(options.get("$top") or MOST), MOST)
    try:
        skip = int(options.get("$skipToken") or options.get("$skip") or 0)
    except ValueError as error:
        raise _refused("the $skipToken is invalid") from error
    page = rows[skip : skip + top]
    more = skip + top < len(rows)
    paged = more and "id" in projected
    body: Json = {
        "totalRecords": len(rows),
        "count": len(page),
        "data": page,
        "facets": [],
        "resultTruncated": "true" if more and not paged else "false",
    }
    if paged:
        body["$skipToken"] = str(skip + top)
    quota = {"x-ms-user-quota-remaining": "14", "x-ms-user-quota-resets-after": "00:00:05"}
    return Reply(200, body, quota)


def _rows(call: Call, subscriptions: set[str]) -> list[Json]:
    from simulator.providers import kind_of  # noqa: PLC0415 - the catalogue contains this module's kind

    rows = []
    for resource in call.context.store:
        inside = not subscriptions or resource.path.subscription.lower() in subscriptions
        readable = f"{resource.type}/read"
        if not is_tracked(resource) or not inside:
            continue
        if call.context.access.granted(call.caller, readable, resource.id):
            rows.append(_row(resource, kind_of(resource.type).shown(call.context, resource)))
    return rows


def _row(resource: Resource, body: Json) -> Json:
    path = resource.path
    return {
        "id": resource.id,
        "name": resource.name,
        "type": resource.type.lower(),
        "tenantId": TENANT,
        "kind": body.get("kind", ""),
        "location": body.get("location", ""),
        "resourceGroup": path.group.lower(),
        "subscriptionId": path.subscription,
        "managedBy": "",
        "sku": body.get("sku"),
        "plan": None,
        "properties": body.get("properties", {}),
        "tags": body.get("tags"),
        "identity": body.get("identity"),
        "zones": None,
        "extendedLocation": None,
    }


def _run(query: str, rows: list[Json]) -> tuple[list[Json], set[str]]:
    stages = [stage.strip() for stage in _split(query, "|")]
    if not stages or stages[0].lower() != "resources":
        raise _refused(f"the table {stages[0] if stages else ''!r} is not simulated")
    projected = set(rows[0]) if rows else {"id"}
    for stage in stages[1:]:
        operator, _, rest = stage.partition(" ")
        match operator.lower():
            case "where":
                for clause in re.split(r"\s+and\s+", rest, flags=re.IGNORECASE):
                    holds = _condition(clause.strip())
                    rows = [row for row in rows if holds(row)]
            case "project":
                rows, projected = _project(rest, rows)
            case "take" | "limit":
                rows = rows[: int(rest)]
            case "count":
                rows, projected = [{"Count": len(rows)}], {"Count"}
            case "order" | "sort":
                rows = _ordered(rest, rows)
            case _:
                raise _refused(f"the operator {operator!r} is not simulated")
    return rows, projected


def _split(text: str, separator: str) -> list[str]:
    parts, quote, current = [], "", ""
    for letter in text:
        if letter in "'\"" and quote in ("", letter):
            quote = "" if quote else letter
        if letter == separator and not quote:
            parts.append(current)
            current = ""
        else:
            current += letter
    return [part for part in (*parts, current) if part.strip()]


def _condition(clause: str) -> Callable[[Json], bool]:
    found = _WHERE.match(clause)
    if not found or found["not"] or re.search(r"\s+or\s+", clause, re.IGNORECASE):
        raise _refused(f"the condition {clause!r} is not simulated")
    operator, left, right = found["op"].lower(), found["left"], found["right"].strip()
    values = [_literal(v) for v in _list(right)] if operator.startswith("in") else [_literal(right)]
    folded = [v.lower() for v in values]

    def holds(row: Json) -> bool:
        value = _value(row, left)
        lowered = value.lower()
        match operator:
            case "==" | "in":
                return value in values
            case "!=":
                return value not in values
            case "=~" | "in~":
                return lowered in folded
            case "!~":
                return lowered not in folded
            case "startswith":
                return lowered.startswith(folded[0])
            case _:
                return folded[0] in lowered

    return holds


def _list(text: str) -> list[str]:
    if not (text.startswith("(") and text.endswith(")")):
        raise _refused(f"{text!r} is no list")
    return [part.strip() for part in _split(text[1:-1], ",")]


def _literal(text: str) -> str:
    found = _STRING.match(text.strip())
    if found:
        return found[2].lower() if text.strip().lower().startswith("tolower(") else found[2]
    if text.strip().lower() in ("true", "false") or text.strip().isdigit():
        return text.strip().lower()
    raise _refused(f"{text!r} is no literal")


def _value(row: Json, expression: str) -> str:
    lowered = expression.lower()
    if lowered.startswith(("tolower(", "tostring(")) and expression.endswith(")"):
        inner = _value(row, expression[expression.index("(") + 1 : -1])
        return inner.lower() if lowered.startswith("tolower(") else inner
    value = _member(row, expression)
    if isinstance(value, bool):
        return str(value).lower()
    return "" if value is None else str(value)


def _member(row: Json, expression: str) -> Any:  # noqa: ANN401 - any JSON value
    if not _PLAIN.match(expression):
        raise _refused(f"the expression {expression!r} is not simulated")
    value: Any = row
    for part in expression.split("."):
        value = value.get(part) if isinstance(value, dict) else None
    return value


def _project(text: str, rows: list[Json]) -> tuple[list[Json], set[str]]:
    columns: dict[str, str] = {}
    for part in _split(text, ","):
        name, _, expression = (p.strip() for p in part.partition("="))
        columns[name if expression else name.replace(".", "_")] = expression or name
    return [{n: _column(row, e) for n, e in columns.items()} for row in rows], set(columns)


def _column(row: Json, expression: str) -> Any:  # noqa: ANN401 - any JSON value
    return _value(row, expression) if "(" in expression else _member(row, expression)


def _ordered(text: str, rows: list[Json]) -> list[Json]:
    words = text.split()
    if not words or words[0].lower() != "by" or "," in text:
        raise _refused(f"order {text!r} is not simulated")
    descending = len(words) < 3 or words[2].lower() == "desc"  # noqa: PLR2004 - by, column, direction
    return sorted(rows, key=lambda row: _value(row, words[1]), reverse=descending)


def _refused(why: str) -> ArmError:
    return ArmError(
        400,
        "BadRequest",
        f"Please provide below info when asking for support: Query is invalid: {why}.",
    )

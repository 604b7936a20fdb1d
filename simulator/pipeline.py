"""Owns the order in which ARM looks at a request: token, version, faults, permission, locks, existence, conditions."""

import json
from collections.abc import Mapping

from simulator.call import Call, split_url
from simulator.context import Context
from simulator.directory import TENANT, Principal
from simulator.durations import THROTTLED_RETRY_AFTER
from simulator.errors import (
    ArmError,
    authorization_failed,
    bad_request,
    group_not_found,
    parent_not_found,
    precondition_failed,
    scope_locked,
)
from simulator.faults import Mischief
from simulator.graph.changes import note_before
from simulator.graph.tables import before_change
from simulator.kind import Kind
from simulator.operations import Change, Operation
from simulator.paths import RESOURCES, Path
from simulator.wire import Json, Reply, Request

WRITES = ("PUT", "PATCH", "DELETE", "POST")


def authenticate(context: Context, request: Request) -> Principal:
    """Return the caller of a request; raises Azure's 401 for a missing, unknown or expired token."""
    scheme, _, token = (request.header("Authorization") or "").partition(" ")
    caller = context.state.directory.redeem(token.strip(), context.now())
    if caller and _expired(context, request, caller):
        caller = None
    if scheme.lower() == "bearer" and caller:
        return caller
    missing = not token
    code = "AuthenticationFailed" if missing else "InvalidAuthenticationToken"
    detail = "The 'Authorization' header is missing." if missing else "The access token is invalid."
    challenge = (
        f'Bearer authorization_uri="{context.endpoint}/{TENANT}", error="invalid_token", '
        f'error_description="{detail}"'
    )
    raise ArmError(
        401, code, f"Authentication failed. {detail}", headers={"WWW-Authenticate": challenge}
    )


def _expired(context: Context, request: Request, caller: Principal) -> bool:
    """Tell whether a fault lets the caller's token be an expired one."""
    faults = context.state.faults
    named = {f.principal for f in faults.in_force(Mischief.EXPIRE_TOKENS)}
    if not named & {"", caller.name, caller.object_id}:
        return False
    return (
        faults.strike(Mischief.EXPIRE_TOKENS, request.method, split_url(request.url)[0]) is not None
    )


def open_call(
    context: Context, kinds: Mapping[str, Kind], request: Request, caller: Principal
) -> tuple[Call, Kind]:
    """Parse a request and find its kind; raises ArmError for what ARM would not route."""
    text, query = split_url(request.url)
    if "api-version" not in query:
        raise bad_request(
            "MissingApiVersionParameter",
            "The api-version query parameter (?api-version=) is required for all requests.",
        )
    try:
        path = Path.parse(text.rstrip("/"))
    except ValueError as error:
        raise bad_request("InvalidRequestUri", str(error)) from error
    verb = ""
    if request.method == "POST" and path.is_collection:
        verb, path = path.types[-1], path.parent
    if path.scope and not path.types:
        path = Path(path.scope, RESOURCES, ("providers",), (path.namespace,))
    kind = kinds.get(path.type.lower())
    if kind is None:
        raise ArmError(
            404,
            "InvalidResourceType",
            f"The resource type could not be found in the namespace '{path.namespace}' for api version "
            f"'{query['api-version']}'.",
        )
    correlation = request.header("x-ms-correlation-request-id") or context.chance.guid()
    body = parse_body(request)
    return Call(context, request, path, verb, query, body, caller, correlation), kind


def parse_body(request: Request) -> Json:
    """Parse a JSON object; an empty body is an empty object."""
    if not request.body.strip():
        return {}
    try:
        body = json.loads(request.body)
    except ValueError as error:
        raise bad_request(
            "InvalidRequestContent",
            f"The request content was invalid and could not be deserialized: {error}",
        ) from error
    if not isinstance(body, dict):
        raise bad_request("InvalidRequestContent", "The request content must be a JSON object.")
    return body


def strike(context: Context, call: Call) -> None:
    """Let a fault answer in place of the provider."""
    faults, where = context.state.faults, (call.request.method, str(call.path), call.action)
    throttle = faults.strike(Mischief.THROTTLE, *where)
    if throttle:
        seconds = throttle.retry_after
        wait = str(seconds) if seconds else context.retry_after(THROTTLED_RETRY_AFTER)
        raise ArmError(
            429,
            throttle.code or "TooManyRequests",
            throttle.message or "Number of requests exceeded the limit. Please try again later.",
            headers={"Retry-After": wait},
        )
    conflict = faults.strike(Mischief.CONFLICT, *where)
    if conflict:
        raise ArmError(
            409,
            conflict.code or "AnotherOperationInProgress",
            conflict.message or "Another operation on this or dependent resource is in progress.",
        )
    error = faults.strike(Mischief.ERROR, *where)
    if error:
        extra = {"Retry-After": str(error.retry_after)} if error.retry_after else {}
        code, message = error.code or "InternalServerError", error.message or "Try again later."
        raise ArmError(error.status, code, message, headers=extra)


def authorize(call: Call, kind: Kind) -> None:
    """Check the caller's permission; reads of one's own permissions need none."""
    call.action = kind.action_for(call)
    if not call.action:
        return
    attributes = kind.attributes(call)
    call.grant = call.context.access.granted(call.caller, call.action, str(call.path), attributes)
    if call.grant is None:
        who = call.caller
        raise authorization_failed(who.login, who.object_id, call.action, str(call.path))


def respect_locks(call: Call, kind: Kind) -> None:
    """Refuse what a lock forbids; locks themselves are never locked."""
    if call.request.method not in WRITES or kind.type == "Microsoft.Authorization/locks":
        return
    target = str(call.path)
    locked = call.context.access.lock_against(call.request.method, target)
    if locked:
        operation = "delete" if call.request.method == "DELETE" else "write"
        raise scope_locked(operation, target, locked)


def locate(call: Call, kind: Kind) -> None:
    """Find the resource; raises for a group or a parent that does not exist."""
    store, path = call.context.store, call.path
    if path.subscription and not store.get(f"/subscriptions/{path.subscription}"):
        raise ArmError(
            404,
            "SubscriptionNotFound",
            f"The subscription '{path.subscription}' could not be found.",
        )
    names_group = path.namespace == RESOURCES and len(path.types) == 2  # noqa: PLR2004 - subscription, group
    if path.group and not names_group:
        group = f"/subscriptions/{path.subscription}/resourceGroups/{path.group}"
        if not store.get(group):
            raise group_not_found(path.group)
    if kind.child_of and not store.get(str(path.parent)):
        raise parent_not_found(path.name or path.types[-1], str(path.parent))
    found = None if path.is_collection else store.get(str(path))
    hidden = (
        found and call.request.method == "GET" and call.context.state.faults.conceals(found.key)
    )
    call.resource = None if hidden else found


def respect_conditions(call: Call, kind: Kind) -> None:
    """Honour If-Match and If-None-Match where the provider does."""
    if not (kind.has_etag or kind.etag_member) or call.request.method not in (
        "PUT",
        "PATCH",
        "DELETE",
    ):
        return
    match, none_match = call.request.header("If-Match"), call.request.header("If-None-Match")
    etag = call.resource.hidden.get("etag") if call.resource else None
    if match and (etag is None or match not in ("*", etag)):
        raise precondition_failed("If-Match")
    if none_match == "*" and call.resource is not None:
        raise precondition_failed("If-None-Match")


def open_change(call: Call) -> None:
    """Note the write in the activity log."""
    target = call.resource.id if call.resource else str(call.path)
    client_id = call.request.header("x-ms-client-request-id") or call.correlation
    call.change = Change(
        action=call.action,
        method=call.request.method,
        resource_id=target,
        caller=call.caller,
        grant=call.grant,
        correlation=call.correlation,
        creates=call.resource is None and call.request.method == "PUT",
        url=call.request.url,
        client_request_id=client_id,
    )
    before_change(call.context)
    note_before(call.context, call.change, call.resource)
    call.context.started(call.change)


def dispatch(call: Call, kind: Kind) -> Reply:
    """Let the kind answer."""
    if call.path.is_collection and call.request.method == "GET":
        return page(call, kind.list(call))
    match call.request.method:
        case "GET" | "HEAD":
            gone = None if call.resource else call.context.state.faults.linger(call.path.key)
            return Reply(200, gone) if gone else kind.read(call)
        case "PUT" if not call.path.is_collection:
            for action, scope in kind.linked(call):
                call.require_linked(action, scope)
            return kind.write(call)
        case "PATCH" if not call.path.is_collection:
            for action, scope in kind.linked(call):
                call.require_linked(action, scope)
            return kind.patch(call)
        case "DELETE" if not call.path.is_collection:
            return kind.delete(call)
        case "POST":
            return kind.act(call)
        case method:
            raise ArmError(405, "MethodNotAllowed", f"{method} is not allowed on {call.path}.")


def page(call: Call, items: list[Json]) -> Reply:
    """Cut a list into pages; the next one is found by nextLink, on ARM's own origin."""
    context = call.context
    try:
        start = int(call.query.get("$skiptoken", "0"))
    except ValueError as error:
        raise bad_request("InvalidSkipToken", "The skip token is invalid.") from error
    body: Json = {"value": items[start : start + context.page_size]}
    following = start + context.page_size
    if following < len(items):
        base = call.request.url.split("?")[0]
        kept = "&".join(f"{k}={v}" for k, v in call.query.items() if k != "$skiptoken")
        body["nextLink"] = f"{context.endpoint}{base}?{kept}&$skiptoken={following}".replace(
            " ", "%20"
        )
    return Reply(200, body)


def poll(context: Context, kind: Kind, operation: Operation, *, by_status: bool, url: str) -> Reply:
    """Answer a polling address. A status address answers 200 even for a failure; a Location tells by its status."""
    waiting = {"Retry-After": context.retry_after(kind.polling.retry_after)}
    if by_status:
        address = split_url(url)[0]
        return Reply(200, operation.view(address), waiting if operation.running else {})
    if operation.running:
        return Reply(202, None, waiting | {"Location": f"{context.endpoint}{url}"})
    if operation.error:
        raise operation.error
    resource = context.store.get(operation.resource_id)
    if operation.result is not None:
        return Reply(200, operation.result)
    if operation.what == "delete" or resource is None:
        return Reply(204)
    return Reply(200, kind.shown(context, resource))

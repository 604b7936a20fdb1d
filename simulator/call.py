"""Owns one request on its way through ARM: what it names, who asks, what was found."""

import copy
import re
from dataclasses import dataclass
from urllib.parse import parse_qsl

from simulator.access import Grant
from simulator.clock import stamp
from simulator.context import Context
from simulator.directory import Principal
from simulator.errors import (
    ArmError,
    authorization_failed,
    linked_authorization_failed,
    resource_not_found,
)
from simulator.operations import Change
from simulator.paths import Path
from simulator.store import Resource
from simulator.wire import Json, Request


@dataclass(slots=True)
class Call:
    """A request with its parsed path; `verb` is the POST action's name, empty otherwise."""

    context: Context
    request: Request
    path: Path
    verb: str
    query: dict[str, str]
    body: Json
    caller: Principal
    correlation: str
    action: str = ""
    grant: Grant | None = None
    resource: Resource | None = None
    change: Change | None = None

    @property
    def version(self) -> str:
        """The api-version."""
        return self.query.get("api-version", "")

    def found(self) -> Resource:
        """Return the resource the request names; raises ResourceNotFound."""
        if self.resource is None:
            path = self.path
            names = "/".join(path.names)
            raise resource_not_found(f"{path.type}/{names}", path.group)
        return self.resource

    def properties(self) -> Json:
        """Return a copy of the request body's properties."""
        given = self.body.get("properties")
        if given is not None and not isinstance(given, dict):
            raise ArmError(
                400, "InvalidRequestContent", "The request content was invalid: properties."
            )
        return copy.deepcopy(given or {})

    def begun(self) -> Change:
        """Return the change this request makes; raises AssertionError for a read."""
        assert self.change is not None, "only writes make a change"  # noqa: S101 - a defect of ours
        return self.change

    def look(self) -> Change:
        """Return a silent change, for a read that runs long."""
        return Change(
            action=self.action,
            method=self.request.method,
            resource_id=str(self.path),
            caller=self.caller,
            grant=self.grant,
            correlation=self.correlation,
            creates=False,
            url=self.request.url,
            client_request_id=self.correlation,
            silent=True,
        )

    def require(self, action: str, scope: str) -> None:
        """Refuse a caller without an action on the resource itself."""
        if not self.context.access.granted(self.caller, action, scope):
            raise authorization_failed(self.caller.login, self.caller.object_id, action, scope)

    def require_linked(self, action: str, scope: str) -> None:
        """Refuse a caller without an action on something the body refers to."""
        if not self.context.access.granted(self.caller, action, scope):
            raise linked_authorization_failed(
                self.caller.login,
                self.caller.object_id,
                (self.action, str(self.path)),
                (action, scope),
            )

    def system_data(self, created: Json | None) -> Json:
        """Return systemData for a write by this caller; `created` is the former one."""
        who = self.caller.login if self.caller.kind == "User" else self.caller.app_id
        kind = "User" if self.caller.kind == "User" else "Application"
        now = stamp(self.context.now())
        first = created or {"createdBy": who, "createdByType": kind, "createdAt": now}
        return {
            "createdBy": first["createdBy"],
            "createdByType": first["createdByType"],
            "createdAt": first["createdAt"],
            "lastModifiedBy": who,
            "lastModifiedByType": kind,
            "lastModifiedAt": now,
        }


def split_url(url: str) -> tuple[str, dict[str, str]]:
    """Split a URL into its path, doubled slashes made one, and its query with names as ARM spells them."""
    path, _, tail = url.partition("?")
    query = {
        (k.lower() if k.lower() in ("api-version", "$filter", "$select", "$top") else k): v
        for k, v in parse_qsl(tail, keep_blank_values=True)
    }
    return re.sub("/+", "/", path), query

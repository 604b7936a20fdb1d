"""Owns what all kinds of resource have in common: the requests they answer and how writes become operations.

A concrete kind overrides the parts in which its provider differs. The order of ARM's own checks (caller, api-version,
permission, locks, existence) is not here but in `pipeline`.
"""

import copy
import re
from collections.abc import Iterable
from dataclasses import dataclass

from simulator.call import Call
from simulator.context import Context
from simulator.durations import RETRY_AFTER
from simulator.errors import ArmError, bad_request
from simulator.operations import Operation, Polling
from simulator.store import Resource
from simulator.wire import Json, Reply

TOP_LEVEL = (
    "location",
    "tags",
    "sku",
    "kind",
    "identity",
    "zones",
    "extendedLocation",
    "plan",
)


def provider_polling(namespace: str, version: str, *, by_status: bool = True) -> Polling:
    """Return the usual polling addresses of a provider, on ARM's own origin."""
    base = f"/subscriptions/{{s}}/providers/{namespace}/locations/{{l}}"
    return Polling(
        status_path=f"{base}/operations/{{id}}",
        result_path=f"{base}/operationResults/{{id}}",
        version=version,
        retry_after=RETRY_AFTER[namespace],
        by_status=by_status,
    )


@dataclass(frozen=True, slots=True)
class Timing:
    """How long a kind's writes run: keys of `durations.SECONDS`; empty means synchronous."""

    create: str = ""
    update: str = ""
    patch: str = ""
    delete: str = ""


class Kind:
    """One resource type. `read_only` are properties that a body cannot set."""

    type: str = ""
    timing = Timing()
    polling: Polling = provider_polling("Microsoft.Resources", "2024-03-01")
    read_only: frozenset[str] = frozenset()
    etag_member: str = ""
    has_etag: bool = False
    dates_itself: bool = False
    needs_location: bool = True
    has_state: bool = True
    creating: str = "Creating"
    create_status: int = 201
    update_status: int = 200
    delete_status: int = 202
    load_rank: int = 5
    child_of: str = ""
    name_pattern: str = ""

    # -- hooks that kinds override ------------------------------------------------------------------------

    def check(self, call: Call) -> None:
        """Refuse a body that the provider would refuse; the default wants a location."""
        if self.needs_location and not call.body.get("location"):
            raise bad_request(
                "LocationRequired", "The location property is required for this definition."
            )

    def check_name(self, name: str) -> None:
        """Refuse a name that the provider does not allow."""
        if self.name_pattern and not re.fullmatch(self.name_pattern, name):
            raise bad_request(
                "InvalidResourceName",
                f"'{name}' is no name of a {self.type}: it must match {self.name_pattern}.",
            )

    def linked(self, call: Call) -> Iterable[tuple[str, str]]:
        """Return the (action, scope) pairs that the caller also needs."""
        del call
        return ()

    def attributes(self, call: Call) -> dict[str, str]:
        """Return the attributes of a request that conditions of role assignments look at."""
        del call
        return {}

    def complete(self, context: Context, resource: Resource) -> None:
        """Fill in what Azure adds: defaults and read-only members; called at creation, update and load."""

    def created(self, context: Context, operation: Operation, resource: Resource) -> None:
        """Finish a creation at its due time; may raise ArmError."""

    def updated(self, context: Context, operation: Operation, resource: Resource) -> None:
        """Finish an update at its due time; may raise ArmError."""

    def refuse_removal(self, context: Context, resource: Resource) -> None:
        """Refuse to delete what is in use; raises ArmError before anything is begun."""

    def removed(self, context: Context, resource: Resource) -> None:
        """Clean up what goes with a resource, before it goes."""

    def loaded(self, context: Context, resource: Resource) -> None:
        """Give a resource that exists since long what Azure would have given it."""

    def shown(self, context: Context, resource: Resource, version: str = "") -> Json:
        """Return the body that a GET shows."""
        del context, version
        return copy.deepcopy(resource.body)

    def alive(self, context: Context, resource: Resource) -> bool | None:
        """Tell whether something works that ARM does not show; None where there is no such thing."""
        del context, resource
        return None

    def action_for(self, call: Call) -> str:
        """Return the ARM action a request needs."""
        tails = {
            "GET": "read",
            "HEAD": "read",
            "PUT": "write",
            "PATCH": "write",
            "DELETE": "delete",
        }
        if call.request.method == "POST":
            return f"{self.type}/{call.verb}/action"
        return f"{self.type}/{tails[call.request.method]}"

    # -- what requests do ---------------------------------------------------------------------------------

    def read(self, call: Call) -> Reply:
        """Answer GET of one resource."""
        resource = call.found()
        return Reply(200, self.shown(call.context, resource, call.version), self.headers(resource))

    def list(self, call: Call) -> list[Json]:
        """Answer GET of a collection; the pipeline cuts it into pages."""
        scope = str(call.path.parent) if len(call.path.types) > 1 else call.path.scope
        return [
            self.shown(call.context, r, call.version)
            for r in call.context.store.of_type(self.type, scope)
            if self.listed(call, r)
        ]

    def listed(self, call: Call, resource: Resource) -> bool:
        """Tell whether a list shows a resource under its scope."""
        del call, resource
        return True

    def write(self, call: Call) -> Reply:
        """Answer PUT."""
        self.check_name(call.path.name)
        self.check(call)
        old = call.resource
        if old:
            self.refuse_busy(call, old)
            self.assign(call, old)
            return self.start(call, old, "update", self.timing.update, self.update_status)
        resource = call.context.make(call.path, self.type, {})
        self.assign(call, resource)
        return self.start(call, resource, "create", self.timing.create, self.create_status)

    def assign(self, call: Call, resource: Resource) -> None:
        """Put the request's body in place of the old one, keeping what is read-only."""
        kept = {k: v for k, v in resource.properties.items() if k in self.read_only}
        given = {k: v for k, v in call.properties().items() if k not in self.read_only}
        for member in TOP_LEVEL:
            if member in call.body:
                resource.body[member] = copy.deepcopy(call.body[member])
        resource.body["properties"] = given | kept
        self.complete(call.context, resource)
        self.touch(call, resource)

    def patch(self, call: Call) -> Reply:
        """Answer PATCH: members given replace members held, each as a whole."""
        resource = call.found()
        self.refuse_busy(call, resource)
        self.merge(call, resource)
        self.touch(call, resource)
        return self.start(call, resource, "update", self.timing.patch, self.update_status)

    def merge(self, call: Call, resource: Resource) -> None:
        """Apply a PATCH body."""
        for member in ("tags", "identity", "sku", "kind"):
            if member in call.body:
                resource.body[member] = copy.deepcopy(call.body[member])
        given = {k: v for k, v in call.properties().items() if k not in self.read_only}
        resource.properties.update(given)
        self.complete(call.context, resource)

    def delete(self, call: Call) -> Reply:
        """Answer DELETE: 204 for what does not exist."""
        resource = call.resource
        if resource is None:
            call.context.ended(call.begun())
            return Reply(204)
        self.refuse_busy(call, resource)
        self.refuse_removal(call.context, resource)
        status = self.delete_status if self.timing.delete else 200
        return self.start(call, resource, "delete", self.timing.delete, status)

    def act(self, call: Call) -> Reply:
        """Answer POST; kinds with actions override it."""
        raise bad_request("InvalidResourceType", f"{self.type} has no action {call.verb!r}.")

    # -- machinery ----------------------------------------------------------------------------------------

    def refuse_busy(self, call: Call, resource: Resource) -> None:
        """Refuse a write while another operation runs on the resource."""
        running = call.context.running_on(resource.id)
        if running:
            raise ArmError(
                409,
                "AnotherOperationInProgress",
                f"Another operation on this or dependent resource is in progress. To retrieve status of the "
                f"operation use uri: {self.status_address(call.context, running)}.",
            )

    def touch(self, call: Call, resource: Resource) -> None:
        """Renew the etag and the modification record."""
        if self.has_etag or self.etag_member:
            self.renew_etag(call.context, resource)
        if self.dates_itself:
            resource.body["systemData"] = call.system_data(resource.body.get("systemData"))

    def renew_etag(self, context: Context, resource: Resource) -> None:
        """Give the resource a new etag."""
        resource.hidden["etag"] = f'W/"{context.chance.guid()}"'
        if self.etag_member:
            resource.body[self.etag_member] = resource.hidden["etag"]

    def headers(self, resource: Resource) -> dict[str, str]:
        """Return the ETag header, where the provider sends one."""
        etag = resource.hidden.get("etag")
        return {"ETag": str(etag)} if etag else {}

    def start(
        self,
        call: Call,
        resource: Resource,
        what: str,
        duration: str,
        status: int,
        *,
        arguments: Json | None = None,
    ) -> Reply:
        """Start a write: synchronous without a duration, else an operation with polling addresses."""
        context = call.context
        if not duration:
            return self.at_once(call, resource, what, status)
        states = {"create": self.creating, "update": "Updating", "delete": "Deleting"}
        if self.has_state and what in states:
            resource.properties["provisioningState"] = states[what]
        operation = context.begin(call.begun(), resource, what, duration, arguments)
        return self.accepted(context, operation, resource, status)

    def at_once(self, call: Call, resource: Resource, what: str, status: int) -> Reply:
        """Complete a synchronous write."""
        operation = Operation(
            "",
            self.type,
            resource.id,
            what,
            call.context.now(),
            call.context.now(),
            call.begun(),
            "",
        )
        try:
            self.finish(call.context, operation)
        except ArmError:
            if what == "create":
                call.context.store.remove(resource.id)
            raise
        call.context.ended(call.begun())
        if what == "delete":
            return Reply(status)
        return Reply(
            status, self.shown(call.context, resource, call.version), self.headers(resource)
        )

    def accepted(
        self, context: Context, operation: Operation, resource: Resource, status: int
    ) -> Reply:
        """Answer with the polling addresses of the provider; a 202 has no body."""
        headers = {"Retry-After": context.retry_after(self.polling.retry_after)}
        if self.polling.by_status:
            headers["Azure-AsyncOperation"] = self.status_address(context, operation)
        if status == 202:  # noqa: PLR2004 - the status ARM calls accepted
            headers["Location"] = self.result_address(context, operation)
            return Reply(status, None, headers)
        return Reply(status, self.shown(context, resource), headers | self.headers(resource))

    def status_address(self, context: Context, operation: Operation) -> str:
        """Return the Azure-AsyncOperation address, on ARM's own origin."""
        return self._address(context, operation, self.polling.status_path)

    def result_address(self, context: Context, operation: Operation) -> str:
        """Return the Location address, on ARM's own origin."""
        return self._address(context, operation, self.polling.result_path)

    def _address(self, context: Context, operation: Operation, template: str) -> str:
        subscription = operation.change.resource_id.split("/")[2]
        path = template.format(
            s=subscription, l=operation.location, id=operation.id, r=operation.resource_id
        )
        return f"{context.endpoint}{path}?api-version={self.polling.version}"

    def finish(self, context: Context, operation: Operation) -> None:
        """Complete an operation at its due time; raises ArmError when it fails."""
        resource = context.store.get(operation.resource_id)
        if resource is None:
            return
        match operation.what:
            case "create":
                self.created(context, operation, resource)
            case "update":
                self.updated(context, operation, resource)
            case "delete":
                self.removed(context, resource)
                context.store.remove(resource.id)
                return
            case _:
                self.transition(context, operation, resource)
        if self.has_state:
            resource.properties["provisioningState"] = "Succeeded"

    def transition(self, context: Context, operation: Operation, resource: Resource) -> None:
        """Complete an operation of the kind's own; raises ArmError when it fails."""
        raise NotImplementedError(f"{self.type} does not know {operation.what}")

    def failed(
        self, context: Context, operation: Operation, resource: Resource, error: ArmError
    ) -> None:
        """Leave a resource as Azure leaves it when an operation failed."""
        del context, operation, error
        if self.has_state:
            resource.properties["provisioningState"] = "Failed"

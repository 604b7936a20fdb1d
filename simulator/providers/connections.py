"""Owns privateEndpointConnections and privateLinkResources of every target that Private Link reaches.

Deleting or rejecting a connection never deletes the endpoint: it turns Disconnected or Rejected (domain facts 1.2, 4).
"""

import copy

from simulator.call import Call
from simulator.context import Context
from simulator.errors import bad_request
from simulator.kind import Kind, Timing, provider_polling
from simulator.operations import Operation
from simulator.providers import links
from simulator.store import Resource
from simulator.wire import Json, Reply


class Connections(Kind):
    """The target's view of the endpoints that reach it."""

    needs_location = False
    load_rank = 6

    def __init__(self, target: links.Target) -> None:
        self.type = target.connections
        self.child_of = target.type
        # A registry takes its time; AKS's documents (2024-02-01) know no 202 of a deletion.
        duration = "registry.connection" if target.type == links.REGISTRY else ""
        self.timing = Timing(create="", update=duration, delete=duration)
        self.polling = provider_polling(target.type.split("/")[0], "2024-01-01")
        self._approval = target.approval

    def shown(self, context: Context, resource: Resource, version: str = "") -> Json:
        """Return the connection as its provider spells it."""
        del context, version
        return copy.deepcopy(links.connection_view(resource))

    def write(self, call: Call) -> Reply:
        """Approve or reject; a connection comes into being by its endpoint only."""
        connection = call.found()
        call.require_linked(self._approval, str(call.path.parent))
        asked = call.properties().get("privateLinkServiceConnectionState", {})
        status = str(asked.get("status", ""))
        if status not in ("Approved", "Rejected"):
            raise bad_request(
                "InvalidRequestContent",
                f"A connection becomes Approved or Rejected, not {status!r}.",
            )
        state = connection.properties.get("privateLinkServiceConnectionState", {})
        if state.get("status") == "Disconnected":
            raise bad_request(
                "PrivateEndpointConnectionDisconnected", "A disconnected connection cannot change."
            )
        links.set_status(call.context, connection, status, str(asked.get("description", "")))
        return self.start(call, connection, "update", self.timing.update, 200)

    def removed(self, context: Context, resource: Resource) -> None:
        """Turn the endpoint Disconnected."""
        endpoint = context.store.get(resource.hidden.get("endpoint"))
        if endpoint:
            links.tell_endpoint(
                endpoint, "Disconnected", "Connection removed by the owner of the resource."
            )

    def updated(self, context: Context, operation: Operation, resource: Resource) -> None:
        """Nothing more to do: the status was set at once."""


class LinkResources(Kind):
    """What an endpoint can ask of a target: read only, made up from the table of targets."""

    needs_location = False

    def __init__(self, target: links.Target) -> None:
        self.type = f"{target.type}/privateLinkResources"
        self.child_of = target.type
        self._target = target

    def list(self, call: Call) -> list[Json]:
        """Return one entry a group; AKS has its own shape with privateLinkServiceID (domain facts, section 2)."""
        owner = call.context.store.get(str(call.path.parent))
        if owner is None:
            return []
        if self._target.type == links.CLUSTER:
            return [self._cluster(owner)] if owner.hidden.get("service") else []
        return [self._entry(owner, group) for group in self._target.groups]

    def read(self, call: Call) -> Reply:
        """Return one group's entry."""
        entries = {str(e["name"]).lower(): e for e in self.list(call)}
        found = entries.get(call.path.name.lower())
        return Reply(200, found) if found else Reply(200, call.found().body)

    def _entry(self, owner: Resource, group: str) -> Json:
        members = [m.name for m in self._target.members(owner, group)]
        return {
            "id": f"{owner.id}/privateLinkResources/{group}",
            "name": group,
            "type": self.type,
            "properties": {"groupId": group, "requiredMembers": members, "requiredZoneNames": []},
        }

    def _cluster(self, owner: Resource) -> Json:
        return {
            "id": f"{owner.id}/privateLinkResources/management",
            "name": "management",
            "type": self.type,
            "groupId": "management",
            "requiredMembers": ["management"],
            "privateLinkServiceID": owner.hidden["service"],
        }


KINDS: tuple[Kind, ...] = (
    *(Connections(t) for t in links.TARGETS.values()),
    *(LinkResources(t) for t in links.TARGETS.values()),
)

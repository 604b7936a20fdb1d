"""Owns one private environment under a virtual clock, with the moves that a person would make in it.

For tests and drivers that need no socket: nothing waits, time moves as far as operations need it to.
"""

import copy
from datetime import UTC, datetime
from typing import Any

from simulator.clock import VirtualClock
from simulator.cloud import Cloud
from simulator.wire import Json, Response
from simulator.worlds import private_inference
from simulator.worlds.plan import SUBSCRIPTION, Plan

START = datetime(2026, 11, 1, 8, tzinfo=UTC)
READ_ONLY = (
    "provisioningState",
    "provisioningErrors",
    "createdOn",
    "modifiedOn",
    "isAttachedCompute",
)
VERSION = "api-version=2024-01-01"


class Sandbox:
    """A cloud with the private environment `prod` in it; options go to `private_inference`."""

    def __init__(self, *, seed: int = 7, page_size: int = 100, **options: Any) -> None:  # noqa: ANN401 - passed on
        self.clock = VirtualClock(START)
        self.cloud = Cloud(self.clock, seed=seed, page_size=page_size)
        self.cloud.load(private_inference(**options))
        self.plan = Plan("prod", SUBSCRIPTION, "westeurope")
        self.cluster_endpoint = self.plan.id(
            "hub", "Microsoft.Network/privateEndpoints/prod-aks-pe"
        )
        self.blob_endpoint = self.plan.id("ml", "Microsoft.Network/privateEndpoints/prod-blob-pe")
        self.compute = f"{self.plan.workspace}/computes/k8s-a"

    def call(
        self,
        method: str,
        resource_id: str,
        body: Json | None = None,
        *,
        query: str = "",
        caller: str = "human",
    ) -> Response:
        """Execute a request; `query` starts with &."""
        return self.cloud.call(method, f"{resource_id}?{VERSION}{query}", body, caller=caller)

    def ok(
        self, method: str, resource_id: str, body: Json | None = None, *, query: str = ""
    ) -> Any:  # noqa: ANN401 - JSON
        """Execute a request that must be accepted and return its JSON; raises RuntimeError for a refusal."""
        reply = self.call(method, resource_id, body, query=query)
        if reply.status >= 300:  # noqa: PLR2004 - the end of HTTP's successes
            raise RuntimeError(f"{method} {resource_id}: {reply.status} {reply.body!r}")
        return reply.json()

    def done(
        self, method: str, resource_id: str, body: Json | None = None, *, query: str = ""
    ) -> None:
        """Execute a request and let its operation end."""
        self.ok(method, resource_id, body, query=query)
        self.settle()

    def settle(self) -> None:
        """Let every running operation end."""
        while (due := self.cloud.next_due()) is not None:
            self.clock.advance_to(due)
            self.cloud.advance()

    def restart(self) -> None:
        """Stop and start the cluster."""
        self.done("POST", f"{self.plan.cluster}/stop")
        self.done("POST", f"{self.plan.cluster}/start")

    def body(self, resource_id: str) -> Any:  # noqa: ANN401 - JSON
        """Return what a GET shows, None when it does not exist."""
        return self.cloud.get(resource_id)

    def properties(self, resource_id: str) -> Any:  # noqa: ANN401 - JSON
        """Return the properties a GET shows; raises TypeError when it does not exist."""
        return self.body(resource_id)["properties"]

    def alive(self, compute: str) -> bool:
        """Tell whether a compute's link works; False when it does not exist."""
        found = self.cloud.inspect(compute)
        return bool(found and found.get("alive"))

    def remake(self, endpoint_id: str) -> str:
        """Delete an endpoint and create it again from its own body; returns the new address, empty when it failed."""
        body = writable_endpoint(self.body(endpoint_id))
        self.done("DELETE", endpoint_id)
        self.done("PUT", endpoint_id, body)
        return self.address(endpoint_id)

    def address(self, endpoint_id: str) -> str:
        """Return an endpoint's first address, empty when it has no interface."""
        interfaces = self.properties(endpoint_id)["networkInterfaces"]
        if not interfaces:
            return ""
        first = self.properties(interfaces[0]["id"])["ipConfigurations"][0]
        return str(first["properties"]["privateIPAddress"])

    def status(self, endpoint_id: str) -> str:
        """Return the endpoint's own view of its connection."""
        properties = self.properties(endpoint_id)
        entries = (
            properties["privateLinkServiceConnections"]
            or properties["manualPrivateLinkServiceConnections"]
        )
        return str(entries[0]["properties"]["privateLinkServiceConnectionState"]["status"])

    @property
    def cluster_record(self) -> str:
        """The id of the cluster's A record in the hub."""
        label = str(self.properties(self.plan.cluster)["privateFQDN"]).split(".")[0]
        return f"{self.plan.zone(self.plan.cluster_zone)}/A/{label}"

    def point_record(self, address: str) -> None:
        """Write the cluster's A record in the hub."""
        records = {"ttl": 300, "aRecords": [{"ipv4Address": address}]}
        self.ok("PUT", self.cluster_record, {"properties": records})

    def reattach(self, compute: str) -> None:
        """Detach a compute and attach it again from its own body."""
        body = writable_compute(self.body(compute))
        self.done("DELETE", compute, query="&underlyingResourceAction=Detach")
        self.done("PUT", compute, body)


def writable_endpoint(body: Json) -> Json:
    """Cut an endpoint's body down to what is written."""
    properties = copy.deepcopy(body["properties"])
    entry = properties["privateLinkServiceConnections"][0]
    wanted = {k: entry["properties"][k] for k in ("privateLinkServiceId", "groupIds")}
    return {
        "location": body["location"],
        "tags": body.get("tags", {}),
        "properties": {
            "subnet": {"id": properties["subnet"]["id"]},
            "privateLinkServiceConnections": [{"name": entry["name"], "properties": wanted}],
        },
    }


def writable_compute(body: Json) -> Json:
    """Cut a compute's body down to what is written."""
    kept = copy.deepcopy({k: v for k, v in body["properties"].items() if k not in READ_ONLY})
    identity: Json = {"type": body["identity"]["type"]}
    if "userAssignedIdentities" in body["identity"]:
        identity["userAssignedIdentities"] = {
            i: {} for i in body["identity"]["userAssignedIdentities"]
        }
    return {
        "location": body["location"],
        "tags": body.get("tags", {}),
        "identity": identity,
        "properties": kept,
    }

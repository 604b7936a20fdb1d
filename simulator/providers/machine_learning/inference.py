"""Owns online endpoints and deployments on Kubernetes computes.

Their writes need the compute: one that is detached gives ComputeNotFound, one whose link died GenericComputeError, a
stopped cluster ClusterNotReachable (domain facts, section 3.1). What runs in the cluster is not shown and not touched.
"""

from typing import override

from simulator.call import Call
from simulator.context import Context
from simulator.errors import bad_request
from simulator.kind import Kind, Timing
from simulator.providers import links
from simulator.providers.container_service import reach
from simulator.providers.machine_learning.common import INFERENCE_POLLING, identify
from simulator.providers.machine_learning.computes import Computes
from simulator.store import Resource
from simulator.wire import Json, Reply

ENDPOINTS = f"{links.WORKSPACE}/onlineEndpoints"
DEPLOYMENTS = f"{ENDPOINTS}/deployments"


def require_compute(context: Context, compute_id: str | None) -> None:
    """Refuse a write that the compute cannot carry out; no compute means a managed endpoint."""
    if not compute_id:
        return
    compute = context.store.get(compute_id)
    if compute is None:
        raise bad_request(
            "ComputeNotFound", f"Compute {compute_id} cannot be found. Attach it again."
        )
    if Computes().alive(context, compute):
        return
    cluster = context.store.get(str(compute.properties.get("resourceId") or ""))
    if cluster is None or not reach.is_running(cluster):
        raise bad_request(
            "ClusterNotReachable", f"The cluster of compute {compute_id} cannot be reached."
        )
    raise bad_request(
        "GenericComputeError", f"Failed to communicate with the Kubernetes cluster of {compute_id}."
    )


class Inference(Kind):
    """What endpoints and deployments share."""

    polling = INFERENCE_POLLING
    timing = Timing(
        create="inference.write",
        update="inference.write",
        patch="inference.write",
        delete="inference.delete",
    )
    dates_itself = True
    has_state = True

    def compute_of(self, context: Context, resource: Resource | None, body: Json) -> str | None:
        """Return the id of the compute that a write goes to."""
        raise NotImplementedError

    @override
    def write(self, call: Call) -> Reply:
        require_compute(call.context, self.compute_of(call.context, call.resource, call.body))
        return super().write(call)

    @override
    def patch(self, call: Call) -> Reply:
        call.found()
        require_compute(call.context, self.compute_of(call.context, call.resource, {}))
        return super().patch(call)

    @override
    def delete(self, call: Call) -> Reply:
        if call.resource:
            require_compute(call.context, self.compute_of(call.context, call.resource, {}))
        return super().delete(call)


class OnlineEndpoints(Inference):
    """An online endpoint; `properties.compute` names a Kubernetes compute."""

    type = ENDPOINTS
    child_of = links.WORKSPACE
    load_rank = 8
    read_only = frozenset({"provisioningState", "scoringUri", "swaggerUri"})

    @override
    def compute_of(self, context: Context, resource: Resource | None, body: Json) -> str | None:
        given = (body.get("properties") or {}).get("compute")
        return given or (resource.properties.get("compute") if resource else None)

    @override
    def complete(self, context: Context, resource: Resource) -> None:
        properties = resource.properties
        address = f"http://10.10.2.200/api/v1/endpoint/{resource.name}"
        properties.setdefault("authMode", "Key")
        properties.setdefault("traffic", {})
        properties.setdefault("mirrorTraffic", {})
        properties.setdefault("publicNetworkAccess", "Enabled")
        properties.setdefault("properties", {})
        properties.setdefault("scoringUri", f"{address}/score")
        properties.setdefault("swaggerUri", f"{address}/swagger.json")
        resource.body.setdefault("tags", {})
        resource.body.setdefault("kind", "K8S" if properties.get("compute") else "Managed")
        identify(context, resource, fresh=False)


class Deployments(Inference):
    """A deployment of an endpoint."""

    type = DEPLOYMENTS
    child_of = ENDPOINTS
    load_rank = 9
    read_only = frozenset({"provisioningState"})

    @override
    def compute_of(self, context: Context, resource: Resource | None, body: Json) -> str | None:
        if resource is None:
            return None
        endpoint = context.store.get(str(resource.path.parent))
        return OnlineEndpoints().compute_of(context, endpoint, {})

    @override
    def write(self, call: Call) -> Reply:
        endpoint = call.context.store.get(str(call.path.parent))
        require_compute(call.context, OnlineEndpoints().compute_of(call.context, endpoint, {}))
        return super().write(call)

    @override
    def complete(self, context: Context, resource: Resource) -> None:
        del context
        properties = resource.properties
        properties.setdefault("endpointComputeType", "Kubernetes")
        properties.setdefault("instanceType", "defaultinstancetype")
        properties.setdefault("properties", {})
        properties.setdefault("environmentVariables", {})
        properties.setdefault("appInsightsEnabled", False)
        properties.setdefault("scaleSettings", {"scaleType": "Default"})
        wanted = {"cpu": "100m", "memory": "500Mi", "gpu": None}
        limits = {"cpu": "1", "memory": "1Gi", "gpu": None}
        both = {"containerResourceRequests": wanted, "containerResourceLimits": limits}
        properties.setdefault("containerResourceRequirements", both)
        resource.body.setdefault("tags", {})
        resource.body.setdefault("sku", {"name": "Default", "capacity": 1})


KINDS: tuple[Kind, ...] = (OnlineEndpoints(), Deployments())

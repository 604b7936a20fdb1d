"""Owns managed clusters: power, what a stop destroys and what a start renews (domain facts, section 2).

| from | operation | meanwhile | then |
|---|---|---|---|
| Running | stop | Stopping | Stopped, Succeeded; link service gone, connections Disconnected |
| Stopped | start | Starting | Running, Succeeded; another link service, AKS's own endpoint anew |
| Running | start | Starting | Running, Succeeded; nothing renewed |
| Stopped | write | refused | |
"""

import base64
from typing import NoReturn

from simulator.call import Call
from simulator.context import Context
from simulator.directory import AKS_PROVIDER
from simulator.errors import ArmError, bad_request, scope_locked
from simulator.kind import Kind, Timing, provider_polling
from simulator.operations import Change, Operation
from simulator.providers.container_service import reach
from simulator.providers.links import CLUSTER, ENDPOINTS
from simulator.store import Resource
from simulator.wire import Reply

COMPUTES = "Microsoft.MachineLearningServices/workspaces/computes"


class Clusters(Kind):
    """A managed cluster."""

    type = CLUSTER
    polling = provider_polling("Microsoft.ContainerService", "2017-08-31")
    timing = Timing(
        create="cluster.write",
        update="cluster.write",
        patch="cluster.connection",
        delete="cluster.write",
    )
    has_etag = True
    load_rank = 3
    read_only = frozenset(
        [
            "provisioningState",
            "powerState",
            "fqdn",
            "privateFQDN",
            "azurePortalFQDN",
            "maxAgentPools",
            "currentKubernetesVersion",
            "resourceUID",
            "identityProfile",
        ]
    )

    def check(self, call: Call) -> None:
        """Refuse writes to a stopped cluster, and one that is left without any name.

        Only start and delete are allowed while it is stopped; a private cluster with the zone
        ``none`` needs its public name (learn.microsoft.com/azure/aks/private-clusters; the error's
        code is not documented).
        """
        super().check(call)
        profile = ((call.body or {}).get("properties") or {}).get("apiServerAccessProfile") or {}
        no_zone = str(profile.get("privateDNSZone")).lower() == "none"
        if no_zone and profile.get("enablePrivateClusterPublicFQDN") is False:
            raise bad_request(
                "InvalidParameter", "A private cluster without a DNS zone needs its public FQDN."
            )
        if call.resource and _power(call.resource) == "Stopped":
            _refuse_stopped(call.resource)

    def merge(self, call: Call, resource: Resource) -> None:
        """Apply a PATCH, which knows tags only."""
        if set(call.body) - {"tags"}:
            raise bad_request(
                "InvalidRequestContent", "PATCH of a managed cluster accepts tags only."
            )
        if _power(resource) == "Stopped":
            _refuse_stopped(resource)
        resource.body["tags"] = dict(call.body.get("tags") or {})

    def complete(self, context: Context, resource: Resource) -> None:
        """Fill in what AKS adds at creation."""
        properties, location = resource.properties, str(resource.body.get("location"))
        prefix = str(properties.setdefault("dnsPrefix", resource.name))
        properties.setdefault("powerState", {"code": "Running"})
        properties.setdefault("nodeResourceGroup", reach.named_after(resource))
        properties.setdefault("kubernetesVersion", "1.33")
        properties.setdefault("currentKubernetesVersion", f"{properties['kubernetesVersion']}.2")
        properties.setdefault("enableRBAC", True)
        properties.setdefault("disableLocalAccounts", False)
        properties.setdefault("maxAgentPools", 100)
        if principal := (resource.body.get("identity") or {}).get("principalId"):
            context.state.directory.register(str(principal), context.now())
        properties.setdefault("resourceUID", context.chance.hex(24))
        profile = properties.setdefault("apiServerAccessProfile", {"enablePrivateCluster": False})
        host, zone = (
            f"{prefix}-{context.chance.hex(8)}",
            f"{context.chance.guid()}.privatelink.{location}.azmk8s.io",
        )
        if reach.is_private(resource):
            profile.setdefault("privateDNSZone", "system")
            properties.setdefault("privateFQDN", f"{host}.{zone}")
            properties.setdefault("azurePortalFQDN", f"{host}.portal.hcp.{location}.azmk8s.io")
        else:
            properties.setdefault("fqdn", f"{host}.hcp.{location}.azmk8s.io")

    def loaded(self, context: Context, resource: Resource) -> None:
        """Give a cluster of long standing its link service and its own endpoint, unless it is stopped."""
        resource.properties.setdefault("provisioningState", "Succeeded")
        if _power(resource) == "Running":
            self._come_up(context, resource)

    def created(self, context: Context, operation: Operation, resource: Resource) -> None:
        """Bring a new cluster up."""
        del operation
        self._come_up(context, resource)

    def removed(self, context: Context, resource: Resource) -> None:
        """Leave the endpoints of a deleted cluster Disconnected, and take the node resource group along."""
        reach.sever(context, resource)
        group = f"/subscriptions/{resource.path.subscription}/resourceGroups/{resource.properties['nodeResourceGroup']}"
        context.store.remove(group)

    def act(self, call: Call) -> Reply:
        """Answer start, stop and the POSTs that read."""
        cluster = call.found()
        match call.verb.lower():
            case "start" | "stop" as verb:
                return self._power(call, cluster, verb)
            case "resolveprivatelinkserviceid":
                return self._resolve(call, cluster)
            case "listclusteradmincredential" | "listclusterusercredential":
                return self._credential(call, cluster)
            case _:
                return super().act(call)

    def _power(self, call: Call, cluster: Resource, verb: str) -> Reply:
        self.refuse_busy(call, cluster)
        wanted = "Running" if verb == "start" else "Stopped"
        real = _power(cluster) != wanted
        duration = f"cluster.{verb}" if real else "cluster.restart-running"
        cluster.properties["provisioningState"] = "Starting" if verb == "start" else "Stopping"
        return self.start(call, cluster, verb, duration, 202, arguments={"real": real})

    def _resolve(self, call: Call, cluster: Resource) -> Reply:
        service = cluster.hidden.get("service")
        if not service:
            raise bad_request(
                "PrivateLinkServiceNotFound", f"{cluster.id} has no private link service now."
            )
        call.context.ended(call.begun())
        answer = {"name": "management", "groupId": "management", "requiredMembers": ["management"]}
        return Reply(200, {**answer, "privateLinkServiceID": service})

    def _credential(self, call: Call, cluster: Resource) -> Reply:
        if cluster.properties.get("disableLocalAccounts"):
            raise bad_request(
                "BadRequest",
                "Getting static credential is not allowed: local accounts are disabled.",
            )
        call.context.ended(call.begun())
        value = base64.b64encode(
            f"apiVersion: v1\nkind: Config # {cluster.name}\n".encode()
        ).decode()
        return Reply(200, {"kubeconfigs": [{"name": "clusterAdmin", "value": value}]})

    def transition(self, context: Context, operation: Operation, resource: Resource) -> None:
        """Finish a start or a stop."""
        if not operation.arguments["real"]:
            return
        if operation.what == "stop":
            if reach.customer_endpoints(context, resource):
                resource.hidden["had_endpoints"] = True
            reach.sever(context, resource)
            self._refuse_locked_nodes(context, resource)
            resource.properties["powerState"] = {"code": "Stopped"}
            return
        resource.properties["powerState"] = {"code": "Running"}
        self._come_up(context, resource)
        self._tell_of_endpoint(context, operation, resource)

    def _refuse_locked_nodes(self, context: Context, cluster: Resource) -> None:
        """Fail a stop for a lock on the node resource group: the private link is gone by then (domain facts, section 2)."""
        group = f"/subscriptions/{cluster.path.subscription}/resourceGroups/{cluster.properties['nodeResourceGroup']}"
        locked = context.access.lock_against("DELETE", group)
        if locked:
            raise scope_locked("delete", group, locked)

    def _come_up(self, context: Context, cluster: Resource) -> None:
        cluster.hidden["incarnation"] = int(cluster.hidden.get("incarnation", 0)) + 1
        reach.new_service(context, cluster)
        reach.own_endpoint(context, cluster)

    def _tell_of_endpoint(self, context: Context, operation: Operation, cluster: Resource) -> None:
        """AKS makes its own endpoint with its own identity, which the node resource group's events show."""
        group = f"/subscriptions/{cluster.path.subscription}/resourceGroups/{cluster.properties['nodeResourceGroup']}"
        endpoint = context.store.get(f"{group}/providers/{ENDPOINTS}/{reach.OWNED}")
        if endpoint is None:
            return
        change = Change(
            action=f"{ENDPOINTS}/write",
            method="PUT",
            resource_id=endpoint.id,
            caller=AKS_PROVIDER,
            grant=None,
            correlation=operation.change.correlation,
            creates=True,
            url=endpoint.id,
            client_request_id=operation.change.client_request_id,
        )
        context.ended(change)

    def failed(
        self, context: Context, operation: Operation, resource: Resource, error: ArmError
    ) -> None:
        """Leave the power state as it was."""
        del context, operation, error
        resource.properties["provisioningState"] = "Failed"

    def refuse_busy(self, call: Call, resource: Resource) -> None:
        """Refuse in AKS's own words."""
        running = call.context.running_on(resource.id)
        if running:
            raise ArmError(
                409,
                "OperationNotAllowed",
                f"Operation is not allowed because there's an in progress {running.what} managed cluster operation on "
                f"{resource.name} started on {running.started:%Y-%m-%dT%H:%M:%SZ}. Please wait for it to finish before "
                "starting a new operation.",
            )


def _power(cluster: Resource) -> str:
    return str((cluster.properties.get("powerState") or {}).get("code"))


def _refuse_stopped(cluster: Resource) -> NoReturn:
    raise ArmError(
        409,
        "OperationNotAllowed",
        f"Managed cluster {cluster.name} is stopped; only start and delete are allowed.",
    )


KINDS: tuple[Kind, ...] = (Clusters(),)

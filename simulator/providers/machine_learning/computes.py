"""Owns computes attached to a workspace (domain facts, section 3.1).

| from | operation | meanwhile | then |
|---|---|---|---|
| (none) | PUT | Creating | Succeeded, or Failed with provisioningErrors |
| Succeeded | PUT | Succeeded | Succeeded: an update of a Kubernetes compute silently does nothing |
| Failed | PUT | Creating | as from (none) |
| any | DELETE Detach | Deleting | gone; its system-assigned principal too |

Whether Azure ML still reaches the cluster is not shown by ARM: `hidden["link"]` is the cluster's incarnation at attach.
"""

import copy
from collections.abc import Iterable

from simulator.call import Call
from simulator.clock import stamp
from simulator.context import Context
from simulator.errors import ArmError, bad_request
from simulator.kind import Kind, Timing
from simulator.operations import Operation
from simulator.paths import same, type_of
from simulator.providers import links
from simulator.providers.container_service import extensions, reach
from simulator.providers.machine_learning import aml_compute
from simulator.providers.machine_learning.common import COMPUTE_POLLING, identify
from simulator.store import Resource
from simulator.wire import Json, Reply

TYPE = f"{links.WORKSPACE}/computes"
_NULLS = ("relayConnectionString", "serviceBusConnectionString")
_KUBERNETES: Json = {
    "relayConnectionString": None,
    "serviceBusConnectionString": None,
    "extensionPrincipalId": None,
    "extensionInstanceReleaseTrain": None,
    "vcName": None,
    "namespace": "default",
    "defaultInstanceType": None,
    "instanceTypes": None,
}
_DEFAULT_TYPE: Json = {
    "nodeSelector": None,
    "resources": {
        "requests": {"cpu": "100m", "memory": "2Gi"},
        "limits": {"cpu": "2", "memory": "2Gi", "nvidia.com/gpu": None},
    },
}


class Computes(Kind):
    """A compute of a workspace; Kubernetes ones can be attached and detached, others are only shown."""

    type = TYPE
    child_of = links.WORKSPACE
    polling = COMPUTE_POLLING
    timing = Timing(create="compute.attach", delete="compute.detach")
    dates_itself = True
    load_rank = 7
    read_only = frozenset(
        ["provisioningState", "provisioningErrors", "createdOn", "modifiedOn", "isAttachedCompute"]
    )

    def check(self, call: Call) -> None:
        """Want a Kubernetes compute with the id of a cluster in the same subscription."""
        super().check(call)
        properties = call.properties()
        if properties.get("computeType") in aml_compute.MADE:
            aml_compute.check(properties)
            return
        if properties.get("computeType") != "Kubernetes":
            known = ", ".join(("Kubernetes", *aml_compute.MADE))
            raise bad_request("InvalidComputeType", f"Only {known} are simulated.")
        if not properties.get("resourceId"):
            raise bad_request(
                "InvalidComputeInformation",
                "properties.resourceId is required to attach a cluster.",
            )

    def linked(self, call: Call) -> Iterable[tuple[str, str]]:
        """Want the cluster's admin credential, and the assignment of user-assigned identities."""
        properties = call.properties()
        cluster = str(properties.get("resourceId") or "")
        if same(type_of(cluster), links.CLUSTER):
            yield (f"{links.CLUSTER}/listClusterAdminCredential/action", cluster)
        for identity in (call.body.get("identity") or {}).get("userAssignedIdentities") or {}:
            yield "Microsoft.ManagedIdentity/userAssignedIdentities/assign/action", str(identity)

    def write(self, call: Call) -> Reply:
        """Attach, attach a failed one anew, or do nothing to one that is attached."""
        self.check(call)
        old = call.resource
        if old is None:
            return super().write(call)
        self.refuse_busy(call, old)
        made = old.properties.get("computeType") in aml_compute.MADE
        if made:
            aml_compute.check_unchanged(old.properties, call.properties())
        if old.properties.get("provisioningState") != "Failed":
            if made:
                self.assign(call, old)
            return self.start(call, old, "update", "", 200)
        self.assign(call, old)
        old.properties["provisioningErrors"] = None
        return self.start(call, old, "create", self.timing.create, 200)

    def patch(self, call: Call) -> Reply:
        """Change the scale of an AmlCompute; refuse for everything else."""
        compute = call.found()
        if compute.properties.get("computeType") == aml_compute.NODES:
            self.refuse_busy(call, compute)
            inner = aml_compute.patched(compute.properties["properties"], call.properties())
            compute.properties["properties"] = inner
            self.touch(call, compute)
            return self.start(call, compute, "resize", "compute.resize", 200)
        raise bad_request(
            "InvalidComputeType", f"PATCH is not supported for compute {call.path.name}."
        )

    def delete(self, call: Call) -> Reply:
        """Detach what was attached, delete what Azure ML made; the other way round is refused."""
        action = call.query.get("underlyingResourceAction", "")
        if action not in ("Detach", "Delete"):
            raise bad_request(
                "InvalidRequestContent",
                "The query parameter underlyingResourceAction must be Detach or Delete.",
            )
        attached = bool(call.resource and call.resource.properties.get("isAttachedCompute"))
        if call.resource is not None and attached is (action == "Delete"):
            raise bad_request(
                "AttachedComputeCannotBeDeleted" if attached else "ComputeCannotBeDetached",
                f"{action} is not for compute {call.path.name}: attached is {attached}.",
            )
        return super().delete(call)

    def complete(self, context: Context, resource: Resource) -> None:
        """Fill in defaults; secrets are never shown again."""
        del context
        properties = resource.properties
        now = stamp(resource.created)
        properties.setdefault("computeLocation", resource.body.get("location"))
        properties.setdefault("createdOn", now)
        properties.setdefault("modifiedOn", now)
        properties.setdefault("provisioningErrors", None)
        properties.setdefault("description", None)
        properties.setdefault("disableLocalAuth", False)
        attached = properties.get("computeType") == "Kubernetes"
        properties.setdefault("isAttachedCompute", attached)
        if properties.get("computeType") in aml_compute.MADE:
            inner = properties.get("properties") or {}
            properties["properties"] = aml_compute.completed(inner, properties["computeType"])
        if not attached:
            return
        inner = {**copy.deepcopy(_KUBERNETES), **(properties.get("properties") or {})}
        inner.update(dict.fromkeys(_NULLS))
        inner["instanceTypes"] = inner["instanceTypes"] or {
            "defaultinstancetype": copy.deepcopy(_DEFAULT_TYPE)
        }
        inner["defaultInstanceType"] = inner["defaultInstanceType"] or next(
            iter(inner["instanceTypes"])
        )
        properties["properties"] = inner

    def loaded(self, context: Context, resource: Resource) -> None:
        """Give a compute of long standing its principal and a link that is alive."""
        identify(context, resource, fresh=False)
        cluster = context.store.get(str(resource.properties.get("resourceId") or ""))
        if cluster:
            reach.is_reachable(context, cluster)
            resource.hidden["link"] = reach.incarnation(cluster)
            self._name_extension(context, resource, cluster)

    def created(self, context: Context, operation: Operation, resource: Resource) -> None:
        """Attach; raises ArmError when the cluster or its extension is not in order."""
        del operation
        if resource.properties.get("computeType") in aml_compute.MADE:
            identify(context, resource, fresh=True)
            return
        cluster_id = str(resource.properties["resourceId"])
        cluster = context.store.get(cluster_id)
        if cluster is None:
            raise ArmError(404, "ClusterNotFound", f"Cluster {cluster_id} cannot be found.")
        if not reach.is_reachable(context, cluster):
            raise bad_request("ClusterNotReachable", f"Cluster {cluster_id} is not reachable.")
        if extensions.azure_ml(context, cluster_id) is None:
            raise bad_request(
                "InvalidComputeNoKubernetesConfiguration",
                f"The Azure ML extension is not installed on {cluster_id}.",
            )
        now = stamp(context.now())
        resource.properties.update({"createdOn": now, "modifiedOn": now})
        resource.hidden["link"] = reach.incarnation(cluster)
        self._name_extension(context, resource, cluster)
        identify(context, resource, fresh=True)

    def transition(self, context: Context, operation: Operation, resource: Resource) -> None:
        """Finish a resize: the settings were taken at once."""

    def _name_extension(self, context: Context, resource: Resource, cluster: Resource) -> None:
        extension = extensions.azure_ml(context, cluster.id)
        inner: Json = resource.properties.get("properties") or {}
        if extension and "extensionInstanceReleaseTrain" in inner:
            inner["extensionInstanceReleaseTrain"] = extension.properties.get("releaseTrain")

    def failed(
        self, context: Context, operation: Operation, resource: Resource, error: ArmError
    ) -> None:
        """Keep the reason in provisioningErrors."""
        super().failed(context, operation, resource, error)
        detail = {"code": error.code, "message": error.message}
        resource.properties["provisioningErrors"] = [{"error": detail}]

    def removed(self, context: Context, resource: Resource) -> None:
        """Forget the system-assigned principal; its role assignments stay behind as orphans."""
        principal = (resource.body.get("identity") or {}).get("principalId")
        if principal:
            context.state.directory.forget(str(principal))

    def alive(self, context: Context, resource: Resource) -> bool | None:
        """Tell what ARM does not: whether Azure ML can drive the cluster through this compute."""
        if resource.properties.get("computeType") != "Kubernetes":
            return None
        cluster = context.store.get(str(resource.properties.get("resourceId") or ""))
        return (
            cluster is not None
            and resource.properties.get("provisioningState") == "Succeeded"
            and resource.hidden.get("link") == reach.incarnation(cluster)
            and reach.is_reachable(context, cluster)
        )


KINDS: tuple[Kind, ...] = (Computes(),)

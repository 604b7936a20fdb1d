"""Owns cluster extensions (Microsoft.KubernetesConfiguration), as far as attaching a compute looks at them."""

from simulator.context import Context
from simulator.kind import Kind, Timing, provider_polling
from simulator.store import Resource

TYPE = "Microsoft.KubernetesConfiguration/extensions"
AML = "microsoft.azureml.kubernetes"


class Extensions(Kind):
    """An extension resource on a cluster."""

    type = TYPE
    polling = provider_polling("Microsoft.ContainerService", "2023-05-01")
    timing = Timing(
        create="cluster.connection", update="cluster.connection", delete="cluster.connection"
    )
    needs_location = False
    dates_itself = True
    load_rank = 4
    read_only = frozenset({"provisioningState", "currentVersion", "isSystemExtension"})

    def complete(self, context: Context, resource: Resource) -> None:
        """Fill in versions and statuses."""
        del context
        properties = resource.properties
        properties.setdefault("autoUpgradeMinorVersion", True)
        properties.setdefault("releaseTrain", "stable")
        properties.setdefault("currentVersion", "1.1.79")
        properties.setdefault("isSystemExtension", False)
        properties.setdefault("statuses", [])


def azure_ml(context: Context, cluster_id: str) -> Resource | None:
    """Return the cluster's healthy Azure ML extension, or None."""
    return next(
        (
            e
            for e in context.store.of_type(TYPE, cluster_id)
            if str(e.properties.get("extensionType")).lower() == AML
            and e.properties.get("provisioningState") == "Succeeded"
        ),
        None,
    )


KINDS: tuple[Kind, ...] = (Extensions(),)

"""Owns one environment: a private AKS cluster with Azure ML inference on it, and everything around it.

Groups `<prefix>-hub` (network hub, DNS zones), `<prefix>-spoke` (cluster, its network), `<prefix>-ml` (workspace and
what belongs to it) and `<prefix>-other` (someone else's). Nothing read-only is in here: loading adds what Azure gives.
"""

from simulator.wire import Json
from simulator.worlds.cluster import cluster, extension
from simulator.worlds.learning import associated, compute, workspace
from simulator.worlds.networks import cluster_endpoint, endpoint, endpoints, networks, sites, zones
from simulator.worlds.plan import SUBSCRIPTION, Plan


def private_inference(
    *,
    prefix: str = "prod",
    cluster_endpoints: int = 1,
    computes: int = 2,
    subscription: str = SUBSCRIPTION,
    region: str = "westeurope",
    vnet_integration: bool = False,
    others: bool = True,
) -> list[Json]:
    """Return the resources of a whole private environment, healthy.

    Args:
        prefix: of every name; `[a-z0-9-]`, short enough for a storage account.
        cluster_endpoints: customer-made endpoints to the API server, each in a network and with a zone of its own.
        computes: Kubernetes computes, alternating system- and user-assigned; the second has local auth disabled.
        subscription: where it lives.
        region: of everything regional.
        vnet_integration: the API server in the nodes' network: no link service, no endpoints.
        others: whether resources that nobody must touch are added.
    """
    plan = Plan(prefix, subscription, region)
    count = 0 if vnet_integration else cluster_endpoints
    world = [
        *networks(plan, count),
        *zones(plan, count),
        cluster(plan, vnet_integration=vnet_integration),
        extension(plan),
        *associated(plan),
        workspace(plan),
        *endpoints(plan),
        *(r for i, site in enumerate(sites(count)) for r in cluster_endpoint(plan, i, site)),
        *(r for index in range(computes) for r in compute(plan, index)),
    ]
    return [*world, *(_others(plan) if others else [])]


def _others(plan: Plan) -> list[Json]:
    storage = plan.id("other", f"Microsoft.Storage/storageAccounts/{plan.flat}otherst")
    account: Json = {
        "id": storage,
        "location": plan.region,
        "kind": "StorageV2",
        "sku": {"name": "Standard_LRS"},
        "properties": {"publicNetworkAccess": "Enabled"},
    }
    subnet = plan.subnet("hub", "ops")
    foreign = endpoint(plan, ("other", subnet), f"{plan.prefix}-other-pe", storage, "blob")
    machine: Json = {
        "id": f"{plan.workspace}/computes/train-cpu",
        "location": plan.region,
        "properties": {
            "computeType": "AmlCompute",
            "computeLocation": plan.region,
            "properties": {
                "vmSize": "Standard_DS3_v2",
                "vmPriority": "Dedicated",
                "scaleSettings": {"minNodeCount": 0, "maxNodeCount": 4},
                "subnet": {"id": plan.subnet("spoke", "nodes")},
                "enableNodePublicIp": False,
                "remoteLoginPortPublicAccess": "Disabled",
            },
        },
    }
    return [account, foreign, machine]

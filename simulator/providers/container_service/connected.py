"""Owns Arc-enabled clusters (Microsoft.Kubernetes/connectedClusters): they connect outwards and have no private link here.

Whether their agents are connected is a member that a driver may set: `connectivityStatus`.
"""

from simulator.call import Call
from simulator.clock import stamp
from simulator.context import Context
from simulator.errors import bad_request
from simulator.kind import Kind, Timing, provider_polling
from simulator.store import Resource
from simulator.wire import Reply

TYPE = "Microsoft.Kubernetes/connectedClusters"


class ConnectedClusters(Kind):
    """An Arc-enabled cluster."""

    type = TYPE
    polling = provider_polling("Microsoft.Kubernetes", "2024-01-01")
    timing = Timing(create="cluster.write", update="cluster.write", delete="cluster.write")
    dates_itself = True
    load_rank = 3
    read_only = frozenset(
        [
            "provisioningState",
            "connectivityStatus",
            "kubernetesVersion",
            "agentVersion",
            "totalNodeCount",
            "totalCoreCount",
            "lastConnectivityTime",
            "managedIdentityCertificateExpirationTime",
            "offering",
            "infrastructure",
        ]
    )

    def check(self, call: Call) -> None:
        """Want an identity and the public key of the agents."""
        super().check(call)
        if not call.body.get("identity") or "agentPublicKeyCertificate" not in call.properties():
            raise bad_request(
                "InvalidRequestContent",
                "A connected cluster needs identity and properties.agentPublicKeyCertificate.",
            )

    def complete(self, context: Context, resource: Resource) -> None:
        """Fill in what the agents report."""
        properties = resource.properties
        identity = resource.body.setdefault("identity", {"type": "SystemAssigned"})
        identity.setdefault("principalId", context.chance.guid())
        context.state.directory.register(str(identity["principalId"]), context.now())
        properties.setdefault("agentPublicKeyCertificate", "")
        properties.setdefault("connectivityStatus", "Connected")
        properties.setdefault("kubernetesVersion", "1.31.4")
        properties.setdefault("agentVersion", "1.20.3")
        properties.setdefault("totalNodeCount", 3)
        properties.setdefault("totalCoreCount", 12)
        properties.setdefault("distribution", "k3s")
        properties.setdefault("infrastructure", "generic")
        properties.setdefault("lastConnectivityTime", stamp(context.now()))

    def act(self, call: Call) -> Reply:
        """Answer listClusterUserCredential."""
        if call.verb.lower() != "listclusterusercredential":
            return super().act(call)
        call.found()
        call.context.ended(call.begun())
        config = {"name": "credentialName1", "value": "YXBpVmVyc2lvbjogdjEK"}
        return Reply(200, {"hybridConnectionConfig": None, "kubeconfigs": [config]})


def is_connected(cluster: Resource) -> bool:
    """Whether the agents of an Arc-enabled cluster reach Azure."""
    return cluster.properties.get("connectivityStatus") == "Connected"


KINDS: tuple[Kind, ...] = (ConnectedClusters(),)

"""Owns how long Azure's operations take and how often it asks to be polled.

Seconds of Azure's own time, before the simulator's speed divides them. No official figures exist; these are
plausible middles of what users report.
"""

SECONDS: dict[str, float] = {
    "cluster.stop": 180,
    "cluster.start": 240,
    "cluster.restart-running": 20,
    "cluster.write": 120,
    "cluster.connection": 15,
    "endpoint.create": 90,
    "endpoint.update": 30,
    "endpoint.delete": 60,
    "endpoint.conflict": 10,
    "zone-group.write": 20,
    "zone-group.delete": 15,
    "zone.write": 30,
    "zone.delete": 30,
    "zone-link.write": 30,
    "zone-link.delete": 30,
    "network.write": 10,
    "network.delete": 20,
    "storage.create": 20,
    "registry.write": 15,
    "registry.delete": 15,
    "registry.connection": 15,
    "workspace.write": 60,
    "workspace.patch": 20,
    "workspace.delete": 60,
    "workspace.diagnose": 20,
    "compute.attach": 120,
    "compute.detach": 60,
    "compute.resize": 30,
    "inference.write": 60,
    "inference.delete": 60,
    "event-grid.write": 10,
    "group.delete": 120,
    "principal.replication": 30,
}

RETRY_AFTER: dict[str, int] = {
    "Microsoft.Network": 10,
    "Microsoft.MachineLearningServices": 10,
    "Microsoft.ContainerService": 15,
    "Microsoft.ContainerRegistry": 10,
    "Microsoft.Storage": 17,
    "Microsoft.KeyVault": 10,
    "Microsoft.EventGrid": 10,
    "Microsoft.Kubernetes": 15,
    "Microsoft.Resources": 15,
}

THROTTLED_RETRY_AFTER = 30

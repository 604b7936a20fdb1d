"""Owns what is special about the computes that Azure ML makes itself: clusters of nodes and instances of one person.

Nothing runs on them here. Where they are (subnet), whether they have public addresses and whether SSH is open is chosen
at creation; a write that changes it is refused. Shapes: machinelearningservices 2024-04-01, computes.
"""

from simulator.errors import bad_request
from simulator.wire import Json

_DEFAULTS: Json = {
    "osType": "Linux",
    "vmPriority": "Dedicated",
    "scaleSettings": {"maxNodeCount": 1, "minNodeCount": 0},
    "remoteLoginPortPublicAccess": "NotSpecified",
    "allocationState": "Steady",
    "errors": None,
    "currentNodeCount": 0,
    "targetNodeCount": 0,
    "enableNodePublicIp": True,
    "isolatedNetwork": False,
}
_INSTANCE: Json = {
    "applicationSharingPolicy": "Shared",
    "sshSettings": {"sshPublicAccess": "Disabled"},
    "state": "Running",
    "enableNodePublicIp": True,
    "errors": None,
    "computeInstanceAuthorizationType": "personal",
}
NODES, INSTANCE = "AmlCompute", "ComputeInstance"
MADE = (NODES, INSTANCE)
_FIXED = ("vmSize", "vmPriority", "subnet", "enableNodePublicIp", "remoteLoginPortPublicAccess")
_COUNTS = ("preparing", "running", "idle", "unusable", "leaving", "preempted")


def check(properties: Json) -> None:
    """Want a size of the nodes."""
    if not (properties.get("properties") or {}).get("vmSize"):
        raise bad_request("UserError", "A compute needs properties.properties.vmSize.")


def check_unchanged(old: Json, properties: Json) -> None:
    """Refuse to change what is chosen at creation."""
    held, given = old.get("properties") or {}, properties.get("properties") or {}
    moved = [m for m in _FIXED if m in given and given[m] != held.get(m)]
    if moved or properties.get("computeType") != old.get("computeType"):
        raise bad_request("UserError", f"{moved or ['computeType']} of a compute cannot change.")


def completed(inner: Json, compute_type: str = NODES) -> Json:
    """Return the inner properties with what Azure ML adds."""
    if compute_type == INSTANCE:
        ssh = {**_INSTANCE["sshSettings"], **(inner.get("sshSettings") or {})}
        return {**_INSTANCE, **inner, "sshSettings": ssh}
    counts = {f"{name}NodeCount": 0 for name in _COUNTS}
    return {**_DEFAULTS, "nodeStateCounts": counts, **inner}


def patched(inner: Json, given: Json) -> Json:
    """Return the inner properties after a PATCH, which knows scaleSettings only."""
    asked = given.get("properties") or {}
    if set(asked) - {"scaleSettings"}:
        raise bad_request("UserError", "Only scaleSettings of an AmlCompute can be changed.")
    return {**inner, **asked}

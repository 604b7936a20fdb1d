"""Owns what is special about AmlCompute, a cluster of nodes that Azure ML makes itself; nothing runs on it here."""

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
_COUNTS = ("preparing", "running", "idle", "unusable", "leaving", "preempted")


def check(properties: Json) -> None:
    """Want a size of the nodes."""
    if not (properties.get("properties") or {}).get("vmSize"):
        raise bad_request("UserError", "An AmlCompute needs properties.properties.vmSize.")


def completed(inner: Json) -> Json:
    """Return the inner properties with what Azure ML adds."""
    counts = {f"{name}NodeCount": 0 for name in _COUNTS}
    return {**_DEFAULTS, "nodeStateCounts": counts, **inner}


def patched(inner: Json, given: Json) -> Json:
    """Return the inner properties after a PATCH, which knows scaleSettings only."""
    asked = given.get("properties") or {}
    if set(asked) - {"scaleSettings"}:
        raise bad_request("UserError", "Only scaleSettings of an AmlCompute can be changed.")
    return {**inner, **asked}

"""Owns what the kinds of Microsoft.MachineLearningServices share: polling addresses and identities."""

from simulator.context import Context
from simulator.directory import TENANT
from simulator.durations import RETRY_AFTER
from simulator.operations import Polling
from simulator.store import Resource
from simulator.wire import Json

_BASE = "/subscriptions/{s}/providers/Microsoft.MachineLearningServices/locations/{l}"
_WAIT = RETRY_AFTER["Microsoft.MachineLearningServices"]
COMPUTE_POLLING = Polling(
    status_path=f"{_BASE}/computeOperationsStatus/{{id}}",
    result_path=f"{_BASE}/computeOperationResults/{{id}}",
    version="2024-04-01",
    retry_after=_WAIT,
)
WORKSPACE_POLLING = Polling(
    status_path=f"{_BASE}/workspaceOperationsStatus/{{id}}",
    result_path=f"{_BASE}/workspaceOperationResults/{{id}}",
    version="2024-04-01",
    retry_after=_WAIT,
)
INFERENCE_POLLING = Polling(
    status_path=f"{_BASE}/mfeOperationsStatus/{{id}}",
    result_path=f"{_BASE}/mfeOperationResults/{{id}}",
    version="2024-04-01",
    retry_after=_WAIT,
)


def identify(context: Context, resource: Resource, *, fresh: bool) -> None:
    """Complete a resource's identity: a system-assigned one gets a principal, user-assigned ones theirs.

    A fresh principal takes its time until role assignments find it.
    """
    identity = resource.body.get("identity")
    if not identity:
        return
    kinds = {k.strip().lower() for k in str(identity.get("type", "")).split(",")}
    names = (("systemassigned", "SystemAssigned"), ("userassigned", "UserAssigned"))
    identity["type"] = ",".join(shown for lower, shown in names if lower in kinds) or "None"
    if "systemassigned" in kinds:
        if fresh or not identity.get("principalId"):
            given = None if fresh else identity.get("principalId")
            identity["principalId"] = given or context.chance.guid()
            ready = context.after("principal.replication") if fresh else context.now()
            context.state.directory.register(identity["principalId"], ready)
        else:
            context.state.directory.register(str(identity["principalId"]), context.now())
        identity["tenantId"] = TENANT
    for identity_id in identity.get("userAssignedIdentities") or {}:
        known = context.store.get(identity_id)
        shown = known.properties if known else {}
        members: Json = {k: shown.get(k) for k in ("principalId", "clientId")}
        identity["userAssignedIdentities"][identity_id] = members

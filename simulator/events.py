"""Owns the shape of the events that ARM gives to Event Grid (domain facts, section 1.1).

Success and Failure of Write, Delete and Action; there is no event for a start. No event carries the resource.
"""

from datetime import datetime

from simulator.clock import stamp
from simulator.directory import TENANT
from simulator.operations import Change
from simulator.paths import Path
from simulator.wire import Json

_TYPES = {"PUT": "Write", "PATCH": "Write", "DELETE": "Delete", "POST": "Action"}


def resource_event(change: Change, status: str, at: datetime, event_id: str) -> Json:
    """Make an event in Event Grid's schema; `status` is Succeeded or Failed.

    httpRequest is absent on creates, and the subject never has an action's suffix.
    """
    path = Path.parse(change.resource_id)
    outcome = "Success" if status == "Succeeded" else "Failure"
    topic = f"/subscriptions/{path.subscription}"
    payload: Json = {
        "authorization": {
            "scope": change.resource_id,
            "action": change.action,
            "evidence": change.grant.evidence() if change.grant else {"role": "Subscription Admin"},
        },
        "claims": change.caller.claims(),
        "correlationId": change.correlation,
        "resourceProvider": path.namespace,
        "resourceUri": change.resource_id,
        "operationName": change.action,
        "status": status,
        "subscriptionId": path.subscription,
        "tenantId": TENANT,
    }
    if not change.creates:
        payload["httpRequest"] = {
            "clientRequestId": change.client_request_id,
            "clientIpAddress": "127.0.0.1",
            "method": change.method,
            "url": f"https://management.azure.com{change.url}",
        }
    return {
        "subject": change.resource_id,
        "eventType": f"Microsoft.Resources.Resource{_TYPES[change.method]}{outcome}",
        "eventTime": stamp(at),
        "id": event_id,
        "data": payload,
        "dataVersion": "2",
        "metadataVersion": "1",
        "topic": topic,
    }


def as_cloud_event(event: Json) -> Json:
    """Turn an event in Event Grid's schema into a CloudEvent 1.0."""
    return {
        "id": event["id"],
        "source": event["topic"],
        "subject": event["subject"],
        "type": event["eventType"],
        "time": event["eventTime"],
        "data": event["data"],
        "specversion": "1.0",
    }

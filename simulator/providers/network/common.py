"""Owns what the kinds of Microsoft.Network share: polling addresses, etags, timing."""

from simulator.call import Call
from simulator.errors import ArmError
from simulator.kind import Kind, Timing, provider_polling
from simulator.store import Resource
from simulator.wire import Reply

POLLING = provider_polling("Microsoft.Network", "2024-01-01")
DNS_POLLING = provider_polling("Microsoft.Network", "2020-06-01")


class NetworkKind(Kind):
    """A kind with etags in the body and the provider's polling protocol."""

    polling = POLLING
    etag_member = "etag"
    creating = "Updating"
    timing = Timing(create="network.write", update="network.write", delete="network.delete")

    def write(self, call: Call) -> Reply:
        """Answer PUT, unless what the resource lies in is being changed."""
        refuse_dependent(call)
        return super().write(call)

    def delete(self, call: Call) -> Reply:
        """Answer DELETE, unless what the resource lies in is being changed."""
        if call.resource:
            refuse_dependent(call)
        return super().delete(call)

    def refuse_busy(self, call: Call, resource: Resource) -> None:
        """Refuse while the resource or a child of it is being changed."""
        super().refuse_busy(call, resource)
        for operation in call.context.state.running:
            if operation.resource_id.lower().startswith(resource.key + "/"):
                raise retryable(call, operation.resource_id)


def refuse_dependent(call: Call) -> None:
    """Refuse a write below a resource that is being changed: this 429 is no throttling (domain facts, section 6)."""
    parent = str(call.path.parent)
    if len(call.path.types) > 1 and call.context.running_on(parent):
        raise retryable(call, parent)


def retryable(call: Call, busy: str) -> ArmError:
    """Make Network's answer while something that a resource depends on is being changed."""
    return ArmError(
        429,
        "RetryableErrorDueToAnotherOperation",
        f"Operation on {call.path} is being retried later because of another operation on {busy}.",
        headers={"Retry-After": call.context.retry_after(POLLING.retry_after)},
    )

"""Owns what the kinds of Microsoft.Network share: polling addresses, etags, timing."""

from simulator.kind import Kind, Timing, provider_polling

POLLING = provider_polling("Microsoft.Network", "2024-01-01")
DNS_POLLING = provider_polling("Microsoft.Network", "2020-06-01")


class NetworkKind(Kind):
    """A kind with etags in the body and the provider's polling protocol."""

    polling = POLLING
    etag_member = "etag"
    creating = "Updating"
    timing = Timing(create="network.write", update="network.write", delete="network.delete")

"""Owns the kinds of Microsoft.ContainerService and of the extensions that live on a cluster."""

from simulator.kind import Kind
from simulator.providers.container_service import clusters, connected, extensions

KINDS: tuple[Kind, ...] = (*clusters.KINDS, *connected.KINDS, *extensions.KINDS)

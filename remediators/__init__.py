"""Owns the catalogue: which remediators are active, and in which order they are asked.

Adding one is one file here, one line in the tuple and one test file.
"""

from __future__ import annotations

from typing import Final

from remediators import (
    cluster_endpoint,
    cluster_extension,
    cluster_settings,
    encryption,
    identity_roles,
    inference,
    isolation,
    kubernetes_compute,
    managed_compute,
    network_access,
    network_peering,
    network_security,
    private_dns,
    private_endpoint,
    subnet,
    workspace,
)
from shared.remediator import Catalogue

REMEDIATORS: Final[Catalogue] = (
    network_access.REMEDIATOR,
    workspace.REMEDIATOR,
    network_peering.REMEDIATOR,
    network_security.REMEDIATOR,
    subnet.REMEDIATOR,
    private_dns.REMEDIATOR,
    private_endpoint.REMEDIATOR,
    cluster_endpoint.REMEDIATOR,
    kubernetes_compute.REMEDIATOR,
    identity_roles.REMEDIATOR,
    cluster_settings.REMEDIATOR,
    cluster_extension.REMEDIATOR,
    managed_compute.REMEDIATOR,
    inference.REMEDIATOR,
    encryption.REMEDIATOR,
    isolation.REMEDIATOR,
)

"""Owns the catalogue: which remediators are active, and in which order they are asked.

Adding one is one file here, one line in the tuple and one test file.
"""

from __future__ import annotations

from typing import Final

from remediators import cluster_endpoint, network_access, private_endpoint
from shared.remediator import Catalogue

REMEDIATORS: Final[Catalogue] = (
    private_endpoint.REMEDIATOR,
    cluster_endpoint.REMEDIATOR,
    network_access.REMEDIATOR,
)

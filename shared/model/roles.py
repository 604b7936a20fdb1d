"""Owns the closed list of roles that a manifest may give to a compute's identity.

A manifest steers a privileged identity, so a role that could grant roles, change networks or
act on a whole resource group is not in the list, whatever the manifest says. The ids are those of
Azure's built-in role definitions (learn.microsoft.com, "Azure built-in roles", December 2024),
the same in every cloud and tenant.
"""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType
from typing import Final

ALLOWED_ROLES: Final[Mapping[str, str]] = MappingProxyType(
    {
        "7f951dda-4ed3-4680-a7ca-43fe172d538d": "AcrPull",
        "2a2b9908-6ea1-4ae2-8e65-a410df84e7d1": "Storage Blob Data Reader",
        "ba92f5b4-2d11-453d-a403-e96b0029c9fe": "Storage Blob Data Contributor",
        # Hands out account keys; a high-business-impact workspace needs it (domain.md 3.2).
        "17d1049b-9a84-46fb-8f53-869881c3d3ab": "Storage Account Contributor",
        "4633458b-17de-408a-b874-0445c86b69e6": "Key Vault Secrets User",
        "f6c7c914-8db3-469d-8ca1-694a8f32e121": "AzureML Data Scientist",
        "635dd51f-9968-44d3-b7fb-6d9a6bd613ae": "AzureML Metrics Writer",
    }
)
"""Role definition guid, in lower case, to the name that people know."""


KNOWN_ROLES: Final[Mapping[str, str]] = MappingProxyType(
    {
        **ALLOWED_ROLES,
        "8e3af657-a8ff-443c-a75c-2fe8c4bcb635": "Owner",
        "b24988ac-6180-42a0-ab88-20f7382dd24c": "Contributor",
        "acdd72a7-3385-48ef-bd42-f606fba81ae7": "Reader",
        "4d97b98b-1d4f-4787-a291-c67834d212e7": "Network Contributor",
        "85cb6faf-e071-4c9b-8136-154b5a04f717": "Kubernetes Extension Contributor",
        "0ab0b1a8-8aac-4efd-b8c2-3ee1fb270be8": "Azure Kubernetes Service Cluster Admin Role",
        "2787bf04-f1f5-4bfe-8383-c8a24483ee38": "Azure Relay Owner",
    }
)
"""Every role that Relink has a name for: those that it may give, and those that it only reports."""


def known_name(guid: str) -> str:
    """The name of a role for people; its guid where Relink has none."""
    return KNOWN_ROLES.get(guid.lower(), guid)


def role_name(guid: str) -> str | None:
    """The name of an allowed role; nothing for a role that a manifest may not give."""
    return ALLOWED_ROLES.get(guid.lower())

"""Owns who we are to Azure. No secret is read here: azure-identity finds the identity itself."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from azure.core.credentials import TokenCredential

    from shared.azure.config import ArmConfig


def credential(config: ArmConfig) -> TokenCredential:
    """The managed identity where the platform offers one, else what the developer signed in with.

    ``IDENTITY_ENDPOINT`` is what App Service sets; ``AZURE_CLIENT_ID`` names a user-assigned
    identity. Tokens are cached and renewed by azure-identity.
    """
    from azure.identity import (  # noqa: PLC0415 - imported by whoever first speaks to Azure
        DefaultAzureCredential,
        ManagedIdentityCredential,
    )

    client = os.environ.get("AZURE_CLIENT_ID") or None
    if os.environ.get("IDENTITY_ENDPOINT"):
        return ManagedIdentityCredential(client_id=client)
    return DefaultAzureCredential(
        authority=config.authority,
        managed_identity_client_id=client,
        exclude_interactive_browser_credential=True,
    )

"""Owns who we are to Azure. No secret is read here: azure-identity finds the identity itself."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from shared.azure.config import ArmConfig
    from shared.azure.identity import Identity

SIGN_IN: Final = (
    "not signed in to Azure: run 'az login', or set AZURE_TENANT_ID, AZURE_CLIENT_ID and"
    " AZURE_CLIENT_SECRET"
)
ASSIGN: Final = (
    "the platform has no managed identity for this app: assign one, and name a user-assigned one in"
    " AZURE_CLIENT_ID"
)


def credential(config: ArmConfig) -> Identity:
    """The managed identity where the platform offers one, else what the developer signed in with.

    ``IDENTITY_ENDPOINT`` is what App Service sets; ``AZURE_CLIENT_ID`` names a user-assigned
    identity. Tokens are cached and renewed by azure-identity.
    """
    from azure.identity import (  # noqa: PLC0415 - imported by whoever first speaks to Azure
        DefaultAzureCredential,
        ManagedIdentityCredential,
    )

    from shared.azure.identity import OPTIONS, Identity, IdentityWire  # noqa: PLC0415 - the same

    wire = IdentityWire()
    client = os.environ.get("AZURE_CLIENT_ID") or None
    if os.environ.get("IDENTITY_ENDPOINT"):
        managed = ManagedIdentityCredential(client_id=client, transport=wire, **OPTIONS)
        return Identity(managed, wire, ASSIGN)
    developer = DefaultAzureCredential(
        authority=config.authority,
        managed_identity_client_id=client,
        exclude_interactive_browser_credential=True,
        transport=wire,
        **OPTIONS,
    )
    return Identity(developer, wire, SIGN_IN)

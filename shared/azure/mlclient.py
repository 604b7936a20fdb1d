"""Owns azure-ai-ml: how it is pointed at our ARM and kept from waiting (docs/adr/0002).

azure-ai-ml 1.35.2 takes another ARM by cloud metadata only, asks for tokens by that address, and
polls in a thread of its own. So it gets our audience, our policies, and no polling.
"""

from __future__ import annotations

import sys
import threading
from importlib import import_module
from typing import TYPE_CHECKING, Any, Final

from shared.azure.clients import Clients
from shared.model.json import fingerprint
from shared.model.resource_id import ResourceId

if TYPE_CHECKING:
    from azure.ai.ml import MLClient
    from azure.core.credentials import AccessToken, TokenCredential

_LIBRARY: Final = "azure.ai.ml"
_CLOUD_NAMES = {"public": "AzureCloud", "usgov": "AzureUSGovernment", "china": "AzureChinaCloud"}


class _OurAudience:
    """The credential, whatever audience azure-ai-ml asks for."""

    def __init__(self, credential: TokenCredential, scope: str) -> None:
        self._credential = credential
        self._scope = scope

    def get_token(self, *_scopes: str, **options: Any) -> AccessToken:  # noqa: ANN401 - SDK options
        """A token for our ARM."""
        return self._credential.get_token(self._scope, **options)


def warm_up() -> None:
    """Import azure-ai-ml in a thread of its own: 1.5 s that whoever needs it first would wait."""
    if _LIBRARY not in sys.modules:
        threading.Thread(
            target=import_module, args=(_LIBRARY,), name="warm-up", daemon=True
        ).start()


def ml_client(clients: Clients, workspace: ResourceId) -> MLClient:
    """The azure-ai-ml client of ``workspace``; built once (1.5 s of imports the first time)."""
    import_module(_LIBRARY)  # before the clients are locked: calls to other services go on
    return clients.once(("azure-ai-ml", workspace.key), lambda: _build(clients, workspace))


def _build(clients: Clients, workspace: ResourceId) -> MLClient:
    from azure.ai.ml import MLClient  # noqa: PLC0415 - 1.5 s and 111 MB

    options = clients.options()
    config = clients.config
    client = MLClient(
        _OurAudience(clients.credential, config.scope),
        workspace.subscription,
        workspace.resource_group,
        workspace.name,
        enable_telemetry=False,
        show_progress=False,
        policies=options["policies"],
        transport=options["transport"],
        **_cloud(clients),
    )
    # ``begin_delete`` takes no option of its own and passes these on to the operation: the raw
    # answer instead of a poller that sleeps in a thread. A test pins the private name.
    operations: Any = client.compute
    operations._init_kwargs = {"polling": False, "cls": _raw}  # noqa: SLF001 - no public way
    return client


def _cloud(clients: Clients) -> dict[str, Any]:
    config = clients.config
    known = type(config).of(config.cloud)
    if config.endpoint == known.endpoint:
        return {"cloud": _CLOUD_NAMES[config.cloud]}
    metadata = {
        "azure_portal": config.endpoint,
        "resource_manager": f"{config.endpoint}/",
        "active_directory": f"https://{config.authority}/",
        "aml_resource_id": config.audience,
        "storage_endpoint": "core.windows.net",
        "registry_discovery_endpoint": f"{config.endpoint}/",
    }
    return {"cloud": f"Relink{fingerprint(config.endpoint)}", "cloud_metadata": metadata}


def _raw(response: Any, _model: Any, _headers: Any) -> Any:  # noqa: ANN401 - SDK objects
    return response

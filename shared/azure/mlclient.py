"""Owns azure-ai-ml: how it is loaded, pointed at our ARM and kept from waiting (docs/adr/0002, 0012).

azure-ai-ml 1.35.2 takes another ARM by cloud metadata only, asks for tokens by that address, and
polls in a thread of its own. So it gets our audience, our policies, and no polling.

It also reads its cloud from the environment of the process while it is imported, asks the network for
one that it does not know, writes the cloud of each client back, and takes its loggers away from the
root. So its variables are hidden while it is imported or a client is built, and its loggers given
back. (Its own table of clouds keeps ours, by a name that nobody else asks for.)
"""

from __future__ import annotations

import importlib
import logging
import os
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any, Final

from shared.azure.clients import Clients
from shared.azure.errors import RemediationError, Terminal, Transient, cleaned
from shared.model.json import fingerprint
from shared.model.resource_id import ResourceId

if TYPE_CHECKING:
    from azure.ai.ml import MLClient
    from azure.core.credentials import AccessToken, TokenCredential

_LOG = logging.getLogger("relink.azure")
_LIBRARY: Final = "azure.ai.ml"
UNAVAILABLE: Final = "MachineLearningClientUnavailable"
_PATIENCE: Final = 20.0
"""Seconds that one call waits for the import (0.9 s to 1.5 s); its activity then lets go."""
_LONGEST: Final = 300.0
"""Seconds after which an import that has not ended is told to a person."""
_CLOUD_NAMES = {"public": "AzureCloud", "usgov": "AzureUSGovernment", "china": "AzureChinaCloud"}
_PREFIXES: Final = (
    "AZUREML_",
    "_AZUREML_",
    "AZURE_ML_",
    "ARM_CLOUD_METADATA_URL",
    "REGISTRY_DISCOVERY_",
)
_ENVIRONMENT: Final = threading.Lock()
_GATE: Final = threading.Lock()


class _OurAudience:
    """The credential, whatever audience azure-ai-ml asks for."""

    def __init__(self, credential: TokenCredential, scope: str) -> None:
        self._credential = credential
        self._scope = scope

    def get_token(self, *_scopes: str, **options: Any) -> AccessToken:  # noqa: ANN401 - SDK options
        """A token for our ARM."""
        return self._credential.get_token(self._scope, **options)


class _Import:
    """One attempt to import azure-ai-ml, in a thread of its own: nobody has to wait for its end."""

    latest: _Import | None = None
    last_words: str = ""

    def __init__(self) -> None:
        self.began = time.monotonic()
        self.error: BaseException | None = None
        self.thread = threading.Thread(target=self._run, name="warm-up", daemon=True)

    @classmethod
    def begun(cls) -> _Import:
        """The import that runs or has succeeded; a new one after none or a failed one."""
        with _GATE:
            latest = cls.latest
            if latest is None or not (latest.thread.is_alive() or latest.error is None):
                cls.latest = latest = cls()
                latest.thread.start()
            return latest

    def _run(self) -> None:
        before = frozenset(sys.modules)
        try:
            with _untouched():
                importlib.invalidate_caches()  # it may have been installed a moment ago
                importlib.import_module(_LIBRARY)
        except BaseException as error:  # noqa: BLE001 - whatever its modules raise stops only itself
            self.error = error
            # Python keeps what was complete by then; with it the next import would fail again.
            for name in [each for each in sys.modules if each.startswith(_LIBRARY)]:
                if name not in before:
                    sys.modules.pop(name, None)
            told, _Import.last_words = _Import.last_words, _told(error)
            if told != _Import.last_words:
                _LOG.warning("azure-ai-ml cannot be imported: %s", _Import.last_words)


def warm_up() -> None:
    """Begin to import azure-ai-ml (1.5 s that whoever needs it first would wait); returns at once."""
    _Import.begun()


def load(patience: float = _PATIENCE, longest: float = _LONGEST) -> None:
    """Have azure-ai-ml imported; after a failure it is tried anew.

    Raises:
        Transient: ``MachineLearningClientUnavailable`` while the import has not ended.
        Terminal: the same code when it failed, or has not ended after ``longest`` seconds.
    """
    attempt = _Import.begun()
    attempt.thread.join(patience)
    if attempt.thread.is_alive():
        took = time.monotonic() - attempt.began
        text = f"azure-ai-ml is still being imported after {took:.0f} s"
        if took > longest:
            raise Terminal(UNAVAILABLE, f"{text}; restart Relink", blocked=True)
        raise Transient(UNAVAILABLE, text, retry_after=30)
    if attempt.error is not None:
        raise _unavailable("imported", attempt.error) from attempt.error


def ml_client(clients: Clients, workspace: ResourceId) -> MLClient:
    """The azure-ai-ml client of ``workspace``; built once.

    Raises:
        RemediationError: as ``load``; ``MachineLearningClientUnavailable`` if it cannot be built.
    """
    load()  # before the clients are locked: calls to other services go on
    try:
        return clients.once(("azure-ai-ml", workspace.key), lambda: _build(clients, workspace))
    except RemediationError:
        raise
    except Exception as error:
        raise _unavailable("used", error) from error


def _unavailable(what: str, error: BaseException) -> Terminal:
    text = f"azure-ai-ml, which detaches computes, cannot be {what}: {_told(error)}"
    return Terminal(UNAVAILABLE, f"{text}. It is tried again at the next look.", blocked=True)


def _told(error: BaseException) -> str:
    return cleaned(f"{type(error).__name__}: {error}")


@contextmanager
def _untouched() -> Iterator[None]:
    """Hide azure-ai-ml's variables, and leave environment and logging as they were found.

    One thread at a time; children that others start meanwhile do not see the variables either.
    """
    with _ENVIRONMENT:
        found = {name: os.environ[name] for name in os.environ if name.startswith(_PREFIXES)}
        for name in found:
            del os.environ[name]
        try:
            yield
        finally:
            for name in [name for name in os.environ if name.startswith(_PREFIXES)]:
                del os.environ[name]
            os.environ.update(found)
            _give_loggers_back()


def _give_loggers_back() -> None:
    """Its loggers write to stderr by themselves, at INFO: from now on they go where others go."""
    for name, logger in list(logging.root.manager.loggerDict.items()):
        if name.startswith(_LIBRARY) and isinstance(logger, logging.Logger):
            logger.handlers.clear()
            logger.propagate = True
            logger.setLevel(logging.WARNING if name == _LIBRARY else logging.NOTSET)


def _build(clients: Clients, workspace: ResourceId) -> MLClient:
    from azure.ai.ml import MLClient  # noqa: PLC0415 - 1.5 s and 111 MB

    options = clients.options()
    config = clients.config
    with _untouched():
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

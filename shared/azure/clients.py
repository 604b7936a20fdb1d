"""Owns the SDK clients: the one place that builds them, one per kind and subscription."""

from __future__ import annotations

import threading
from collections.abc import Callable, Hashable
from datetime import datetime
from typing import TYPE_CHECKING, Any, cast

from shared.azure.calls import CallLog
from shared.azure.config import ArmConfig

if TYPE_CHECKING:
    from azure.core.credentials import TokenCredential
    from azure.core.pipeline.transport import HttpTransport
    from azure.mgmt.core import ARMPipelineClient


class Clients:
    """Clients of one ARM, built when first asked for. Building one calls nothing."""

    def __init__(
        self,
        config: ArmConfig,
        credential: TokenCredential,
        log: CallLog,
        transport: HttpTransport[Any, Any] | None = None,
        clock: Callable[[], datetime] | None = None,
    ) -> None:
        self.config = config
        self._clock = clock
        self.credential = credential
        self._log = log
        self._transport = transport
        self._owned = transport is None
        self._built: dict[Hashable, Any] = {}
        self._lock = threading.RLock()

    def of[C](self, kind: type[C], subscription: str) -> C:
        """The management client of class ``kind`` for ``subscription``."""
        key = (kind, subscription.lower())
        make = cast("Callable[..., C]", kind)
        return self.once(key, lambda: make(self.credential, subscription, **self.options()))

    def arm(self) -> ARMPipelineClient[Any, Any]:
        """A client of ARM itself, for what no SDK operation covers or none keeps whole."""
        from azure.mgmt.core import ARMPipelineClient  # noqa: PLC0415 - imported when first needed

        return self.once("arm", lambda: ARMPipelineClient(**self.options()))

    def options(self) -> dict[str, Any]:
        """What every client is built with: address, policies and the shared transport."""
        from shared.azure.pipeline import policies, wire  # noqa: PLC0415 - imports azure-core

        with self._lock:
            if self._transport is None:
                self._transport = wire(self.config)
        return {
            "base_url": self.config.endpoint,
            "credential_scopes": [self.config.scope],
            "policies": policies(self.config, self.credential, self._log, self._clock),
            "transport": self._transport,
        }

    def close(self) -> None:
        """Close the connections, unless the transport is somebody else's."""
        with self._lock:
            if self._owned and self._transport is not None:
                self._transport.close()
                self._transport = None
                self._built.clear()

    def once[T](self, key: Hashable, make: Callable[[], T]) -> T:
        """What ``make`` gave the first time it was asked for under ``key``."""
        with self._lock:
            if key not in self._built:
                self._built[key] = make()
            return cast("T", self._built[key])

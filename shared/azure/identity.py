"""Owns how a token is asked for: in bounded time, and with a failure that fits a line.

azure-identity retries by itself (ten times, with growing pauses), follows any ``Retry-After``, and
says a dozen lines for each credential that it tried. Imports azure-core; ``credentials`` imports it late.
"""

from __future__ import annotations

import logging
import re
import threading
import time
from collections.abc import Callable
from typing import TYPE_CHECKING, Any, Final

from azure.core.exceptions import AzureError, ClientAuthenticationError, ServiceRequestError

from shared.azure.deadline import within
from shared.azure.errors import cleaned
from shared.azure.transport import BoundedTransport

if TYPE_CHECKING:
    from azure.core.credentials import AccessToken, AccessTokenInfo

SECONDS: Final = 20.0
"""How long one caller waits for a token, however many requests that takes."""
PEACE: Final = 10.0
"""For how long a failure answers in place of another attempt."""
OPTIONS: Final[dict[str, Any]] = {"retry_total": 0}
"""For every credential of azure-identity: what fails is tried again by the run's durable timers."""
_BUSY: Final = frozenset({408, 410, 429})
_NOBODY: Final = "169.254.169.254"
"""The metadata service of a virtual machine: its silence says that this is none, not that it is down."""
_REASON: Final = re.compile(r"AADSTS\d+:[^\n.]*")

for _name in ("chained", "managed_identity"):
    logging.getLogger(f"azure.identity._credentials.{_name}").setLevel(logging.ERROR)
logging.getLogger("azure.identity._internal").setLevel(logging.ERROR)


class IdentityUnreachableError(ServiceRequestError):
    """Whoever hands out tokens did not answer, or was busy; it may answer later."""


class IdentityWire(BoundedTransport):
    """The transport of a credential, which remembers what went wrong on it for this thread."""

    def __init__(self, seconds: float = SECONDS) -> None:
        super().__init__(seconds=seconds)
        self._seen = threading.local()

    @property
    def trouble(self) -> str | None:
        """Why no usable answer came; empty if one did, nothing if nobody was asked since ``begin``."""
        return getattr(self._seen, "trouble", None)

    def begin(self) -> None:
        """Forget what this thread saw."""
        self._seen.trouble = None

    def send(self, request: Any, **options: Any) -> Any:  # noqa: ANN401 - both request types of azure-core
        """Send, and remember the failure of whoever should be there."""
        trouble = self._seen.trouble or ""
        try:
            answer = super().send(request, **options)
            if answer.status_code in _BUSY or answer.status_code >= 500:  # noqa: PLR2004 - server errors
                trouble = f"HTTP {answer.status_code}"
        except Exception as error:
            if _NOBODY not in request.url:
                trouble = cleaned(f"{type(error).__name__}: {error}")[:200]
            raise
        finally:
            self._seen.trouble = trouble
        return answer


class Identity:
    """A credential of azure-identity as Relink asks it. ``advice`` says what a person does without it.

    After a failure, one caller at a time tries again; the others get the failure at once.
    """

    def __init__(
        self,
        credential: Any,  # noqa: ANN401 - azure-identity's credentials share no class
        wire: IdentityWire,
        advice: str,
        *,
        seconds: float = SECONDS,
        peace: float = PEACE,
    ) -> None:
        self.credential, self._wire, self._advice = credential, wire, advice
        self._seconds, self._peace = seconds, peace
        self._gate = threading.Lock()
        self._failure: Callable[[], AzureError] | None = None
        self._trouble = ""
        self._until = 0.0
        self._trying = False

    def get_token(self, *scopes: str, **options: Any) -> AccessToken:  # noqa: ANN401 - the protocol's
        """A token.

        Raises:
            ClientAuthenticationError: nobody is signed in; one line that says what to do.
            IdentityUnreachableError: no answer in time.
        """
        token: AccessToken = self._asked(lambda: self.credential.get_token(*scopes, **options))
        return token

    def get_token_info(self, *scopes: str, **options: Any) -> AccessTokenInfo:  # noqa: ANN401 - the protocol's
        """A token with what azure-core wants to know of it. Raises as ``get_token``."""
        info: AccessTokenInfo = self._asked(
            lambda: self.credential.get_token_info(*scopes, **options)
        )
        return info

    def close(self) -> None:
        """Close the connections."""
        self.credential.close()

    def _asked(self, ask: Callable[[], Any]) -> Any:  # noqa: ANN401 - either kind of token
        with self._gate:
            if self._failure is not None and (self._trying or time.monotonic() < self._until):
                raise self._failure()
            self._trying = self._failure is not None
        self._wire.begin()
        failure: Callable[[], AzureError] | None = None
        try:
            with within(self._seconds):
                return ask()
        except Exception as error:  # its own, azure-core's, or what MSAL makes of a strange answer
            failure = self._meaning(error)
            raise failure() from error
        finally:
            with self._gate:
                self._failure, self._trying = failure, False
                self._until = time.monotonic() + self._peace

    def _meaning(self, error: Exception) -> Callable[[], AzureError]:
        trouble = self._wire.trouble
        if trouble is None:  # MSAL remembers an answer of 429 or 5xx for a minute, and asks nobody
            trouble = self._trouble
        if not trouble and not isinstance(error, ClientAuthenticationError):
            trouble = cleaned(f"{type(error).__name__}: {error}")[:200]
        self._trouble = trouble
        if trouble:
            text = f"no token came from the identity endpoint: {trouble}"
            return lambda: IdentityUnreachableError(text)
        found = _REASON.search(str(error))
        advice = self._advice + (f" ({cleaned(found[0])})" if found else "")
        return lambda: ClientAuthenticationError(message=advice)

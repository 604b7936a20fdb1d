"""Owns the door to Azure: questions in, observations out; steps in, progress out.

Nothing here sleeps or waits for an operation. Importing it loads no SDK: each is loaded by the
call that first needs it.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from concurrent.futures import Future, ThreadPoolExecutor
from contextvars import copy_context
from datetime import datetime
from typing import TYPE_CHECKING, Any

from shared.azure import polling, steps
from shared.azure.calls import Call, CallLog
from shared.azure.clients import Clients
from shared.azure.config import ArmConfig
from shared.azure.deadline import within
from shared.azure.errors import RemediationError, Terminal, Transient
from shared.azure.mlclient import warm_up
from shared.azure.pacing import Pacing
from shared.azure.questions import observe
from shared.azure.room import Room
from shared.model.actual import Observation, Read
from shared.model.progress import Progress, Refused, Retry, Waiting
from shared.model.step import AwaitState, Step

if TYPE_CHECKING:
    from azure.core.credentials import TokenCredential
    from azure.core.pipeline.transport import HttpTransport


class Azure:
    """One identity at one ARM. Safe for threads; meant to live as long as the process.

    Args:
        config: which ARM.
        credential: who we are; asked for tokens only when the first call is made.
        clock: the time, aware, in UTC.
        transport: how requests travel; a pool of connections of its own by default.
        concurrency: how many questions are under way at once.
    """

    def __init__(
        self,
        config: ArmConfig,
        credential: TokenCredential,
        clock: Callable[[], datetime],
        *,
        transport: HttpTransport[Any, Any] | None = None,
        concurrency: int = 8,
        told: Callable[[Call], None] | None = None,
    ) -> None:
        self.calls = CallLog(told=told)
        self._clock = clock
        self._concurrency = concurrency
        self._handed_in = transport is not None
        self._clients = Clients(config, credential, self.calls, transport, clock)
        self._pacing = Pacing(clock)

    def read(self, reads: Iterable[Read]) -> dict[Read, Observation]:
        """Answer each question once, several at a time.

        Raises:
            Transient: Azure asked to come back later for at least one of them. Raised after the
                others have ended, and instead of their answers: half a look concludes nothing.
        """
        wanted = list(dict.fromkeys(reads))
        if not wanted:
            return {}
        with ThreadPoolExecutor(min(self._concurrency, len(wanted)), "azure-read") as pool:
            # Each in the context of the run: what it asks of Azure belongs to the run's trace.
            asked = {read: pool.submit(copy_context().run, self._observe, read) for read in wanted}
        _raise_worst(asked)
        return {read: answer.result() for read, answer in asked.items()}

    def start(self, step: Step, observed: Mapping[Read, Observation] | None = None) -> Progress:
        """Begin ``step`` and return at once. Delivered twice, it does no harm the second time.

        ``observed`` are the answers that the step was planned on; a fresh one saves a read.
        """
        held = self._pacing.left(step.resource.subscription)
        if held > 0:
            return Retry(
                held, "Throttled", f"{step.resource}: Azure asked for {held:.0f} s of peace"
            )
        room = Room(self._clients, self._clock, observed or {})
        try:
            with within():
                return steps.start(room, step)
        except Transient as error:
            self._heed(step, error)
            return Retry(error.retry_after, error.code, _told(step, error))
        except Terminal as error:
            return Refused(error.why, _told(step, error), error.blocked)

    def look(self, step: Step, token: Mapping[str, Any]) -> Progress:
        """Look once at what ``start`` or an earlier look left under way."""
        held = self._pacing.left(step.resource.subscription)
        if held > 0:
            return Waiting(dict(token), held)
        room = Room(self._clients, self._clock, {})
        try:
            with within():
                if isinstance(step, AwaitState):
                    return steps.start(room, step)
                return polling.look(room, step, token)
        except Transient as error:
            self._heed(step, error)
            return Waiting(dict(token), error.retry_after)
        except Terminal as error:
            return Refused(error.why, _told(step, error), error.blocked)

    def warm_up(self) -> None:
        """Begin to load what a repair after a restart will need; returns at once.

        Not with a transport that was handed in: a caller who holds the wire wants no threads.
        """
        if not self._handed_in:
            warm_up()

    def close(self) -> None:
        """Close the connections; for those who do not live as long as the process."""
        self._clients.close()

    def _observe(self, read: Read) -> Observation:
        held = self._pacing.left(read.resource.subscription)
        if held > 0:
            raise Transient("Throttled", "Azure asked for peace", retry_after=held)
        try:
            return observe(self._clients, read, self._clock)
        except Transient as error:
            if error.throttled:
                self._pacing.hold(read.resource.subscription, error.retry_after)
            raise

    def _heed(self, step: Step, error: Transient) -> None:
        if error.throttled:
            self._pacing.hold(step.resource.subscription, error.retry_after)


def _raise_worst(asked: Mapping[Read, Future[Observation]]) -> None:
    """A defect of ours first; then, of all that asked to come back, who wants to wait longest."""
    errors = [error for answer in asked.values() if (error := answer.exception()) is not None]
    for error in errors:
        if not isinstance(error, Transient):
            raise error
    waits = [error for error in errors if isinstance(error, Transient)]
    if waits:
        raise max(waits, key=lambda error: error.retry_after)


def _told(step: Step, error: RemediationError) -> str:
    """What was attempted, on what, and what Azure said."""
    missing = ""
    if isinstance(error, Terminal) and error.action:
        missing = f" Missing: {error.action} at {error.scope}."
    elif isinstance(error, Terminal) and error.why == "ScopeLocked":
        missing = f" The lock is held at {error.scope}; remove it or leave the drift as it is."
    return f"{step.kind} {step.resource}: {error}.{missing}"

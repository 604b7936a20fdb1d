"""Owns the door to Azure: questions in, observations out; steps in, progress out.

Nothing here sleeps or waits for an operation. Importing it loads no SDK: each is loaded by the
call that first needs it.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterable, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextvars import copy_context
from datetime import datetime
from typing import TYPE_CHECKING, Any

from shared.azure import polling, steps
from shared.azure.awaiting import await_state
from shared.azure.calls import Call, CallLog
from shared.azure.clients import Clients
from shared.azure.config import ArmConfig
from shared.azure.deadline import left, within
from shared.azure.errors import (
    DEFAULT_RETRY_AFTER,
    RemediationError,
    Terminal,
    Transient,
    read_error,
)
from shared.azure.mlclient import warm_up
from shared.azure.pacing import Pacing, lane_of
from shared.azure.questions import observe
from shared.azure.room import Room
from shared.model.actual import Observation, Read, Unreadable
from shared.model.progress import Progress, Refused, Retry, Waiting
from shared.model.step import AwaitState, Step

if TYPE_CHECKING:
    from azure.core.credentials import TokenCredential
    from azure.core.pipeline.transport import HttpTransport

_LOG = logging.getLogger("relink.azure")


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
        """Answer each question once, several at a time. It raises nothing.

        What could not be read is ``Unreadable``, one answer among the others: a part that is sick
        hides no other part.
        """
        wanted = list(dict.fromkeys(reads))
        if not wanted:
            return {}
        with ThreadPoolExecutor(min(self._concurrency, len(wanted)), "azure-read") as pool:
            # Each in the context of the run: what it asks of Azure belongs to the run's trace.
            asked = {read: pool.submit(copy_context().run, self._observe, read) for read in wanted}
        return {read: answer.result() for read, answer in asked.items()}

    def start(self, step: Step, observed: Mapping[Read, Observation] | None = None) -> Progress:
        """Begin ``step`` and return at once. Delivered twice, it does no harm the second time.

        ``observed`` are the answers that the step was planned on; a fresh one saves a read.
        """
        held = self._pacing.left(lane_of(step.resource))
        if held > 0:
            return Retry(
                held, "Throttled", f"{step.resource}: Azure asked for {held:.0f} s of peace"
            )
        room = Room(self._clients, self._clock, observed or {})
        try:
            with within():
                return steps.start(room, step)
        except Transient as error:
            self._pacing.heed(lane_of(step.resource), error)
            return Retry(error.retry_after, error.code, _told(step, error))
        except Terminal as error:
            return Refused(error.why, _told(step, error), error.blocked)

    def look(self, step: Step, token: Mapping[str, Any]) -> Progress:
        """Look once at what ``start`` or an earlier look left under way."""
        held = self._pacing.left(lane_of(step.resource))
        if held > 0:
            return Waiting(dict(token), held)
        room = Room(self._clients, self._clock, {})
        try:
            with within():
                if isinstance(step, AwaitState):
                    return await_state(room, step, token)
                return polling.look(room, step, token)
        except Transient as error:
            self._pacing.heed(lane_of(step.resource), error)
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
        if left() <= 0:
            text = "no time was left to ask in this look"
            return Unreadable("OutOfTime", text, self._clock(), retry_after=DEFAULT_RETRY_AFTER)
        lane = lane_of(read.resource, read)
        held = self._pacing.left(lane)
        if held > 0:
            text = f"Azure asked for {held:.0f} s of peace"
            return Unreadable("Throttled", text, self._clock(), retry_after=held)
        try:
            return observe(self._clients, read, self._clock)
        except Exception as error:  # noqa: BLE001 - a defect in one read hides no other answer
            meant = read_error(error)
        if not isinstance(meant, Transient):
            _LOG.error("%s of %s: %s", read.question, read.resource, meant)
            return Unreadable(meant.code, str(meant), self._clock())
        self._pacing.heed(lane, meant)
        return Unreadable(meant.code, str(meant), self._clock(), retry_after=meant.retry_after)


def _told(step: Step, error: RemediationError) -> str:
    """What was attempted, on what, and what Azure said."""
    missing = ""
    if isinstance(error, Terminal) and error.action:
        missing = f" Missing: {error.action} at {error.scope}."
    elif isinstance(error, Terminal) and error.why == "ScopeLocked":
        missing = f" The lock is held at {error.scope}; remove it or leave the drift as it is."
    return f"{step.kind} {step.resource}: {error}.{missing}"

"""Owns waiting: what blocks is done off the event loop, and nobody waits for it longer than said.

The event loop belongs to all functions of a worker. One call of a store on it, and a store that hangs
has stopped health, events and timers alike (``tests/project/test_event_loop.py`` looks for such).
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from concurrent.futures import ThreadPoolExecutor
from contextvars import copy_context
from typing import Final
from weakref import WeakKeyDictionary

from shared.records import StoreUnavailableError
from shared.records.deadline import within

ANSWER_SECONDS: Final = 10.0
"""What a request waits for the stores."""
EVENT_SECONDS: Final = 25.0
"""What an event waits for them; Event Grid gives an answer 30 seconds."""
HEALTH_SECONDS: Final = 3.0
ENGINE_SECONDS: Final = 10.0
"""What anybody waits for one answer of the engine; its client waits without end."""
_THREADS: Final = 16
_POOLS: Final[WeakKeyDictionary[asyncio.AbstractEventLoop, dict[str, ThreadPoolExecutor]]] = (
    WeakKeyDictionary()
)
"""Threads of our own: those that asyncio shares out belong to the host as well."""


async def off_loop[T](
    work: Callable[[], T], seconds: float = ANSWER_SECONDS, lane: str = "requests"
) -> T:
    """What ``work`` returns, done in a thread of ``lane``. All stores that it asks share ``seconds``.

    Raises:
        StoreUnavailableError: it did not end in time, waiting for a thread included.
    """
    loop = asyncio.get_running_loop()
    lanes = _POOLS.setdefault(loop, {})
    if lane not in lanes:
        lanes[lane] = ThreadPoolExecutor(_THREADS, thread_name_prefix=f"relink-{lane}")
    with within(seconds):
        context = copy_context()
    future = loop.run_in_executor(lanes[lane], context.run, work)
    try:
        return await asyncio.wait_for(future, seconds)
    except TimeoutError:
        raise StoreUnavailableError(f"the stores gave no answer in {seconds:.0f} s") from None


class EngineAwayError(Exception):
    """The durable engine did not answer, or not in time."""


async def of_engine[T](asked: Awaitable[T]) -> T:
    """What the engine answers to one call of its client.

    Raises:
        EngineAwayError: whatever its client raises (gRPC's errors, most likely), or too late.
    """
    try:
        async with asyncio.timeout(ENGINE_SECONDS):
            return await asked
    except Exception as error:
        text = f"the task hub gave no answer: {type(error).__name__}"
        raise EngineAwayError(text) from error

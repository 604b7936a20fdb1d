"""Queue triggers: Azure Storage queues, polled, at least once.

Owns taking messages, keeping them hidden while a function works on them, and the poison queue. A host
that dies lets its messages appear again when `QueueOptions.hidden` is over.
"""

import asyncio
import base64
import binascii
import logging
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from dataclasses import dataclass
from typing import Any

from devhost.calls import Calls
from devhost.settings import HostSettings
from devhost.worker import Datum, Function, datum

log = logging.getLogger("devhost")

_FIRST_PAUSE = 0.1
_LONGEST_CALL = 120.0
_AFTER_ERROR = 5.0
_TO_SETTLE = 2.0


@dataclass(frozen=True, slots=True)
class QueueOptions:
    """`extensions.queues` of host.json, with the defaults of the Functions host but for the pause.

    `longest_pause` is how long an empty queue is left alone, 2 s here: nobody pays for the polls.
    """

    batch: int
    most_dequeues: int
    longest_pause: float
    retry_after: float
    base64: bool
    hidden: int = 30  # seconds; renewed while the function runs

    @classmethod
    def read(cls, settings: HostSettings) -> "QueueOptions":
        """Read them.

        Raises:
            StartError: one is not of its kind.
        """
        encoding = settings.extension("queues", "messageEncoding")
        return cls(
            batch=min(settings.number("queues", "batchSize", default=16), 32),
            most_dequeues=settings.number("queues", "maxDequeueCount", default=5),
            longest_pause=settings.duration("queues", "maxPollingInterval", default=2.0),
            retry_after=settings.duration("queues", "visibilityTimeout", default=0.0),
            base64=str(encoding or "base64").lower() != "none",
        )


class QueueUnavailable(Exception):  # noqa: N818 -- a state of the app's settings, told and lived with
    """A queue function has no connection; the others go on."""


@dataclass(frozen=True, slots=True)
class Clients:
    """`QueueClient`s of a queue and of its poison queue; untyped, as the SDK is imported late."""

    queue: Any
    poison: Any


def open_queue(function: Function, settings: HostSettings) -> Clients:
    """The clients of a function's queue, from the connection that its binding names.

    The connection is a connection string, or the identity-based settings `NAME__queueServiceUri` or
    `NAME__accountName`, with `NAME__clientId` for a user-assigned identity.

    Raises:
        QueueUnavailable: no such setting.
        StartError: the queue's name refers to a setting that is not set.
    """
    from azure.storage.queue import QueueServiceClient  # noqa: PLC0415 -- only apps with queues pay

    connection = function.text("connection", "AzureWebJobsStorage") or "AzureWebJobsStorage"
    queue = settings.resolve(function.text("queueName"), function=function.name)
    app = settings.app
    if text := app.get(connection):
        return _clients(QueueServiceClient.from_connection_string(text), queue)
    account = app.get(f"{connection}__accountName")
    uri = app.get(f"{connection}__queueServiceUri") or (
        f"https://{account}.queue.core.windows.net" if account else None
    )
    if uri is None:
        raise QueueUnavailable(
            f"function {function.name}: the connection {connection} is not set, "
            f"neither as a connection string nor as {connection}__queueServiceUri"
        )
    from azure.identity import DefaultAzureCredential  # noqa: PLC0415 -- the same

    client_id = app.get(f"{connection}__clientId")
    credential = DefaultAzureCredential(managed_identity_client_id=client_id)
    return _clients(QueueServiceClient(uri, credential=credential), queue)


def _clients(service: Any, queue: str) -> Clients:  # noqa: ANN401 -- the SDK is imported late
    return Clients(service.get_queue_client(queue), service.get_queue_client(f"{queue}-poison"))


class Queue:
    """One queue function. The SDK's calls run on threads."""

    def __init__(self, function: Function, clients: Clients, options: QueueOptions) -> None:
        self._function, self._clients, self._options = function, clients, options
        self._tasks: set[asyncio.Task[None]] = set()
        self._threads = ThreadPoolExecutor(4, thread_name_prefix=f"queue-{function.name}")
        self._stopped = asyncio.Event()

    async def run(self, calls: Calls) -> None:
        """Take messages until stopped; an empty queue is asked less and less often."""
        pause = _FIRST_PAUSE
        while not self._stopped.is_set():
            try:
                taken = await self._take(calls)
            except Exception as error:  # noqa: BLE001 -- whatever the SDK or the network raises
                told = (str(error).splitlines() or [type(error).__name__])[0]
                log.warning("queue of %s: %s", self._function.name, told)
                taken, pause = 0, _AFTER_ERROR
            if taken:
                pause = _FIRST_PAUSE
                continue
            with suppress(TimeoutError):
                await asyncio.wait_for(self._stopped.wait(), pause)
            pause = min(pause * 2, self._options.longest_pause)

    def stop(self) -> None:
        """Take no more messages."""
        self._stopped.set()

    async def close(self) -> None:
        """Settle the messages whose calls have ended; drop the others, to appear again."""
        if self._tasks:
            await asyncio.wait(self._tasks, timeout=_TO_SETTLE)
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        self._threads.shutdown(wait=False)

    async def _take(self, calls: Calls) -> int:
        """Start on the next messages, when there is room; returns how many there were."""
        room = self._options.batch - len(self._tasks)
        if room < 1:
            await asyncio.wait(self._tasks, return_when=asyncio.FIRST_COMPLETED)
            return 1
        messages = await self._call(lambda: self._receive(room))
        for message in messages:
            task = asyncio.ensure_future(self._work_on(message, calls))
            self._tasks.add(task)
            task.add_done_callback(self._tasks.discard)
        return len(messages)

    def _receive(self, room: int) -> list[Any]:
        """The next messages; none when the queue does not exist yet."""
        from azure.core.exceptions import ResourceNotFoundError  # noqa: PLC0415 -- imported late

        received = self._clients.queue.receive_messages(
            max_messages=room, visibility_timeout=self._options.hidden
        )
        try:
            return list(received)
        except ResourceNotFoundError:
            return []

    async def _work_on(self, message: Any, calls: Calls) -> None:  # noqa: ANN401 -- the SDK's message
        """Call the function with one message, and delete, release or bury it."""
        try:
            body = self._decode(message.content)
        except (ValueError, binascii.Error):
            log.exception("queue of %s: message %s is not base64", self._function.name, message.id)
            await self._settle(message, self._bury)
            return
        if message.dequeue_count > self._options.most_dequeues:
            await self._settle(message, self._bury)
            return
        ended = asyncio.Event()
        renewing = asyncio.ensure_future(self._keep_hidden(message, ended))
        try:
            answer = await calls.run(self._function, datum(body, "string"), _metadata(message))
        finally:
            ended.set()
            await renewing  # a renewal under way gives the message a new receipt
        if answer.failure is None:
            await self._settle(message, self._delete)
        elif message.dequeue_count >= self._options.most_dequeues:
            await self._settle(message, self._bury)
        else:
            await self._settle(message, self._release)

    def _decode(self, content: str) -> str:
        if not self._options.base64:
            return content
        return base64.b64decode(content, validate=True).decode("utf-8")

    async def _keep_hidden(self, message: Any, ended: asyncio.Event) -> None:  # noqa: ANN401 -- the SDK's message
        while not ended.is_set():
            try:
                await asyncio.wait_for(ended.wait(), self._options.hidden / 3)
            except TimeoutError:
                await self._settle(message, self._hide)

    async def _settle(self, message: Any, settle: Callable[[Any], None]) -> None:  # noqa: ANN401 -- the same
        """Tell the queue. When it does not hear, the message appears again: at least once."""
        try:
            await self._call(lambda: settle(message))
        except Exception as error:  # noqa: BLE001 -- whatever the SDK or the network raises
            name = settle.__name__.strip("_")
            log.warning("queue of %s: cannot %s a message: %s", self._function.name, name, error)

    def _hide(self, message: Any) -> None:  # noqa: ANN401 -- the same
        renewed = self._clients.queue.update_message(
            message, visibility_timeout=self._options.hidden
        )
        message.pop_receipt = renewed.pop_receipt

    def _delete(self, message: Any) -> None:  # noqa: ANN401 -- the same
        self._clients.queue.delete_message(message)

    def _release(self, message: Any) -> None:  # noqa: ANN401 -- the same
        self._clients.queue.update_message(
            message, visibility_timeout=int(self._options.retry_after)
        )

    def _bury(self, message: Any) -> None:  # noqa: ANN401 -- the same
        """Move a message to the poison queue, as it was sent."""
        from azure.core.exceptions import ResourceExistsError  # noqa: PLC0415 -- imported late

        with suppress(ResourceExistsError):
            self._clients.poison.create_queue()
        self._clients.poison.send_message(message.content)
        self._delete(message)
        log.error("queue of %s: message %s is poison", self._function.name, message.id)

    async def _call[T](self, call: Callable[[], T]) -> T:
        """What the queue answers. A call that has no end is left to its thread."""
        async with asyncio.timeout(_LONGEST_CALL):
            return await asyncio.get_running_loop().run_in_executor(self._threads, call)


def _metadata(message: Any) -> dict[str, Datum]:  # noqa: ANN401 -- the SDK's message
    texts = {
        "Id": message.id,
        "PopReceipt": message.pop_receipt,
        "DequeueCount": str(message.dequeue_count),
        "ExpirationTime": _stamp(message.expires_on),
        "InsertionTime": _stamp(message.inserted_on),
        "NextVisibleTime": _stamp(message.next_visible_on),
    }
    return {name: datum(text, "string") for name, text in texts.items() if text}


def _stamp(time: Any) -> str:  # noqa: ANN401 -- a datetime, None for a fresh message
    return str(time.strftime("%Y-%m-%dT%H:%M:%S+00:00")) if time else ""

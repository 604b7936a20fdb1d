"""Calls of functions from wherever a trigger fires.

Owns the durable clients that a function is given and the count of calls that still run. Refuses new
calls once it is closed.
"""

import asyncio
import json
from collections.abc import Mapping

from devhost.worker import Answer, Datum, Failure, Function, Worker, datum

# Histories and inputs travel in one message each.
_MAX_MESSAGE = 256 * 1024 * 1024

_CLOSED = Answer(None, Failure("HostStopping", "the host is stopping", ""))


def refused(answer: Answer) -> bool:
    """Whether a call was not made because the host stops: its cause is for the next start."""
    return answer is _CLOSED


def client_binding(*, url: str, rpc: str, token: str, code: str) -> str:
    """What a durable client is made from: where the hub and its management URLs are.

    `token` opens the hub, `code` the management URLs; callers of a function may see the latter.
    """
    base = f"{url}/runtime/webhooks/durabletask"
    return json.dumps(
        {
            "taskHubName": token,
            "connectionName": "Storage",
            "creationUrls": {},
            "managementUrls": {},
            "baseUrl": base,
            "httpBaseUrl": base,
            "requiredQueryStringParameters": f"code={code}",
            "rpcBaseUrl": f"http://{rpc}",
            "maxGrpcMessageSizeInBytes": _MAX_MESSAGE,
            "grpcHttpClientTimeout": "00:00:30",
        }
    )


class Calls:
    """The worker's functions, ready to be called with a trigger's value alone."""

    def __init__(self, worker: Worker, client: str) -> None:
        self._worker, self._client = worker, client
        self._running = 0
        self._idle = asyncio.Event()
        self._idle.set()
        self._closed = False

    async def run(
        self, function: Function, value: Datum, metadata: Mapping[str, Datum] | None = None
    ) -> Answer:
        """Call a function. A failure is in the answer, never raised."""
        if self._closed:
            return _CLOSED
        inputs = {function.parameter: value}
        inputs.update({name: datum(self._client, "string") for name in function.clients})
        self._running += 1
        self._idle.clear()
        try:
            return await self._worker.call(function, inputs, metadata)
        finally:
            self._running -= 1
            if not self._running:
                self._idle.set()

    async def close(self, grace: float) -> int:
        """Refuse new calls and wait for the running ones, `grace` seconds at most.

        Returns:
            How many calls still run.
        """
        self._closed = True
        try:
            await asyncio.wait_for(self._idle.wait(), grace)
        except TimeoutError:
            return self._running
        return 0

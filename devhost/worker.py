"""Microsoft's Python worker as a library: index an app, call its functions.

Owns the messages that `azure-functions-runtime` expects and the exception behind a failed call.
Refuses bindings that only a full host can serve. One app a process: the library's registry is global.
"""

import json
import logging
import sys
import traceback
from collections.abc import Mapping, Sequence
from contextvars import ContextVar
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path
from types import SimpleNamespace
from typing import Any, Protocol
from uuid import uuid4  # noqa: TID251 -- a host is where invocation ids are made

import azure_functions_runtime as runtime
from azure_functions_runtime.bindings.datumdef import Datum as _Datum
from azure_functions_runtime.native_invocation import invocation_request_native

from devhost.errors import StartError
from devhost.settings import HostSettings, Json

log = logging.getLogger("devhost")


class Datum(Protocol):
    """A value on its way to or from a function: `type` is string, bytes, json or http."""

    value: Any
    type: str | None


def datum(value: object, kind: str) -> Datum:
    """A value as the worker takes it."""
    made: Datum = _Datum(value, kind)
    return made


class Trigger(StrEnum):
    """The triggers this host can serve."""

    HTTP = "httpTrigger"
    EVENT_GRID = "eventGridTrigger"
    TIMER = "timerTrigger"
    QUEUE = "queueTrigger"
    ORCHESTRATION = "orchestrationTrigger"
    ACTIVITY = "activityTrigger"
    ENTITY = "entityTrigger"


@dataclass(frozen=True, slots=True)
class Function:
    """An indexed function: its trigger binding, and the names of its durable client parameters."""

    name: str
    id: str
    trigger: Trigger
    binding: Mapping[str, Json]
    clients: tuple[str, ...]

    @property
    def parameter(self) -> str:
        """The parameter that the trigger fills."""
        return str(self.binding["name"])

    def text(self, key: str, default: str = "") -> str:
        """A text of the trigger binding, the default when it is absent or null."""
        found = self.binding.get(key)
        return default if found is None else str(found)

    def flag(self, key: str, *, default: bool = False) -> bool:
        """A switch of the trigger binding."""
        found = self.binding.get(key)
        return default if found is None else bool(found)


@dataclass(frozen=True, slots=True)
class Failure:
    """What a function raised. `type` is the bare class name, as production reports it."""

    type: str
    message: str
    stack: str

    def __str__(self) -> str:
        return f"{self.type}: {self.message}"


@dataclass(frozen=True, slots=True)
class Answer:
    """What a call came to: the function's encoded return value, or why it failed."""

    returned: Datum | None
    failure: Failure | None = None


class _Record:
    """A message of the worker protocol: whatever fields the library sets."""

    def __init__(self, **fields: object) -> None:
        self.__dict__.update(fields)


class _StatusResult(_Record):
    Failure, Success, Cancelled = 0, 1, 2


class _BindingInfo(_Record):
    # The numbers of azure.functions' BindingDirection.
    out, inout, undefined = 1, 2, None


_PROTOS = SimpleNamespace(
    BindingInfo=_BindingInfo,
    StatusResult=_StatusResult,
    **dict.fromkeys(
        (
            "WorkerInitResponse",
            "WorkerMetadata",
            "FunctionMetadataResponse",
            "RpcFunctionMetadata",
            "RpcRetryOptions",
            "RpcException",
        ),
        _Record,
    ),
)

_raised: ContextVar[list[BaseException] | None] = ContextVar("raised", default=None)


def _keep_raised(record: logging.LogRecord) -> bool:
    """Catch the exception that the library tells its callers of as text only.

    The library logs it, in the caller's context, just before it returns the text; the host logs
    failures itself, so the record goes no further.
    """
    holder = _raised.get()
    if holder is None or not record.exc_info or not record.exc_info[1]:
        return True
    holder.append(record.exc_info[1])
    return False


class Worker:
    """The functions of one app. Make it with `await Worker.load(app_dir)`."""

    def __init__(self, app_dir: Path, functions: Sequence[Function]) -> None:
        self.functions = {function.name: function for function in functions}
        self._app_dir = str(app_dir)

    @classmethod
    async def load(cls, app_dir: Path, settings: HostSettings) -> "Worker":
        """Import and index `function_app.py`.

        Raises:
            StartError: the app cannot be imported or indexed (the worker's own message), has no
                functions, or has a binding that this host does not serve.
        """
        sys.path.insert(0, str(app_dir))
        logging.getLogger("azure.functions").addFilter(_keep_raised)
        runtime.start_threadpool_executor()
        asked = SimpleNamespace(capabilities={}, function_app_directory=str(app_dir))
        answer = await runtime.worker_init_request(
            SimpleNamespace(
                request=SimpleNamespace(worker_init_request=asked),
                properties={"host": "127.0.0.1", "protos": _PROTOS},
            )
        )
        if answer.result.status != _StatusResult.Success:
            raise StartError(
                f"{answer.result.exception.message}\n{answer.result.exception.stack_trace}"
            )
        indexed = (await runtime.functions_metadata_request(None)).function_metadata_results
        if not indexed:
            raise StartError(f"no functions found: is there a function_app.py in {app_dir}?")
        wanted = [found for found in indexed if not settings.is_disabled(found.name)]
        return cls(app_dir, [_read_function(found) for found in wanted])

    def of(self, trigger: Trigger) -> list[Function]:
        """The functions of a trigger."""
        return [function for function in self.functions.values() if function.trigger is trigger]

    def named(self, trigger: Trigger) -> dict[str, Function]:
        """The functions of a durable trigger by the name that orchestrations call them."""
        key = _DURABLE_NAMES[trigger]
        return {f.text(key, f.name): f for f in self.functions.values() if f.trigger is trigger}

    async def call(
        self,
        function: Function,
        inputs: Mapping[str, Datum],
        metadata: Mapping[str, Datum] | None = None,
    ) -> Answer:
        """Run a function. A failure is logged and returned, never raised."""
        invocation = str(uuid4())
        holder: list[BaseException] = []
        token = _raised.set(holder)
        try:
            ok, returned, _, text, trace = await invocation_request_native(
                invocation, function.id, list(inputs.items()), dict(metadata or {})
            )
        finally:
            _raised.reset(token)
        if ok:
            return Answer(returned)
        failure = self._failure(holder[-1]) if holder else _failure_of_text(text, trace)
        log.error(
            "function %s (%s) failed: %s\n%s", function.name, invocation, failure, failure.stack
        )
        return Answer(None, failure)

    def _failure(self, error: BaseException) -> Failure:
        """The failure with the frames of the app alone, or the last ones when none is the app's."""
        frames = traceback.extract_tb(error.__traceback__)
        # The durable decorators put their own frames under the app's file name, at lines it has not.
        own = [f for f in frames if f.filename.startswith(self._app_dir) and f.line]
        stack = "".join(traceback.format_list(own or frames[-3:])).rstrip()
        return Failure(type(error).__name__, str(error) or type(error).__name__, stack)


_DURABLE_NAMES = {
    Trigger.ORCHESTRATION: "orchestration",
    Trigger.ACTIVITY: "activity",
    Trigger.ENTITY: "entityName",
}


def _failure_of_text(text: str | None, trace: str | None) -> Failure:
    said = text or "the function failed"
    return Failure(said.split("(", 1)[0], said, (trace or "").rstrip())


def _read_function(found: Any) -> Function:  # noqa: ANN401 -- the library's untyped record
    bindings = [json.loads(binding) for binding in found.raw_bindings]
    triggers = [binding for binding in bindings if str(binding["type"]).endswith("Trigger")]
    if len(triggers) != 1:
        raise StartError(f"function {found.name}: has {len(triggers)} triggers, expected one")
    kind = triggers[0]["type"]
    if kind not in set(Trigger):
        raise StartError(
            f"function {found.name}: this host does not serve {kind}; it serves {', '.join(Trigger)}"
        )
    others = [binding for binding in bindings if binding is not triggers[0]]
    for binding in others:
        if binding["type"] not in ("durableClient", "http"):
            raise StartError(
                f"function {found.name}: this host does not serve the binding {binding['type']} "
                f"of {binding['name']}"
            )
    clients = tuple(str(b["name"]) for b in others if b["type"] == "durableClient")
    return Function(found.name, found.function_id, Trigger(kind), triggers[0], clients)

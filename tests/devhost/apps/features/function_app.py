"""One durable function for each thing that the task hub has to do. Knows nothing of the host."""

import os
import threading
import time
from collections.abc import Generator
from datetime import timedelta
from pathlib import Path
from typing import Any

import azure.durable_functions as df
import azure.functions as func
from durabletask import entities, task

app = df.DFApp(http_auth_level=func.AuthLevel.FUNCTION)
type Flow = Generator[task.Task[Any], Any, object]

MARKS = Path(os.environ.get("MARKS", "/nonexistent"))
attempts: dict[str, int] = {}
together = threading.Barrier(16)


def mark(name: str) -> None:
    """Leave a trace that survives the process: one line for each time it was here."""
    with (MARKS / name).open("a", encoding="utf-8") as file:
        file.write("x\n")
        file.flush()


class QuotaError(Exception):
    """An error of the app's own."""


# ---- activities


@app.activity_trigger(input_name="value")
def echo(value: object) -> object:
    return value


@app.activity_trigger(input_name="key")
def flaky(key: str) -> int:
    attempts[key] = attempts.get(key, 0) + 1
    if attempts[key] < 3:
        raise ValueError(f"boom {attempts[key]}")
    return attempts[key]


@app.activity_trigger(input_name="_value")
def over_quota(_value: object) -> None:
    raise QuotaError("too many")


@app.activity_trigger(input_name="_value")
def silent(_value: object) -> None:
    raise ValueError


@app.activity_trigger(input_name="value")
def meet(value: int) -> int:
    together.wait(timeout=120)
    return value


@app.activity_trigger(input_name="seconds")
def nap(seconds: float) -> str:
    time.sleep(seconds)
    return "rested"


@app.activity_trigger(input_name="order")
def held(order: dict) -> str:  # type: ignore[type-arg] # the worker refuses dict[str, Any]
    """Marks that it began, then waits for the file that lets it go."""
    mark(f"{order['name']}-began")
    deadline = time.monotonic() + 120
    while not (MARKS / f"{order['name']}-go").exists() and time.monotonic() < deadline:
        time.sleep(0.02)
    mark(f"{order['name']}-ended")
    return f"{order['name']} done"


@app.activity_trigger(input_name="name")
def marked(name: str) -> str:
    mark(name)
    return name


# ---- orchestrations


@app.orchestration_trigger(context_name="context")
def chain(ctx: task.OrchestrationContext, n: int) -> Flow:
    ctx.set_custom_status({"step": 1})
    out = []
    for i in range(3):
        found = yield ctx.call_activity("echo", input=n + i)
        out.append(found)
    ctx.set_custom_status({"step": "done"})
    return out


@app.orchestration_trigger(context_name="context")
def no_input(ctx: task.OrchestrationContext, _: object) -> Flow:
    return (yield ctx.call_activity("echo"))


@app.orchestration_trigger(context_name="context")
def timer(ctx: task.OrchestrationContext, seconds: float) -> Flow:
    before = ctx.current_utc_datetime
    yield ctx.create_timer(timedelta(seconds=seconds))
    return (ctx.current_utc_datetime - before).total_seconds()


@app.orchestration_trigger(context_name="context")
def wait_for_event(ctx: task.OrchestrationContext, name: str) -> Flow:
    return (yield ctx.wait_for_external_event(name or "approval"))


@app.orchestration_trigger(context_name="context")
def race(ctx: task.OrchestrationContext, seconds: float) -> Flow:
    event = ctx.wait_for_external_event("approval")
    late = ctx.create_timer(timedelta(seconds=seconds))
    if (yield task.when_any([event, late])) is event:
        return f"approved {event.get_result()}"
    return "timeout"


@app.orchestration_trigger(context_name="context")
def child(ctx: task.OrchestrationContext, n: int) -> Flow:
    return (yield ctx.call_activity("echo", input=n * 2))


@app.orchestration_trigger(context_name="context")
def children(ctx: task.OrchestrationContext, _: object) -> Flow:
    started: list[task.Task[Any]] = [ctx.call_sub_orchestrator("child", input=i) for i in range(4)]
    return (yield task.when_all(started))


@app.orchestration_trigger(context_name="context")
def failing(ctx: task.OrchestrationContext, name: str) -> Flow:
    return (yield ctx.call_activity(name))


@app.orchestration_trigger(context_name="context")
def catching(ctx: task.OrchestrationContext, name: str) -> Flow:
    try:
        return ["no error", (yield ctx.call_activity(name))]
    except task.TaskFailedError as error:
        return [error.details.error_type, error.details.message]


@app.orchestration_trigger(context_name="context")
def catching_child(ctx: task.OrchestrationContext, name: str) -> Flow:
    try:
        return ["no error", (yield ctx.call_sub_orchestrator("failing", input=name))]
    except task.TaskFailedError as error:
        return [error.details.error_type, error.details.message]


@app.orchestration_trigger(context_name="context")
def parent_of_orphan(ctx: task.OrchestrationContext, _: object) -> Flow:
    return (yield ctx.call_sub_orchestrator("whose"))


@app.orchestration_trigger(context_name="context")
def whose(ctx: task.OrchestrationContext, again: int | None) -> str | None:
    if not again:
        ctx.continue_as_new(1)
        return None
    return ctx.parent_instance_id


@app.orchestration_trigger(context_name="context")
def patient(ctx: task.OrchestrationContext, seconds: float) -> Flow:
    return (yield ctx.call_sub_orchestrator("timer", input=seconds))


@app.orchestration_trigger(context_name="context")
def again(ctx: task.OrchestrationContext, n: int) -> Flow:
    if n < 3:
        # Of an incarnation that is over when it fires, with the id of the last one's timer.
        ctx.create_timer(timedelta(seconds=0.6))
        yield ctx.call_activity("echo", input=n)
        ctx.continue_as_new(n + 1)
        return None
    before = ctx.current_utc_datetime
    yield ctx.create_timer(timedelta(seconds=1.2))
    return (ctx.current_utc_datetime - before).total_seconds()


@app.orchestration_trigger(context_name="context")
def ticks(ctx: task.OrchestrationContext, seen: list[Any]) -> Flow:
    seen = [*seen, (yield ctx.wait_for_external_event("tick"))]
    if len(seen) < 3:
        ctx.continue_as_new(seen, save_events=True)
        return None
    return seen


@app.orchestration_trigger(context_name="context")
def retrying(ctx: task.OrchestrationContext, key: str) -> Flow:
    policy = task.RetryPolicy(
        first_retry_interval=timedelta(milliseconds=50), max_number_of_attempts=5
    )
    return (yield ctx.call_activity("flaky", input=key, retry_policy=policy))


@app.orchestration_trigger(context_name="context")
def crowd(ctx: task.OrchestrationContext, _: object) -> Flow:
    return len((yield task.when_all([ctx.call_activity("meet", input=i) for i in range(16)])))


@app.orchestration_trigger(context_name="context")
def steps(ctx: task.OrchestrationContext, name: str) -> Flow:
    """One activity that leaves a mark, one that is held, another mark."""
    yield ctx.call_activity("marked", input=f"{name}-first")
    result = yield ctx.call_activity("held", input={"name": name})
    yield ctx.call_activity("marked", input=f"{name}-last")
    return result


@app.orchestration_trigger(context_name="context")
def sleeper(ctx: task.OrchestrationContext, order: dict[str, Any]) -> Flow:
    yield ctx.create_timer(timedelta(seconds=order["seconds"]))
    return (yield ctx.call_activity("marked", input=order["name"]))


@app.orchestration_trigger(context_name="context")
def stays_in_order(ctx: task.OrchestrationContext, _: object) -> Flow:
    """Asks for something else on replay than the first time."""
    attempts["order"] = attempts.get("order", 0) + 1
    if attempts["order"] == 1:
        return (yield ctx.call_activity("echo", input=1))
    return (yield ctx.create_timer(timedelta(seconds=0.1)))


# ---- entities


@app.entity_trigger(context_name="context")
class Counter(entities.DurableEntity):
    def add(self, n: int) -> int:
        value = self.get_state(int, 0) + n
        self.set_state(value)
        return value

    def fail(self) -> None:
        raise QuotaError("no more")

    def slow_add(self, order: dict[str, Any]) -> int:
        mark(f"{order['name']}-began")
        deadline = time.monotonic() + 120
        while not (MARKS / f"{order['name']}-go").exists() and time.monotonic() < deadline:
            time.sleep(0.02)
        return self.add(order["n"])

    def launch(self, key: str) -> None:
        self.schedule_new_orchestration("chain", input=1, instance_id=key)


@app.orchestration_trigger(context_name="context")
def count(ctx: task.OrchestrationContext, key: str) -> Flow:
    entity = entities.EntityInstanceId("Counter", key)
    ctx.signal_entity(entity, "add", input=5)
    return (yield ctx.call_entity(entity, "add", input=2))


@app.orchestration_trigger(context_name="context")
def entity_failure(ctx: task.OrchestrationContext, key: str) -> Flow:
    try:
        yield ctx.call_entity(entities.EntityInstanceId("Counter", key), "fail")
    except task.TaskFailedError as error:
        return [error.details.error_type, error.details.message]
    return ["no error"]


@app.orchestration_trigger(context_name="context")
def locking(ctx: task.OrchestrationContext, order: dict[str, Any]) -> Flow:
    """Adds 1 under a lock, with time for others to interfere between reading and writing."""
    entity = entities.EntityInstanceId("Counter", order["key"])
    with (yield ctx.lock_entities([entity])):
        before = yield ctx.call_entity(entity, "add", input=0)
        yield ctx.call_activity("marked", input=order["mark"])
        yield ctx.create_timer(timedelta(seconds=order["seconds"]))
        after = yield ctx.call_entity(entity, "add", input=1)
    return [before, after]


# ---- starting from outside


@app.route(route="start/{name}", methods=["POST"])
@app.durable_client_input(client_name="client")
async def start(req: func.HttpRequest, client: df.DurableFunctionsClient) -> func.HttpResponse:
    key = await client.schedule_new_orchestration(req.route_params["name"], input=req.get_json())
    return client.create_check_status_response(req, key)


@app.route(route="start-sync/{name}", methods=["POST"])
@app.durable_client_input(client_name="client")
def start_sync(req: func.HttpRequest, client: df.SyncDurableFunctionsClient) -> str:
    key = client.schedule_new_orchestration(req.route_params["name"], input=req.get_json())
    state = client.wait_for_orchestration_completion(key, timeout=120)
    return str(state and state.serialized_output)


@app.event_grid_trigger(arg_name="event")
@app.durable_client_input(client_name="client")
async def on_event(event: func.EventGridEvent, client: df.DurableFunctionsClient) -> None:
    entity = entities.EntityInstanceId("Counter", event.subject)
    await client.signal_entity(entity, "add", input=1)

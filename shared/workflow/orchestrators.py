"""Owns the order of a run's activities. Deterministic, replayed, versioned; decides nothing.

What may start and what a run comes to are pure functions elsewhere. Everything that an
orchestrator knows comes from its input, from activities or from the context's own clock.
"""

from __future__ import annotations

from collections.abc import Generator
from datetime import UTC, datetime, timedelta
from typing import Any, Final

from durabletask import task
from durabletask.entities import EntityInstanceId

from shared.reconcile import startable
from shared.workflow.entity import ENTITY, OUTBOX, RECONCILE

VERSION: Final = "1"
"""Written into every account, so that a record tells which orchestrator made it."""
MOST_ROUNDS: Final = 4
"""Three looks, each with what it lets be carried out, and a last look."""
MOST_TRIES: Final = 120
"""How often one step is begun, or one assessment taken, while Azure asks to come back later."""
CONCLUDE_AGAIN: Final = (5, 30, 120)
"""Seconds after which the end of a run is written again when the records cannot be reached."""
WAKE_AFTER_LOSS: Final = timedelta(minutes=5)
"""When to look again after a run whose end could not be written."""
STEP_TIME: Final = timedelta(hours=1)
"""An operation that Azure has not ended by then is given up (azurerm allows as much)."""
SHORT_PAUSE: Final = timedelta(seconds=30)

type Steps[T] = Generator[task.Task[Any], Any, T]


def reconcile(ctx: task.OrchestrationContext, trigger: dict[str, Any]) -> Steps[dict[str, Any]]:
    """One run: assess → carry out → assess again, until nothing is left that may be done."""
    account: dict[str, Any] = {"rounds": 0, "units": [], "problem": "", "version": VERSION}
    try:
        for number in range(1, MOST_ROUNDS + 1):
            _say_alive(ctx, trigger)
            ctx.set_custom_status({"phase": "assessing", "round": number})
            look = yield from _assess(ctx, trigger, number)
            if look["state"] != "assessed":
                account["problem"] = look["problem"]
                account["held_until"] = look.get("until")
                break
            account["rounds"] = number
            _say_waiting(ctx, trigger, look)
            units = _not_done_yet(look["units"], account["units"])
            if not units or number == MOST_ROUNDS:
                break
            account["units"] += yield from _carry_out(ctx, trigger, number, units)
    except task.TaskFailedError as error:
        account["problem"] = f"the run broke off: {error.details.message}"
    ctx.set_custom_status({"phase": "concluding", "round": account["rounds"]})
    ended = yield from _conclude(ctx, {"trigger": trigger, "account": account})
    _say_waiting(ctx, trigger, ended)
    if not trigger.get("dry_run"):
        word = {"run": ctx.instance_id, "at": _now(ctx).isoformat(), **ended}
        ctx.signal_entity(_queue(trigger), "finished", word)
    return dict(ended)


def apply_unit(ctx: task.OrchestrationContext, errand: dict[str, Any]) -> Steps[dict[str, Any]]:
    """The steps of one unit, one after the other; ends at the first that is refused."""
    result: dict[str, Any] = {**errand, "why": "", "message": "", "blocked": False, "timings": []}
    for index in range(errand["steps"]):
        ctx.set_custom_status({"step": index, "of": errand["steps"]})
        begun = _now(ctx)
        progress = yield from _step(ctx, {**errand, "step": index})
        ended = _now(ctx)
        timing: dict[str, Any] = {
            "step": index,
            "startedAt": begun.isoformat(),
            "endedAt": ended.isoformat(),
            "seconds": (ended - begun).total_seconds(),
            "kind": progress["kind"],
            "note": progress.get("note", ""),
            "changes": progress.get("changes", []),
        }
        result["timings"].append(timing)
        if progress["kind"] != "Done":
            result["why"], result["message"] = progress["why"], progress["message"]
            return {**result, "blocked": progress["blocked"], "at_step": index}
    return result


def _not_done_yet(units: dict[str, Any], carried: list[dict[str, Any]]) -> dict[str, Any]:
    """Without units that this run carried out to the end: what did not help is not done again."""
    done = {unit["unit"] for unit in carried if not unit["why"]}
    return {name: unit for name, unit in units.items() if name not in done}


def _conclude(ctx: task.OrchestrationContext, message: dict[str, Any]) -> Steps[dict[str, Any]]:
    """The end of the run; the queue is told of it even when it cannot be written down."""
    problem = ""
    for seconds in (*CONCLUDE_AGAIN, 0):
        try:
            ended = yield ctx.call_activity("conclude_run", input=message)
        except task.TaskFailedError as error:
            problem = f"the end of the run could not be recorded: {error.details.message}"
        else:
            return dict(ended)
        if seconds:
            yield ctx.create_timer(timedelta(seconds=seconds))
    wake_at = _now(ctx) + WAKE_AFTER_LOSS
    return {"outcome": "Failed", "problem": problem, "wake_at": wake_at.isoformat()}


def _assess(
    ctx: task.OrchestrationContext, trigger: dict[str, Any], number: int
) -> Steps[dict[str, Any]]:
    """One assessment; Azure's wish to come back later is waited for by a timer.

    Looks that are put off wait for an hour together, and then for ``SHORT_PAUSE`` at the most.
    """
    look: dict[str, Any] = {}
    deadline = _now(ctx) + STEP_TIME
    for _ in range(MOST_TRIES):
        look = yield ctx.call_activity("assess", input={"trigger": trigger, "round": number})
        if look["state"] != "later":
            break
        left = max(deadline - _now(ctx), SHORT_PAUSE)
        yield ctx.create_timer(_pause(look["after"], left))
    return look


def _carry_out(
    ctx: task.OrchestrationContext, trigger: dict[str, Any], number: int, units: dict[str, Any]
) -> Steps[list[dict[str, Any]]]:
    """Units as soon as what they come after is done, each in a child orchestration."""
    running: dict[str, task.Task[Any]] = {}
    results: dict[str, dict[str, Any]] = {}
    order = {name: place for place, name in enumerate(units)}
    while True:
        ended = {name: not result["why"] for name, result in results.items()}
        for name in startable(units, ended, running):
            errand = {
                "run": ctx.instance_id,
                "environment": trigger["environment"],
                "round": number,
                "unit": name,
                "steps": units[name]["steps"],
                "beside": bool(trigger.get("beside")),
            }
            running[name] = ctx.call_sub_orchestrator(
                "apply_unit", input=errand, instance_id=_child(ctx, number, order[name])
            )
        if not running:
            return list(results.values())
        _tell_progress(
            ctx, number, {name: _child(ctx, number, order[name]) for name in running}, results
        )
        yield task.when_any(list(running.values()))
        _say_alive(ctx, trigger)
        for name in [name for name, child in running.items() if child.is_complete]:
            results[name] = {"round": number, **_result(name, running.pop(name))}


def _child(ctx: task.OrchestrationContext, number: int, place: int) -> str:
    return f"{ctx.instance_id}-{number}-{place}"


def _tell_progress(
    ctx: task.OrchestrationContext,
    number: int,
    running: dict[str, str],
    results: dict[str, dict[str, Any]],
) -> None:
    """What ``GET /api/runs/{id}`` shows: units that run (with their child) and that have ended."""
    ended = {name: result["why"] or "done" for name, result in results.items()}
    ctx.set_custom_status(
        {"phase": "repairing", "round": number, "running": running, "ended": ended}
    )


def _result(name: str, child: task.Task[Any]) -> dict[str, Any]:
    """What a child came to; one that broke counts as refused, and the others go on."""
    if child.is_failed:
        message = f"the unit broke off: {child.get_exception().details.message}"
        return {"unit": name, "why": "BrokeOff", "message": message, "timings": []}
    return dict(child.get_result())


def _step(ctx: task.OrchestrationContext, errand: dict[str, Any]) -> Steps[dict[str, Any]]:
    """Begin one step and look at it until it is done or refused."""
    deadline = _now(ctx) + STEP_TIME
    tries = 1
    progress = yield ctx.call_activity("start_step", input=errand)
    while progress["kind"] in {"Waiting", "Retry"}:
        if _now(ctx) > deadline or tries > MOST_TRIES:
            return _gave_up(progress)
        yield ctx.create_timer(_pause(progress["after"], deadline - _now(ctx)))
        if progress["kind"] == "Retry":
            tries += 1
            progress = yield ctx.call_activity("start_step", input=errand)
        else:
            look = {"errand": errand, "token": progress["token"]}
            progress = yield ctx.call_activity("look_step", input=look)
    return dict(progress)


def _now(ctx: task.OrchestrationContext) -> datetime:
    """The run's own time. durabletask 1.12 hands out UTC without saying so."""
    return ctx.current_utc_datetime.replace(tzinfo=UTC)


def _pause(seconds: object, most: timedelta) -> timedelta:
    """Azure's wish, but never so short that waiting becomes a loop, nor longer than ``most``.

    What is no number, or none that a calendar knows, becomes ``SHORT_PAUSE``.
    """
    try:
        wanted = timedelta(seconds=float(str(seconds)))
    except (ValueError, OverflowError):
        wanted = SHORT_PAUSE
    return max(min(wanted, most), timedelta(seconds=1))


def _gave_up(progress: dict[str, Any]) -> dict[str, Any]:
    found = progress.get("message") or "Azure was still at work"
    text = f"given up after {STEP_TIME} or {MOST_TRIES} tries; last heard: {found}"
    return {"kind": "Refused", "why": "TookTooLong", "message": text, "blocked": False}


def _say_alive(ctx: task.OrchestrationContext, trigger: dict[str, Any]) -> None:
    if not trigger.get("dry_run"):
        word = {"run": ctx.instance_id, "at": _now(ctx).isoformat()}
        ctx.signal_entity(_queue(trigger), "alive", word)


def _say_waiting(
    ctx: task.OrchestrationContext, trigger: dict[str, Any], told: dict[str, Any]
) -> None:
    """Wake the deliveries for which messages wait; they are none of the run's business."""
    for destination, messages in told.pop("undelivered", {}).items():
        word = {
            "environment": trigger["environment"],
            "messages": messages,
            "at": _now(ctx).isoformat(),
        }
        ctx.signal_entity(EntityInstanceId(OUTBOX, destination), "waiting", word)


def _queue(trigger: dict[str, Any]) -> EntityInstanceId:
    return EntityInstanceId(ENTITY, trigger["environment"])


ORCHESTRATORS: Final = {RECONCILE: reconcile, "apply_unit": apply_unit}

"""The routes of the seams, called as the worker calls them: every status and every body."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import azure.functions as func
import pytest
from durabletask.client import OrchestrationStatus

from shared.model.trigger import Cause
from shared.triggers import http, runs
from tests.core.builders import finding, tiny, unit
from tests.triggers.client import FakeClient, body_of, is_problem, request
from tests.workflow.world import World, wish, world

LOCAL = {"AZURE_FUNCTIONS_ENVIRONMENT": "Development"}
BROKEN = finding()
type Route = Callable[..., Awaitable[func.HttpResponse]]


def stage(tmp_path: Path, **settings: str) -> World:
    mend = unit("mend", findings=(BROKEN.key,))
    return world(
        tmp_path, [tiny([mend], findings=[BROKEN]), tiny(name="other", findings=[])], **settings
    )


def routes(here: World, environ: Mapping[str, str] = LOCAL) -> dict[str, Route]:
    """Every registered route by name, as a callable of (request, client)."""
    found: dict[str, Route] = {}
    for blueprint in (
        http.http_blueprint(lambda: here.services, environ),
        runs.runs_blueprint(lambda: here.services, environ),
    ):
        for builder in blueprint._function_builders:
            function = builder._function
            found[str(function.get_function_name())] = function.get_user_function()
    return found


async def call(
    here: World,
    name: str,
    asked: func.HttpRequest,
    client: FakeClient | None = None,
    environ: Mapping[str, str] = LOCAL,
) -> func.HttpResponse:
    answer: Any = _unwrapped(routes(here, environ)[name])
    result = answer(asked, client or FakeClient()) if _takes_client(answer) else answer(asked)
    if isinstance(result, func.HttpResponse):
        return result
    found: func.HttpResponse = await result
    return found


def _unwrapped(route: Any) -> Any:  # noqa: ANN401 - durable wraps what takes a client
    while hasattr(route, "__wrapped__"):
        route = route.__wrapped__
    return route


def _takes_client(route: Any) -> bool:  # noqa: ANN401 - the same
    return "client" in route.__code__.co_varnames[: route.__code__.co_argcount]


# --- health and lists --------------------------------------------------------


async def test_health_names_no_resource(tmp_path: Path) -> None:
    answer = await call(stage(tmp_path), "health", request())
    assert answer.status_code == 200
    assert body_of(answer) == {
        "status": "ok",
        "away": [],
        "environments": 1,
        "manifestProblems": 0,
        "setAside": 0,
        "undelivered": {},
    }


async def test_environments_are_listed_with_modes_and_last_run(tmp_path: Path) -> None:
    here = stage(tmp_path)
    here.run(wish())
    (one,) = body_of(await call(here, "list_environments", request()))["environments"]
    assert (one["name"], one["mode"]["tiny"]) == ("prod", "remediate")
    assert one["lastRun"]["id"] == "run-1"
    assert one["paused"] is None


async def test_an_environment_shows_its_queue_debts_and_question(tmp_path: Path) -> None:
    here, client = stage(tmp_path, RELINK_MODE="approve"), FakeClient()
    here.run(wish())
    await call(here, "reconcile_environment", request({}, name="prod"), client)
    shown = body_of(await call(here, "show_environment", request(name="prod"), client))
    assert shown["queue"]["running"] == client.queue().running
    assert shown["approval"]["run"] == "run-1"
    assert shown["debts"] == shown["intents"] == []


HOSTILE = ["nowhere", "../prod", "PROD", "", "a" * 5000, "prod/../prod", "<script>", "prod\n"]


@pytest.mark.parametrize("name", HOSTILE, ids=range(len(HOSTILE)))
@pytest.mark.parametrize(
    "route",
    ["show_environment", "reconcile_environment", "pause_environment", "resume_environment"],
)
async def test_what_is_no_environment_is_not_found(tmp_path: Path, route: str, name: str) -> None:
    client = FakeClient()
    is_problem(await call(stage(tmp_path), route, request(name=name), client), 404)
    assert client.scheduled == []
    assert client.states == {}


# --- reconcile ----------------------------------------------------------------


async def test_a_wish_is_accepted_with_the_place_to_look(tmp_path: Path) -> None:
    client = FakeClient()
    asked = request({"remediators": ["tiny"], "reason": " look "}, name="prod")
    answer = await call(stage(tmp_path), "reconcile_environment", asked, client)
    run = body_of(answer)["id"]
    assert answer.status_code == 202
    assert answer.headers["Location"] == f"/api/runs/{run}"
    (_, trigger, started) = client.scheduled[0]
    assert started == run
    assert (trigger["cause"], trigger["remediators"]) == (Cause.MANUAL, ["tiny"])
    assert (trigger["note"], trigger["by"]) == ("look", "the holder of the host key")


@pytest.mark.parametrize("body", [None, b"", {}])
async def test_no_body_means_everything(tmp_path: Path, body: object) -> None:
    client = FakeClient()
    await call(stage(tmp_path), "reconcile_environment", request(body, name="prod"), client)
    assert client.scheduled[0][1]["remediators"] == []


async def test_a_dry_run_does_not_enter_the_queue(tmp_path: Path) -> None:
    client = FakeClient()
    asked = request({"dryRun": True}, name="prod")
    answer = await call(stage(tmp_path), "reconcile_environment", asked, client)
    assert answer.status_code == 202
    assert client.states == {}
    assert client.scheduled[0][1]["dry_run"] is True


@pytest.mark.parametrize(
    ("body", "field"),
    [
        ({"dryRun": "yes"}, "dryRun"),
        ({"dryRun": 1}, "dryRun"),
        ({"remediators": "tiny"}, "remediators"),
        ({"remediators": [7]}, "remediators.0"),
        ({"remediators": ["nobody"]}, "remediators"),
        ({"reason": "x" * 501}, "reason"),
        ({"dry": True}, "dry"),
        ([], "(body)"),
        (b"{", "(body)"),
        (b"\xff", "(body)"),
        (b"null", "(body)"),
    ],
)
async def test_a_bad_body_names_the_field(tmp_path: Path, body: object, field: str) -> None:
    client = FakeClient()
    asked = request(body, name="prod")
    found = is_problem(await call(stage(tmp_path), "reconcile_environment", asked, client), 400)
    assert field in {each["field"] for each in found["errors"]}
    assert client.scheduled == []


async def test_an_endless_body_is_refused(tmp_path: Path) -> None:
    asked = request(b"[" * 20_000, name="prod")
    found = is_problem(await call(stage(tmp_path), "reconcile_environment", asked), 413)
    assert "20000 bytes" in found["detail"]


# --- runs -----------------------------------------------------------------------


async def shown(here: World, run: str, client: FakeClient) -> dict[str, Any]:
    answer = await call(here, "show_run", request(id=run), client)
    assert answer.status_code == 200, body_of(answer)
    return body_of(answer)


async def asked_for(here: World, client: FakeClient) -> str:
    answer = await call(here, "reconcile_environment", request(name="prod"), client)
    return str(body_of(answer)["id"])


async def test_a_run_is_running_then_queued_behind_then_merged_then_finished(
    tmp_path: Path,
) -> None:
    here, client = stage(tmp_path), FakeClient()
    first, second, third = [await asked_for(here, client) for _ in range(3)]
    assert (await shown(here, first, client))["status"] == "running"
    assert (await shown(here, second, client))["status"] == "queued"
    assert (await shown(here, third, client))["status"] == "queued"
    here.run(wish(first, requests=(first,)))
    assert (await shown(here, first, client))["status"] == "finished"
    here.run(wish(second, requests=(second, third)))
    merged = await shown(here, third, client)
    assert (merged["status"], merged["into"]) == ("merged", second)


async def test_a_wish_merged_into_a_run_under_way_leads_to_it(tmp_path: Path) -> None:
    here, client = stage(tmp_path), FakeClient()
    first, second, third = [await asked_for(here, client) for _ in range(3)]
    entity = {"run": first, "at": here.clock().isoformat(), "wake_at": None}
    from durabletask.entities import EntityInstanceId  # noqa: PLC0415 - used here only

    await client.signal_entity(
        EntityInstanceId("environment_queue", "prod"), "finished", input=entity
    )
    merged = await shown(here, third, client)
    assert (merged["status"], merged["into"]) == ("merged", second)


@pytest.mark.parametrize(
    "status",
    [OrchestrationStatus.FAILED, OrchestrationStatus.TERMINATED, OrchestrationStatus.COMPLETED],
)
async def test_a_run_that_ended_without_a_record_is_broken(
    tmp_path: Path, status: OrchestrationStatus
) -> None:
    client = FakeClient(instances={"run-9": status})
    assert (await shown(stage(tmp_path), "run-9", client))["status"] == "broken"


async def test_how_far_a_run_is_shows_its_units_with_their_steps(tmp_path: Path) -> None:
    client = FakeClient(
        instances={"run-9": OrchestrationStatus.RUNNING, "run-9-1-0": OrchestrationStatus.RUNNING},
        statuses={
            "run-9": {
                "phase": "repairing",
                "round": 1,
                "running": {"a": "run-9-1-0"},
                "ended": {"b": "done"},
            },
            "run-9-1-0": {"step": 1, "of": 4},
        },
    )
    far = await shown(stage(tmp_path), "run-9", client)
    assert (far["status"], far["phase"]) == ("running", "repairing")
    assert {"unit": "a", "state": "running", "step": 1, "of": 4} in far["units"]
    assert {"unit": "b", "state": "done"} in far["units"]


@pytest.mark.parametrize("run", HOSTILE, ids=range(len(HOSTILE)))
@pytest.mark.parametrize("route", ["show_run", "approve_run", "reject_run"])
async def test_what_is_no_run_is_not_found(tmp_path: Path, route: str, run: str) -> None:
    found = is_problem(await call(stage(tmp_path), route, request(id=run)), 404)
    assert len(found["detail"]) < 300


# --- approve, reject --------------------------------------------------------------


def waiting(tmp_path: Path) -> World:
    here = stage(tmp_path, RELINK_MODE="approve")
    here.run(wish())
    return here


async def test_approving_starts_a_run_that_looks_at_the_same_again(tmp_path: Path) -> None:
    here, client = waiting(tmp_path), FakeClient()
    answer = await call(here, "approve_run", request({"reason": "ok"}, id="run-1"), client)
    assert answer.status_code == 202
    (_, trigger, run) = client.scheduled[0]
    assert answer.headers["Location"] == f"/api/runs/{run}"
    assert trigger["cause"] == Cause.APPROVAL
    assert trigger["note"] == "ok"
    approval = here.records.approval("prod")
    assert approval is not None
    assert (approval.state, approval.by) == ("approved", "the holder of the host key")


async def test_rejecting_starts_nothing(tmp_path: Path) -> None:
    here, client = waiting(tmp_path), FakeClient()
    answer = await call(here, "reject_run", request(id="run-1"), client)
    assert answer.status_code == 200
    assert body_of(answer)["approval"]["state"] == "rejected"
    assert client.scheduled == []


async def test_a_decision_is_taken_once(tmp_path: Path) -> None:
    here = waiting(tmp_path)
    await call(here, "reject_run", request(id="run-1"))
    found = is_problem(await call(here, "approve_run", request(id="run-1")), 409)
    assert "rejected" in found["detail"]


async def test_a_decision_that_comes_too_late_is_refused(tmp_path: Path) -> None:
    here, client = waiting(tmp_path), FakeClient()
    here.clock.advance(25 * 3600)
    is_problem(await call(here, "approve_run", request(id="run-1"), client), 409)
    assert client.scheduled == []


async def test_any_run_that_shows_the_waiting_plan_takes_the_decision(tmp_path: Path) -> None:
    """A sweep meets the same plan again; its record says AwaitingApproval as well."""
    here, client = waiting(tmp_path), FakeClient()
    assert here.run(wish("run-2"))["outcome"] == "AwaitingApproval"
    answer = await call(here, "approve_run", request(id="run-2"), client)
    assert answer.status_code == 202
    assert len(client.scheduled) == 1


async def test_a_plan_that_is_not_the_plan_any_more_names_the_one_that_is(tmp_path: Path) -> None:
    here = waiting(tmp_path)
    other = unit("another", findings=(BROKEN.key,))
    here.services = replace(here.services, catalogue=(tiny([other], findings=[BROKEN]),))
    here.run(wish("run-2"))
    found = is_problem(await call(here, "approve_run", request(id="run-1")), 409)
    assert "run-2" in found["detail"]


async def test_a_run_that_asked_nothing_takes_no_decision(tmp_path: Path) -> None:
    here = stage(tmp_path)
    here.run(wish())
    found = is_problem(await call(here, "approve_run", request(id="run-1")), 404)
    assert "run-1" in found["detail"]


async def test_a_decision_with_a_bad_body_is_none(tmp_path: Path) -> None:
    here = waiting(tmp_path)
    is_problem(await call(here, "approve_run", request({"yes": True}, id="run-1")), 400)
    approval = here.records.approval("prod")
    assert approval is not None
    assert approval.state == "waiting"


# --- pause, resume -----------------------------------------------------------------


async def test_a_paused_environment_starts_nothing_until_it_is_resumed(tmp_path: Path) -> None:
    here, client = stage(tmp_path), FakeClient()
    answer = await call(here, "pause_environment", request({"reason": "work"}, name="prod"), client)
    assert body_of(answer)["paused"]["reason"] == "work"
    await asked_for(here, client)
    assert client.scheduled == []
    answer = await call(here, "resume_environment", request(name="prod"), client)
    assert body_of(answer)["paused"] is None
    assert len(client.scheduled) == 1
    assert here.records.paused("prod") is None


async def test_however_many_ask_each_is_led_to_a_run_and_the_queue_stays_small(
    tmp_path: Path,
) -> None:
    """6,000 requests took 43 seconds to be answered at the end of their run once."""
    here, client = stage(tmp_path), FakeClient()
    ids = []
    for number in range(150):
        asked = request({"reason": f"because {number}"}, name="prod")
        ids.append(body_of(await call(here, "reconcile_environment", asked, client))["id"])
    first, pending = ids[0], client.queue().pending
    assert pending is not None
    assert len(pending.requests) == 20
    shown = [body_of(await call(here, "show_run", request(id=each), client)) for each in ids[1:]]
    assert {each["status"] for each in shown[:20]} == {"queued"}
    assert {(each["status"], each["into"]) for each in shown[20:]} == {("merged", pending.id)}
    assert client.queue().running == first


async def test_a_request_that_wants_more_than_what_waits_is_merged_into_it(tmp_path: Path) -> None:
    here, client = stage(tmp_path), FakeClient()
    for _ in range(25):
        narrow = request({"remediators": ["tiny"]}, name="prod")
        await call(here, "reconcile_environment", narrow, client)
    await call(here, "reconcile_environment", request({}, name="prod"), client)
    pending = client.queue().pending
    assert pending is not None
    assert pending.remediators == ()

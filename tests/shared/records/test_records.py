from __future__ import annotations

import logging
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from shared.model.actual import Link
from shared.model.debt import Debt
from shared.model.intent import Intent
from shared.model.resource_id import ResourceId
from shared.records import (
    ApprovalDecidedError,
    ApprovalExpiredError,
    ApprovalState,
    ApprovalUnknownError,
    Attempt,
    FolderStore,
    HeldBy,
    Lease,
    Records,
    RunIsImmutableError,
    TooLargeError,
)
from shared.records.leases import SKEW
from tests.core.builders import run_document

GROUP = "/subscriptions/00000000-0000-0000-0000-000000000001/resourceGroups/ml"
ENDPOINT = ResourceId.parse(f"{GROUP}/providers/Microsoft.Network/privateEndpoints/pe-aks")
OTHER = ResourceId.parse(f"{GROUP}/providers/Microsoft.Network/privateEndpoints/pe-blob")
CLUSTER = ResourceId.parse(f"{GROUP}/providers/Microsoft.ContainerService/managedClusters/aks")
START = datetime(2026, 11, 1, 12, 0, tzinfo=UTC)


class Clock:
    def __init__(self) -> None:
        self.now = START

    def __call__(self) -> datetime:
        return self.now

    def pass_seconds(self, seconds: float) -> None:
        self.now += timedelta(seconds=seconds)


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def records(tmp_path: Path, clock: Clock) -> Records:
    return Records(FolderStore(tmp_path), clock)


def debt(target: ResourceId = ENDPOINT, minutes: int = 0, proof: str = "") -> Debt:
    return Debt(target, CLUSTER, START + timedelta(minutes=minutes), "event 1", proof)


def test_a_lease_is_held_by_one_and_says_by_whom(records: Records) -> None:
    assert records.acquire_lease("prod", "run-1", 60) == Lease(
        "prod", "run-1", START + timedelta(seconds=60)
    )
    held = HeldBy("run-1", START + timedelta(seconds=60) + SKEW)
    assert records.acquire_lease("prod", "run-2", 60) == held
    assert isinstance(records.acquire_lease("test", "run-2", 60), Lease)


def test_the_holder_acquires_again_and_so_renews(records: Records, clock: Clock) -> None:
    records.acquire_lease("prod", "run-1", 60)
    clock.pass_seconds(50)
    records.acquire_lease("prod", "run-1", 60)
    clock.pass_seconds(50)
    assert isinstance(records.acquire_lease("prod", "run-2", 60), HeldBy)


def test_a_lease_that_has_ended_is_taken_over_once_it_has_by_every_clock(
    records: Records, clock: Clock
) -> None:
    records.acquire_lease("prod", "run-1", 60)
    clock.pass_seconds(60 + SKEW.total_seconds() - 1)
    assert isinstance(records.acquire_lease("prod", "run-2", 60), HeldBy)
    clock.pass_seconds(1)
    assert isinstance(records.acquire_lease("prod", "run-2", 60), Lease)
    assert records.renew_lease("prod", "run-1", 60) == HeldBy(
        "run-2", clock.now + timedelta(seconds=60) + SKEW
    )
    assert records.release_lease("prod", "run-1") is False
    assert records.lease("prod") == Lease("prod", "run-2", clock.now + timedelta(seconds=60))


def test_a_released_lease_is_free_and_cannot_be_renewed(records: Records) -> None:
    records.acquire_lease("prod", "run-1", 60)
    assert records.release_lease("prod", "run-1") is True
    assert records.renew_lease("prod", "run-1", 60) is None
    assert isinstance(records.acquire_lease("prod", "run-2", 60), Lease)


def test_a_lease_that_cannot_be_read_locks_for_a_lease_and_not_for_ever(
    records: Records, clock: Clock, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    records.acquire_lease("prod", "run-1", 60)
    (tmp_path / "environments/prod/lease.json").write_bytes(b'{"holder": ')
    with caplog.at_level(logging.ERROR):
        assert isinstance(records.acquire_lease("prod", "run-2", 60), HeldBy)
    assert "environments/prod/lease.json" in caplog.text
    assert isinstance(records.renew_lease("prod", "run-1", 60), HeldBy)
    clock.pass_seconds(17 * 60)
    assert isinstance(records.acquire_lease("prod", "run-2", 60), Lease)


def test_a_debt_told_twice_is_one_debt(records: Records) -> None:
    assert records.add_debts("prod", [debt(), debt(OTHER)]) == (debt(), debt(OTHER))
    assert records.add_debts("prod", [debt(), debt(minutes=5)]) == (debt(minutes=5),)
    assert set(records.debts("prod")) == {debt(), debt(OTHER), debt(minutes=5)}
    assert records.debts("test") == ()


def test_a_closed_debt_stays_closed_when_it_is_updated(records: Records) -> None:
    records.add_debts("prod", [debt()])
    assert records.update_debt("prod", debt(proof="link id differs")) is True
    assert records.debts("prod") == (debt(proof="link id differs"),)
    records.close_debt("prod", debt().id)
    records.close_debt("prod", debt().id)
    assert records.update_debt("prod", debt(proof="late")) is False
    assert records.debts("prod") == ()


def test_a_document_that_cannot_be_read_is_reported_and_stops_no_other(
    records: Records, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    records.add_debts("prod", [debt(), debt(OTHER)])
    key = f"environments/prod/debts/{debt().id}.json"
    (tmp_path / key).write_text('{"target": "nonsense"}')
    with caplog.at_level(logging.ERROR):
        assert records.debts("prod") == (debt(OTHER),)
    assert [corrupt.key for corrupt in records.set_aside()] == [key]
    assert key in caplog.text


def test_a_debt_behind_an_unreadable_document_is_owed_again(
    records: Records, tmp_path: Path
) -> None:
    records.add_debts("prod", [debt()])
    (tmp_path / f"environments/prod/debts/{debt().id}.json").write_bytes(b"\xff\xfe")
    assert records.add_debts("prod", [debt()]) == (debt(),)
    assert records.debts("prod") == (debt(),)
    assert records.count_aside() == 1


def test_the_first_intent_of_a_resource_is_kept(records: Records) -> None:
    first = records.store_intent("prod", Intent(ENDPOINT, {"tags": {"a": "1"}}, "guid-1"))
    assert first.stored_at == START
    kept = records.store_intent("prod", Intent(ENDPOINT, {}, "guid-2"))
    assert kept == first
    assert records.intents("prod") == (first,)


def test_an_intent_of_the_same_incarnation_is_renewed(records: Records) -> None:
    records.store_intent("prod", Intent(ENDPOINT, {"a": 1}, "guid-1", run="run-1"))
    again = records.store_intent("prod", Intent(ENDPOINT, {"a": 2}, "guid-1", run="run-2"))
    assert records.intents("prod") == (again,)
    assert again.run == "run-2"


def test_an_intent_of_an_unknown_incarnation_replaces_none(records: Records) -> None:
    first = records.store_intent("prod", Intent(ENDPOINT, {"a": 1}, ""))
    assert records.store_intent("prod", Intent(ENDPOINT, {"a": 2}, "")) == first


def test_memory_is_everything_that_earlier_runs_left(records: Records) -> None:
    link = Link(ENDPOINT, "guid-1", "pls-1", START)
    records.add_debts("prod", [debt()])
    intent = records.store_intent("prod", Intent(OTHER, {"a": [1, {"b": None}]}, "guid-9"))
    records.store_link("prod", link)
    memory = records.memory("prod")
    assert (memory.debts, memory.intents, memory.links) == ((debt(),), (intent,), (link,))
    records.remove_intent("prod", ResourceId.parse(OTHER.text.upper()))
    assert records.memory("prod").intents == ()


def test_two_resources_of_one_name_do_not_share_a_record(records: Records) -> None:
    twin = ResourceId.parse(ENDPOINT.text.replace("/ml/", "/other/"))
    records.store_link("prod", Link(ENDPOINT, "1", "a", START))
    records.store_link("prod", Link(twin, "2", "b", START))
    assert len(records.links("prod")) == 2


def test_a_run_is_written_once(records: Records) -> None:
    document = run_document(outcome="Repaired", debt=debt())
    records.store_run("run-1", document)
    records.store_run("run-1", dict(reversed(document.items())))
    with pytest.raises(RunIsImmutableError, match="run-1"):
        records.store_run("run-1", {**document, "outcome": "Failed"})
    stored = records.run("run-1")
    assert stored is not None
    assert stored["outcome"] == "Repaired"
    assert stored["debt"]["target"] == ENDPOINT.text


def test_runs_are_listed_newest_first_and_each_once(records: Records, clock: Clock) -> None:
    for number in range(5):
        clock.pass_seconds(1)
        name = "prod" if number % 2 else "test"
        records.store_run(f"run-{number}", run_document(environment=name, number=number))
    clock.pass_seconds(1)
    records.store_run("run-1", run_document(number=1))
    assert [run["number"] for run in records.runs()] == [4, 3, 2, 1, 0]
    assert [run["number"] for run in records.runs("prod")] == [3, 1]
    assert [run["number"] for run in records.runs(limit=2)] == [4, 3]
    assert records.runs("unknown") == ()


@pytest.mark.parametrize("run_id", ["", "../lease", "a/b", "x" * 500, "\x00", "ünknown"])
def test_a_strange_run_id_is_an_unknown_run(records: Records, run_id: str) -> None:
    assert records.run(run_id) is None
    assert records.request(run_id) is None
    assert records.paper(run_id, run_id) is None


def test_a_document_that_is_too_large_is_refused(records: Records) -> None:
    with pytest.raises(TooLargeError, match=r"runs/run-1\.json"):
        records.store_run("run-1", {"text": "x" * 5_000_000})
    assert records.runs() == ()


def test_a_merged_request_points_to_the_run_that_took_it(records: Records) -> None:
    records.point_request("request-2", "run-1")
    assert records.request("request-2") == "run-1"
    assert records.request("request-3") is None


def test_papers_hold_our_values_and_go_with_the_run(records: Records) -> None:
    records.put_paper("run-1", "plan", {"debts": (debt(),), "at": START})
    records.put_paper("run-1", "round-2", [1, "two", None])
    records.put_paper("run-10", "plan", "another run's")
    paper = records.paper("run-1", "plan")
    assert paper["debts"][0]["target"] == ENDPOINT.text
    assert records.paper("run-1", "round-2") == [1, "two", None]
    records.drop_papers("run-1")
    assert records.paper("run-1", "plan") is None
    assert records.paper("run-10", "plan") == "another run's"


def test_an_approval_is_decided_once_by_somebody_named(records: Records, clock: Clock) -> None:
    records.ask_approval("prod", "hash", "run-1", START + timedelta(hours=1))
    clock.pass_seconds(60)
    decided = records.decide_approval("prod", "run-1", approved=True, by="ada")
    assert (decided.state, decided.by, decided.at) == (ApprovalState.APPROVED, "ada", clock.now)
    assert records.approval("prod") == decided
    with pytest.raises(ApprovalDecidedError, match="ada"):
        records.decide_approval("prod", "run-1", approved=False, by="bob")


def test_a_rejected_plan_is_not_asked_about_again_before_it_expires(
    records: Records, clock: Clock
) -> None:
    until = START + timedelta(hours=1)
    records.ask_approval("prod", "hash", "run-1", until)
    rejected = records.decide_approval("prod", "run-1", approved=False, by="ada")
    assert records.ask_approval("prod", "hash", "run-2", until) == rejected
    clock.pass_seconds(3600)
    asked = records.ask_approval("prod", "hash", "run-3", until + timedelta(hours=1))
    assert (asked.run, asked.state) == ("run-3", ApprovalState.WAITING)


def test_another_plan_is_asked_about_at_once(records: Records) -> None:
    until = START + timedelta(hours=1)
    records.ask_approval("prod", "hash-1", "run-1", until)
    assert records.ask_approval("prod", "hash-2", "run-2", until).run == "run-2"
    with pytest.raises(ApprovalUnknownError, match="run-1"):
        records.decide_approval("prod", "run-1", approved=True, by="ada")


def test_an_expired_or_unknown_plan_cannot_be_approved(records: Records, clock: Clock) -> None:
    with pytest.raises(ApprovalUnknownError):
        records.decide_approval("prod", "run-1", approved=True, by="ada")
    records.ask_approval("prod", "hash", "run-1", START + timedelta(seconds=10))
    clock.pass_seconds(10)
    with pytest.raises(ApprovalExpiredError):
        records.decide_approval("prod", "run-1", approved=True, by="ada")
    records.clear_approval("prod")
    assert records.approval("prod") is None


def test_a_pause_lasts_until_somebody_named_resumes(records: Records, clock: Clock) -> None:
    first = records.pause("prod", "ada", "migration")
    clock.pass_seconds(5)
    assert records.pause("prod", "bob", "later") == first
    assert records.paused("prod") == first
    ended = records.resume("prod", "bob")
    assert ended is not None
    assert (ended.by, ended.resumed_by, ended.resumed_at) == ("ada", "bob", clock.now)
    assert records.paused("prod") is None
    assert records.resume("prod", "bob") is None
    assert records.pause("prod", "eve", "again").by == "eve"


def test_attempts_of_a_day_are_remembered_and_bounded(records: Records, clock: Clock) -> None:
    records.note_attempt("prod", ENDPOINT, clock.now, ok=False)
    clock.pass_seconds(3600 * 23)
    for _ in range(60):
        clock.pass_seconds(1)
        records.note_attempt("prod", OTHER, clock.now, ok=True)
    attempts = records.attempts("prod")
    assert attempts[ENDPOINT] == (Attempt(START, ok=False),)
    assert len(attempts[OTHER]) == 50
    assert attempts[OTHER][-1] == Attempt(clock.now, ok=True)
    clock.pass_seconds(3600)
    assert set(records.attempts("prod")) == {OTHER}


def test_attempts_are_forgotten_for_one_resource_or_all(records: Records) -> None:
    for resource in (ENDPOINT, OTHER, CLUSTER):
        records.note_attempt("prod", resource, START, ok=False)
    records.forget_attempts("prod", ENDPOINT)
    assert set(records.attempts("prod")) == {OTHER, CLUSTER}
    records.forget_attempts("prod")
    assert records.attempts("prod") == {}


def test_a_watermark_moves_forward_only(records: Records) -> None:
    assert records.watermark("prod", "power-log") is None
    records.set_watermark("prod", "power-log", START)
    records.set_watermark("prod", "power-log", START - timedelta(hours=1))
    assert records.watermark("prod", "power-log") == START
    records.set_watermark("prod", "power-log", START + timedelta(hours=1))
    assert records.watermark("prod", "power-log") == START + timedelta(hours=1)


def test_manifest_memory_is_kept_by_file_and_environment(records: Records) -> None:
    assert records.manifests_known() is False
    records.keep_good("a folder/prod 1.yaml", "v1", "text")
    good = records.last_good("a folder/prod 1.yaml")
    assert good is not None
    assert (good.version, good.text, good.at) == ("v1", "text", START)
    assert records.last_good("prod.yaml") is None
    assert records.manifests_known() is True
    assert records.accepted_version("prod") is None
    records.accept_version("prod", "v1")
    assert records.accepted_version("prod") == "v1"


def test_a_lease_that_was_written_a_moment_ago_is_not_written_again(
    records: Records, clock: Clock
) -> None:
    first = records.acquire_lease("prod", "run-1", 60)
    clock.pass_seconds(5)
    assert records.renew_lease("prod", "run-1", 60) == first
    assert records.acquire_lease("prod", "run-1", 60) == first
    clock.pass_seconds(2)
    renewed = Lease("prod", "run-1", START + timedelta(seconds=67))
    assert records.renew_lease("prod", "run-1", 60) == renewed

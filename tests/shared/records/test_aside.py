"""What cannot be used is set aside with its reason, answered on the safe side, and in nobody's way."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from shared.model.actual import Link, Memory
from shared.model.codec import dump
from shared.model.debt import Debt
from shared.model.intent import Intent
from shared.records import FolderStore, HeldBy, Lease, Records, StoreUnavailableError
from shared.records.aside import MOST
from tests.core.builders import CLUSTER, ENDPOINT, NOW, rid, run_document

BROKEN = {
    "cut": b'{"environment": "prod", ',
    "no-text": b"\xff\xfe\x00",
    "empty": b"",
    "other": b"[1, 2, 3]",
    "deep": b"[" * 200_000,
    "null": b"null",
}
UNSET = "0001-01-01T00:00:00Z"


@dataclass
class Shop:
    place: Path
    now: Any = NOW

    @property
    def records(self) -> Records:
        return Records(FolderStore(self.place), lambda: self.now)

    def break_all(self, prefix: str, data: bytes) -> list[str]:
        """Replace each document below ``prefix``; their keys."""
        keys = list(FolderStore(self.place).keys(prefix))
        assert keys
        for key in keys:
            (self.place / key).write_bytes(data)
        return keys

    def aside(self) -> list[str]:
        return [each.key for each in self.records.set_aside()]


@pytest.fixture
def shop(tmp_path: Path) -> Shop:
    return Shop(tmp_path / "records")


def fill(records: Records) -> None:
    """One document of each kind."""
    target, cluster = rid(ENDPOINT), rid(CLUSTER)
    records.add_debts("prod", [Debt(target, cluster, NOW, "event 1")])
    records.store_intent("prod", Intent(target, {"tags": {}}, "guid-1"))
    records.store_link("prod", Link(target, "guid-1", "pls-1", NOW))
    records.note_attempt("prod", target, NOW, ok=False)
    records.set_watermark("prod", "starts-1", NOW)
    records.accept_version("prod", "v1")
    records.acquire_lease("prod", "run-1", 60)
    records.pause("prod", "ada", "why")
    records.clear_approval("prod")
    records.ask_approval("prod", "hash", "run-1", NOW + timedelta(hours=1))
    records.decide_approval("prod", "run-1", approved=True, by="ada")
    records.store_run("run-1", run_document())
    records.put_paper("run-1", "trigger", {"a": 1})
    records.point_request("request-1", "run-1")
    records.keep_good("prod.yaml", "v1", "text")
    records.note_rejected_event("why", {})


READS: dict[str, Callable[[Records], object]] = {
    "environments/prod/debts/": lambda r: r.debts("prod"),
    "environments/prod/intents/": lambda r: r.intents("prod"),
    "environments/prod/links/": lambda r: r.links("prod"),
    "environments/prod/attempts/": lambda r: r.attempts("prod"),
    "environments/prod/watermarks/": lambda r: r.watermark("prod", "starts-1"),
    "environments/prod/accepted-version.json": lambda r: r.accepted_version("prod"),
    "environments/prod/approval.json": lambda r: r.approval("prod"),
    "runs/": lambda r: r.run("run-1"),
    "papers/": lambda r: r.paper("run-1", "trigger"),
    "requests/": lambda r: r.request("request-1"),
    "manifests/": lambda r: r.last_good("prod.yaml"),
    "events/": lambda r: r.rejected_events().counts,
}
LASTING = ("environments/prod/pause.json", "environments/prod/lease.json")


@pytest.mark.parametrize("data", BROKEN.values(), ids=BROKEN)
@pytest.mark.parametrize("prefix", READS)
def test_a_broken_document_of_any_kind_is_set_aside_whole_and_can_be_written_again(
    shop: Shop, prefix: str, data: bytes
) -> None:
    fill(shop.records)
    keys = shop.break_all(prefix, data)
    assert not READS[prefix](shop.records)
    assert shop.aside() == keys
    assert not any((shop.place / key).exists() for key in keys)
    found = json.loads(next((shop.place / "aside").rglob("*.json")).read_bytes())
    assert found["why"]
    assert found["bytes"] == str(len(data))
    fill(shop.records)
    assert READS[prefix](shop.records)
    assert shop.records.count_aside() == 1


@pytest.mark.parametrize("data", BROKEN.values(), ids=BROKEN)
def test_a_pause_that_cannot_be_read_pauses_until_a_person_resumes(shop: Shop, data: bytes) -> None:
    shop.records.pause("prod", "ada", "why")
    shop.records.resume("prod", "ada")
    shop.break_all("environments/prod/pause", data)
    assert shop.records.paused("prod") is not None
    assert shop.records.paused("prod") is not None
    assert shop.aside() == ["environments/prod/pause.json"]
    shop.records.resume("prod", "bob")
    assert shop.records.paused("prod") is None


@pytest.mark.parametrize("data", BROKEN.values(), ids=BROKEN)
def test_a_lease_that_cannot_be_read_lets_nobody_in_and_ends(shop: Shop, data: bytes) -> None:
    shop.records.acquire_lease("prod", "run-1", 60)
    shop.break_all("environments/prod/lease", data)
    assert isinstance(shop.records.acquire_lease("prod", "run-2", 900), HeldBy)
    assert isinstance(shop.records.acquire_lease("prod", "run-1", 900), HeldBy)
    shop.now += timedelta(minutes=17)  # a lease, and what clocks may differ
    assert isinstance(shop.records.acquire_lease("prod", "run-2", 900), Lease)


def test_an_approval_that_cannot_be_read_is_none_and_is_asked_again(shop: Shop) -> None:
    fill(shop.records)
    shop.break_all("environments/prod/approval", b'{"state": "approved"}')
    assert shop.records.approval("prod") is None
    asked = shop.records.ask_approval("prod", "hash", "run-2", NOW + timedelta(hours=1))
    assert (asked.run, asked.by) == ("run-2", "")


@pytest.mark.parametrize("kind", ["debts", "intents", "links"])
def test_lost_evidence_has_the_activity_log_read_anew(shop: Shop, kind: str) -> None:
    fill(shop.records)
    shop.break_all(f"environments/prod/{kind}/", b"{")
    assert shop.records.memory("prod") != Memory()
    assert shop.records.watermark("prod", "starts-1") is None


def test_times_that_cannot_be_reckoned_with_are_set_aside(shop: Shop) -> None:
    """As Relink itself once stored them: an event with an unset .NET date."""
    fill(shop.records)
    debt = {**dump(Debt(rid(ENDPOINT), rid(CLUSTER), NOW, "event 1")), "restart_at": UNSET}
    shop.break_all("environments/prod/debts/", json.dumps(debt).encode())
    assert shop.records.debts("prod") == ()
    shop.break_all(
        "environments/prod/lease",
        b'{"environment":"prod","holder":"x","until":"9999-12-31T23:59:59"}',
    )
    assert isinstance(shop.records.acquire_lease("prod", "run-2", 60), HeldBy)
    shop.now += timedelta(minutes=17)  # a lease, and what clocks may differ
    assert isinstance(shop.records.acquire_lease("prod", "run-2", 60), Lease)
    assert "0001" in shop.records.set_aside()[0].why


@pytest.mark.parametrize("kind", ["debts", "intents", "links"])
def test_a_document_that_nobody_could_ever_close_is_set_aside(shop: Shop, kind: str) -> None:
    """A copy under another name: closing deletes by the name that the value gives."""
    fill(shop.records)
    folder = shop.place / "environments/prod" / kind
    original = next(folder.iterdir())
    original.rename(folder / "another.json")
    assert getattr(shop.records, kind)("prod") == ()
    assert shop.aside() == [f"environments/prod/{kind}/another.json"]


def test_a_watermark_in_the_future_hides_nothing(shop: Shop) -> None:
    shop.records.set_watermark("prod", "starts-1", NOW + timedelta(days=400))
    assert shop.records.watermark("prod", "starts-1") is None
    shop.records.set_watermark("prod", "starts-1", NOW)
    assert shop.records.watermark("prod", "starts-1") == NOW


def test_a_run_whose_document_is_broken_can_be_concluded(shop: Shop) -> None:
    document = run_document()
    shop.records.store_run("run-1", document)
    shop.break_all("runs/", b"{")
    shop.records.store_run("run-1", document)
    assert shop.records.run("run-1") == document


def test_text_that_fits_no_utf8_is_stored_all_the_same(shop: Shop) -> None:
    document = run_document(problem="half \ud800 of it")
    shop.records.store_run("run-1", document)
    shop.records.store_run("run-1", document)
    stored = shop.records.run("run-1")
    assert stored is not None
    assert stored["problem"] == "half ? of it"
    assert shop.records.run("\ud800") is None


def test_what_is_set_aside_is_bounded_by_kind(shop: Shop) -> None:
    fill(shop.records)
    shop.break_all("environments/prod/intents/", b"{")
    shop.records.intents("prod")
    for number in range(MOST + 5):
        shop.records.keep_aside(f"letters/{number}", b"x", "unreadable")
    assert shop.records.count_aside() == MOST + 1
    assert "environments/prod/intents/" in "".join(
        shop.aside() + [each.key for each in shop.records.set_aside(1000)]
    )


class Unwritable(FolderStore):
    def write(self, key: str, data: bytes, **_: Any) -> str:  # noqa: ANN401 - as the store's
        raise StoreUnavailableError(f"{key}: {len(data)} bytes may not be written")


def test_who_may_only_read_goes_on_and_is_told(shop: Shop) -> None:
    fill(shop.records)
    shop.break_all("environments/prod/", b"{")
    records = Records(Unwritable(shop.place), lambda: NOW)
    assert records.debts("prod") == ()
    assert records.paused("prod") is not None
    assert records.lease("prod") is not None
    assert records.count_aside() == 3
    assert (shop.place / "environments/prod/pause.json").exists()
    assert list((shop.place / "environments/prod/debts").iterdir())


def test_a_lease_that_nobody_can_hold_ends(shop: Shop) -> None:
    """As a clock that was years ahead left it: the environment was never repaired again."""
    records = shop.records
    records.acquire_lease("prod", "run-1", timedelta(days=36_000).total_seconds())
    assert isinstance(records.acquire_lease("prod", "run-2", 900), HeldBy)
    assert shop.aside() == ["environments/prod/lease.json"]
    shop.now += timedelta(minutes=17)  # a lease, and what clocks may differ
    assert isinstance(shop.records.acquire_lease("prod", "run-2", 900), Lease)


def test_an_attempt_in_the_future_holds_nothing_off(shop: Shop) -> None:
    shop.records.note_attempt("prod", rid(ENDPOINT), NOW + timedelta(days=400), ok=False)
    assert shop.records.attempts("prod") == {}


@pytest.mark.parametrize(
    "document",
    [{}, run_document(outcomes=[{}]), run_document(rounds=[{}]), run_document(trigger="x")],
    ids=["nothing", "an-outcome-of-nothing", "a-round-of-nothing", "no-trigger"],
)
def test_a_record_that_lacks_what_one_has_is_no_run(shop: Shop, document: Any) -> None:  # noqa: ANN401 - any JSON
    shop.records.store_run("run-1", run_document())
    shop.break_all("runs/", json.dumps(document).encode())
    assert shop.records.run("run-1") is None
    assert shop.records.runs() == ()
    assert shop.aside() == ["runs/run-1.json"]

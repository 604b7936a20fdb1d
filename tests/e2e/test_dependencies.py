"""What a run depends on, taken away piece by piece: gone, slow or wrong, it stops only what needs it.

The ids are ``activity-dependency-mood``; ``docs/architecture.md`` has the table. Kinds of reads that are
gone: ``test_sick_reads.py``. Virtual time: what is slow moves the clock as far as its deadline.
"""

from __future__ import annotations

import re
import threading
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
import requests
from azure.core.credentials import AccessToken

from shared import telemetry
from shared.azure.identity import IdentityUnreachableError
from shared.azure.transport import EXCHANGE_SECONDS
from shared.manifests import ManifestSource
from shared.records import FolderStore, Mark, Records, Store, Stored, StoreUnavailableError
from shared.records.bounded import SECONDS as STORE_SECONDS
from shared.workflow import assess as assessing
from simulator.clock import VirtualClock
from simulator.faults import Fault, Mischief
from simulator.wire import Request, Response
from tests.e2e import drifts
from tests.e2e.portrait import differences, portrait
from tests.e2e.stage import Stage, build
from tests.e2e.telling import told
from tests.e2e.test_sick_reads import SICK, broken, kinds

GOOD = {"Repaired", "InSync", "NotNeeded"}
STORAGE = "PublicAccessEnabled prodmlst"
BLOB = "EndpointMissing prod-blob-pe"


def calm(stage: Stage, record: dict[str, Any]) -> None:
    """What failed is back: the environment comes into order by itself or at the next sweep."""
    if record["wakeAt"]:
        until = datetime.fromisoformat(record["wakeAt"]) - stage.clock.now()
        stage.advance(max(until.total_seconds(), 1.0))
    stage.run_until_calm()
    assert stage.services.records.intents(stage.name) == ()


# --- assess: each kind of read -------------------------------------------------


def slow(stage: Stage, path: str, method: str = "GET") -> None:
    """Whoever calls ``path`` waits as long as an exchange may last, and gets no answer."""
    real = stage.cloud.handle

    def handle(request: Request) -> Response:
        if request.method == method and re.search(path, request.url.split("?")[0], re.IGNORECASE):
            stage.clock.advance(EXCHANGE_SECONDS)
            raise requests.exceptions.ReadTimeout("nothing came")
        return real(request)

    stage.cloud.handle = handle  # type: ignore[method-assign] # put back by ``healed``


def wrong(stage: Stage, path: str, method: str = "GET") -> None:
    """``path`` answers 200 with something else, as a proxy or a sick provider does."""
    real = stage.cloud.handle

    def handle(request: Request) -> Response:
        if request.method == method and re.search(path, request.url.split("?")[0], re.IGNORECASE):
            return Response(
                200, {"Content-Type": "application/json"}, b'{"message": "all is well"}'
            )
        return real(request)

    stage.cloud.handle = handle  # type: ignore[method-assign] # the same


def healed(stage: Stage) -> None:
    """The simulated Azure as it was."""
    stage.cloud.clear_faults()
    stage.cloud.__dict__.pop("handle", None)


def gone(stage: Stage, path: str, method: str = "GET") -> None:
    """``path`` answers 503 for as long as it is asked."""
    fault = Fault(Mischief.ERROR, method=method, path=path, status=503, code="Away", times=None)
    stage.cloud.add_fault(fault)


MOODS = {"gone": gone, "slow": slow, "wrong": wrong}
READS = [(kind, mood) for kind in SICK for mood in ("slow", "wrong")]


@pytest.mark.parametrize(("kind", "mood"), READS, ids=[f"assess-{k}-{m}" for k, m in READS])
def test_assess_goes_on_without_a_kind_of_read(kind: str, mood: str, tmp_path: Path) -> None:
    path, units = SICK[kind]
    stage = broken(tmp_path)
    began = stage.clock.now()
    MOODS[mood](stage, path)
    record = stage.run()
    took = stage.clock.now() - began
    assert not record["problem"]
    assert record["outcome"] not in GOOD, kinds(record)
    assert record["unreadable"]
    assert len(record["units"]) >= units, [unit["unit"] for unit in record["units"]]
    assert not [unit for unit in record["units"] if unit["why"]]
    assert took < timedelta(minutes=90)
    healed(stage)
    calm(stage, record)


def test_a_look_asks_no_more_once_its_time_is_over(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """However many questions hang: an activity that outlasts the host's timeout breaks the run off."""
    stage = broken(tmp_path)
    monkeypatch.setattr(assessing, "LOOK_SECONDS", 0.0)
    over = len(stage.times)
    record = stage.run()
    assert len(stage.times) == over
    assert (record["outcome"], record["problem"]) == ("Deferred", "")
    monkeypatch.undo()
    calm(stage, record)


# --- what every activity needs ------------------------------------------------------


def drifted(tmp_path: Path) -> tuple[Stage, dict[str, Any]]:
    """Storage and vault opened, an endpoint deleted; and what it looked like before."""
    stage = build(tmp_path)
    before = portrait(stage.cloud)
    stage.run()
    drifts.open_storage(stage)
    drifts.open_vault(stage)
    drifts.delete_blob_endpoint(stage)
    return stage, before


def truthful(stage: Stage, before: dict[str, Any], record: dict[str, Any]) -> None:
    """Nothing is called in order that is not."""
    if record["outcome"] in GOOD:
        assert differences(before, portrait(stage.cloud)) == []


@pytest.mark.parametrize("mood", ["gone", "slow", "wrong"])
@pytest.mark.parametrize("activity", ["assess", "start_step", "look_step"])
def test_nothing_is_concluded_without_an_identity_and_the_next_run_repairs(
    activity: str, mood: str, tmp_path: Path
) -> None:
    stage, before = drifted(tmp_path)
    written, credential = len(stage.writes()), stage.azure._clients.credential
    well = credential.get_token

    def sick(*_: str, **__: object) -> AccessToken:
        if mood == "wrong":
            return AccessToken("nonsense", 0)
        stage.clock.advance(20 if mood == "slow" else 0)
        raise IdentityUnreachableError("no token came from the identity endpoint: timeout")

    def hook(name: str, _message: Mapping[str, Any]) -> None:
        if name == activity:
            credential.get_token = sick  # type: ignore[method-assign] # put back below

    stage.hook = hook
    record = stage.run()
    assert record["outcome"] not in GOOD
    if activity != "look_step":
        assert len(stage.writes()) == written
    stage.hook = None
    credential.get_token = well  # type: ignore[method-assign] # the same
    calm(stage, record)
    assert differences(before, portrait(stage.cloud)) == []


STEPS = {
    "start_step": ("PATCH", "vaults/prod-mlkv$", "PublicAccessEnabled prod-mlkv"),
    "look_step": ("GET", "/operations/|operationStatuses|operationResults", BLOB),
}


@pytest.mark.parametrize("mood", MOODS)
@pytest.mark.parametrize("activity", STEPS)
def test_a_step_that_azure_does_not_take_stops_no_other(
    activity: str, mood: str, tmp_path: Path
) -> None:
    method, path, mine = STEPS[activity]
    stage, before = drifted(tmp_path)
    MOODS[mood](stage, path, method)
    record = stage.run()
    assert told(record)[STORAGE] == ("Repaired", "")
    if activity == "start_step":
        assert told(record)[BLOB] == ("Repaired", "")
        assert told(record)[mine][0] not in GOOD
    truthful(stage, before, record)
    healed(stage)
    calm(stage, record)
    assert differences(before, portrait(stage.cloud)) == []


# --- records and manifests --------------------------------------------------------


@dataclass
class Sometimes:
    """``store``, or nobody: at once, or after the deadline of a call."""

    store: Store
    clock: VirtualClock
    mood: str = ""

    def _asked(self) -> Store:
        if self.mood:
            self.clock.advance(STORE_SECONDS if self.mood == "slow" else 0)
            raise StoreUnavailableError("the store gave no answer")
        return self.store

    def read(self, key: str) -> Stored | None:
        return self._asked().read(key)

    def write(
        self, key: str, data: bytes, *, if_match: str | None = None, if_absent: bool = False
    ) -> str:
        return self._asked().write(key, data, if_match=if_match, if_absent=if_absent)

    def delete(self, key: str, *, if_match: str | None = None) -> None:
        self._asked().delete(key, if_match=if_match)

    def keys(self, prefix: str = "") -> Iterator[str]:
        return self._asked().keys(prefix)

    def marks(self, prefix: str = "") -> Mapping[str, Mark]:
        return self._asked().marks(prefix)


ACTIVITIES = ("assess", "start_step", "look_step", "conclude_run")


@pytest.mark.parametrize("mood", ["gone", "slow"])
@pytest.mark.parametrize("activity", ACTIVITIES)
def test_records_that_are_away_for_three_calls_break_no_run_off(
    activity: str, mood: str, tmp_path: Path
) -> None:
    stage, before = drifted(tmp_path)
    store = Sometimes(FolderStore(tmp_path / "records"), stage.clock)
    stage.services = replace(stage.services, records=Records(store, stage.clock.now))
    left = 3

    def hook(name: str, _message: Mapping[str, Any]) -> None:
        nonlocal left
        mine = name == activity and left > 0
        left -= mine
        store.mood = mood if mine else ""

    stage.hook = hook
    record = stage.run()
    assert left == 0
    assert (record["outcome"], record["problem"]) == ("Repaired", "")
    assert differences(before, portrait(stage.cloud)) == []


@pytest.mark.parametrize("activity", ACTIVITIES)
def test_records_that_hold_nonsense_end_in_a_record_and_the_next_run_repairs(
    activity: str, tmp_path: Path
) -> None:
    stage, before = drifted(tmp_path)
    spoiled = False

    def hook(name: str, _message: Mapping[str, Any]) -> None:
        nonlocal spoiled
        if name == activity and not spoiled:
            spoiled = True
            for folder in ("environments", "papers"):
                for file in (tmp_path / "records" / folder).rglob("*.json"):
                    file.write_bytes(b"{")

    stage.hook = hook
    record = stage.run()
    truthful(stage, before, record)
    assert stage.services.records.set_aside()
    stage.hook = None
    calm(stage, record)
    assert differences(before, portrait(stage.cloud)) == []


def with_manifests(stage: Stage) -> Sometimes:
    store = Sometimes(FolderStore(stage.place / "environments"), stage.clock)
    source = ManifestSource(store, stage.services.records, stage.services.settings)
    stage.services = replace(stage.services, manifests=source)
    return store


@pytest.mark.parametrize("mood", ["gone", "slow", "wrong"])
def test_assess_goes_by_the_manifests_that_were_last_in_force(mood: str, tmp_path: Path) -> None:
    stage, before = drifted(tmp_path)
    store = with_manifests(stage)
    version = stage.services.declared("prod").version
    if mood == "wrong":
        (tmp_path / "environments/prod.yaml").write_bytes(b"\xff{")
    else:
        store.mood = mood
    record = stage.run()
    assert (record["outcome"], record["manifestVersion"]) == ("Repaired", version)
    assert differences(before, portrait(stage.cloud)) == []


@pytest.mark.parametrize("mood", ["gone", "slow"])
def test_assess_waits_for_manifests_that_never_could_be_read(mood: str, tmp_path: Path) -> None:
    stage, _ = drifted(tmp_path)
    store, looks = with_manifests(stage), 0

    def hook(name: str, _message: Mapping[str, Any]) -> None:
        nonlocal looks
        looks += name == "assess"
        store.mood = mood if looks < 4 else ""

    stage.hook = hook
    assert stage.run()["outcome"] == "Repaired"


@pytest.mark.parametrize("off", [-86_400, -40, 40, 86_400])
def test_a_clock_that_is_wrong_keeps_nothing_open(off: int, tmp_path: Path) -> None:
    stage, before = drifted(tmp_path)

    def clock() -> datetime:
        return stage.clock.now() + timedelta(seconds=off)

    records = Records(FolderStore(tmp_path / "records"), clock)
    stage.services = replace(stage.services, clock=clock, records=records)
    record = stage.run()
    assert record["problem"] == ""
    assert told(record)[STORAGE] == ("Repaired", "")
    truthful(stage, before, record)


@pytest.mark.parametrize("mood", ["gone", "wrong"])
def test_telemetry_that_raises_ends_no_activity(
    mood: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from opentelemetry import metrics, trace  # noqa: PLC0415 - only here

    def broken_off(*_: object, **__: object) -> None:
        raise (ImportError if mood == "gone" else ValueError)("of the exporter")

    stage, before = drifted(tmp_path)
    told_of = threading.Event()
    told_of.set()
    monkeypatch.setattr(telemetry, "_configured", told_of)
    for module, name in ((metrics, "get_meter"), (trace, "get_tracer")):
        monkeypatch.setattr(module, name, broken_off)
    stage.azure.calls._told = telemetry.arm_call
    assert stage.run()["outcome"] == "Repaired"
    assert differences(before, portrait(stage.cloud)) == []

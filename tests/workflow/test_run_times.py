from datetime import datetime, timedelta
from pathlib import Path

from tests.e2e.stage import build


def test_a_record_tells_times_with_their_zone_though_durabletask_gives_none(
    tmp_path: Path,
) -> None:
    stage = build(tmp_path)
    acls = {"bypass": "None", "defaultAction": "Deny"}
    stage.human("PATCH", stage.ids.storage, {"properties": {"networkAcls": acls}})
    (unit,) = stage.run()["units"]
    times = [timing[name] for timing in unit["timings"] for name in ("startedAt", "endedAt")]
    assert times
    assert {datetime.fromisoformat(time).utcoffset() for time in times} == {timedelta(0)}
    (alive, *_) = [word for _, operation, word in stage.signals if operation == "alive"]
    assert datetime.fromisoformat(alive["at"]).utcoffset() == timedelta(0)

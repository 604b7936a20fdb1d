"""Judges note that they ran; one that cannot be had fails where it is at hand, and is skipped elsewhere."""

from pathlib import Path

import pytest

from scripts import judges
from tests.judges import missing


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder of reports, and none of judges beside the project."""
    monkeypatch.setattr(judges, "REPORTS", tmp_path / "judges")
    monkeypatch.setattr(judges, "SHARED", tmp_path / "shared")
    return tmp_path / "judges"


def test_a_judge_that_cannot_be_had_is_skipped_where_none_is_at_hand(folder: Path) -> None:
    with pytest.raises(pytest.skip.Exception, match="npm: no"):
        missing("azurite", "npm: no")
    assert (folder / "azurite.not-run").read_text(encoding="utf-8") == "npm: no"


def test_a_judge_that_cannot_be_had_fails_where_it_is_at_hand(folder: Path) -> None:
    judges.SHARED.mkdir()
    with pytest.raises(pytest.fail.Exception, match=r"Azure's storage did not judge: npm: no"):
        missing("azurite", "npm: no")
    assert judges.rows(folder, "")[1] == (judges.JUDGES["azurite"], False, "npm: no")


def test_a_judge_that_the_table_does_not_know_is_refused(folder: Path) -> None:
    with pytest.raises(KeyError, match="nobody"):
        judges.ran("nobody", "well")
    assert not folder.exists()


@pytest.mark.parametrize(
    ("at_hand", "arguments", "status"),
    [(True, (), 1), (True, ("--stopped",), 0), (False, (), 0)],
    ids=["at-hand", "stopped", "absent"],
)
def test_the_table_fails_for_what_is_at_hand_and_did_not_judge(
    folder: Path,
    capsys: pytest.CaptureFixture[str],
    *,
    at_hand: bool,
    arguments: tuple[str, ...],
    status: int,
) -> None:
    if at_hand:
        judges.SHARED.mkdir()
    for name in list(judges.JUDGES)[1:]:
        judges.ran(name, "well")
    assert judges.main(*arguments) == status
    told = capsys.readouterr().out
    assert told.count("  ran      well") == len(judges.JUDGES) - 1
    assert ("at hand, and did not judge: Azure's OpenAPI documents" in told) == bool(status)
    assert folder.is_dir()


def test_a_judge_that_one_process_could_not_have_did_not_run(tmp_path: Path) -> None:
    (tmp_path / "kql.ran").write_text("well", encoding="utf-8")
    (tmp_path / "azurite.not-run").write_text("npm: no", encoding="utf-8")
    (tmp_path / "azurite.ran").write_text("well", encoding="utf-8")
    found = {row[0]: row[1:] for row in judges.rows(tmp_path, "nobody asked")}
    assert found[judges.JUDGES["kql"]] == (True, "well")
    assert found[judges.JUDGES["azurite"]] == (False, "npm: no")
    assert found[judges.JUDGES["bicep"]] == (False, "nobody asked")

"""docs/reasons.md and docs/catalogue.md are what the remediators say, and the script notices when not."""

import subprocess
import sys
from pathlib import Path

from devhost.environment import child_environment
from remediators import REMEDIATORS

ROOT = Path(__file__).parents[2]
PAGE = ROOT / "docs/reasons.md"
CATALOGUE = ROOT / "docs/catalogue.md"
SCRIPT = ROOT / "scripts/reasons"


def run(root: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, str(root / "scripts/reasons"), *arguments],
        env=child_environment(), capture_output=True, text=True, check=False, timeout=120,
    )  # fmt: skip


def test_the_page_is_in_step_with_the_remediators() -> None:
    ran = run(ROOT)
    assert (ran.stdout, ran.stderr, ran.returncode) == ("", "", 0)


def test_every_remediator_and_reason_is_on_the_page() -> None:
    text = PAGE.read_text(encoding="utf-8")
    assert [r.name for r in REMEDIATORS if f"## {r.name}\n" not in text] == []
    reasons = {reason for remediator in REMEDIATORS for reason in remediator.reasons}
    assert [reason for reason in reasons if f"| `{reason}` |" not in text] == []


def test_the_catalogue_says_where_each_reason_comes_from_and_what_is_done_about_it() -> None:
    text = CATALOGUE.read_text(encoding="utf-8")
    for remediator in REMEDIATORS:
        for word, reason in remediator.reasons.items():
            row = next(line for line in text.splitlines() if line.startswith(f"| `{word}` |"))
            assert reason.source
            assert reason.source in text
            assert reason.response.value in {cell.strip() for cell in row.split("|")}
        assert all(f"`{action}`" in text for action in remediator.permissions)


def copied(tmp_path: Path) -> Path:
    """A tree in which the script finds the same code and another page."""
    for name in ("remediators", "shared"):
        (tmp_path / name).symlink_to(ROOT / name)
    (tmp_path / "scripts").mkdir()
    (tmp_path / "docs").mkdir()
    (tmp_path / "scripts/reasons").write_bytes(SCRIPT.read_bytes())
    (tmp_path / "docs/reasons.md").write_text(PAGE.read_text(encoding="utf-8") + "more\n")
    (tmp_path / "docs/catalogue.md").write_bytes(CATALOGUE.read_bytes())
    return tmp_path


def test_a_page_that_is_not_in_step_is_told_with_the_command_that_renews_it(tmp_path: Path) -> None:
    root = copied(tmp_path)
    stale = run(root)
    assert stale.returncode == 1
    assert "scripts/reasons --write" in stale.stdout
    assert run(root, "--write").returncode == 0
    assert run(root).returncode == 0
    assert (root / "docs/reasons.md").read_bytes() == PAGE.read_bytes()

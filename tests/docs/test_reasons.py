"""docs/reasons.md is what the remediators say, and the script notices when it is not."""

import subprocess
import sys
from pathlib import Path

from remediators import REMEDIATORS

ROOT = Path(__file__).parents[2]
PAGE = ROOT / "docs/reasons.md"
SCRIPT = ROOT / "scripts/reasons"


def run(root: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, str(root / "scripts/reasons"), *arguments],
        capture_output=True, text=True, check=False, timeout=60,
    )  # fmt: skip


def test_the_page_is_in_step_with_the_remediators() -> None:
    ran = run(ROOT)
    assert (ran.stdout, ran.stderr, ran.returncode) == ("", "", 0)


def test_every_remediator_and_reason_is_on_the_page() -> None:
    text = PAGE.read_text(encoding="utf-8")
    assert [r.name for r in REMEDIATORS if f"## {r.name}\n" not in text] == []
    reasons = {reason for remediator in REMEDIATORS for reason in remediator.reasons}
    assert [reason for reason in reasons if f"| `{reason}` |" not in text] == []


def copied(tmp_path: Path) -> Path:
    """A tree in which the script finds the same code and another page."""
    for name in ("remediators", "shared"):
        (tmp_path / name).symlink_to(ROOT / name)
    (tmp_path / "scripts").mkdir()
    (tmp_path / "docs").mkdir()
    (tmp_path / "scripts/reasons").write_bytes(SCRIPT.read_bytes())
    (tmp_path / "docs/reasons.md").write_text(PAGE.read_text(encoding="utf-8") + "more\n")
    return tmp_path


def test_a_page_that_is_not_in_step_is_told_with_the_command_that_renews_it(tmp_path: Path) -> None:
    root = copied(tmp_path)
    stale = run(root)
    assert stale.returncode == 1
    assert "scripts/reasons --write" in stale.stdout
    assert run(root, "--write").returncode == 0
    assert run(root).returncode == 0
    assert (root / "docs/reasons.md").read_bytes() == PAGE.read_bytes()

"""Microsoft's Bicep compiler takes every entry template, by its own rules.

Not by those of `infra/bicepconfig.json`: `use-resource-id-functions`, an error there, refuses two modules as they stand.
"""

import os
import shutil
import subprocess
from pathlib import Path

import pytest

from scripts import judges
from scripts.judges import SHARED
from tests.infra.shared_folder import INFRA
from tests.judges import missing

ENTRIES = sorted(path.name for path in INFRA.glob("*.bicep"))

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def compiler() -> str:
    """The compiler that BICEP names, else the one on the PATH, else the one beside the project."""
    named = os.environ.get("BICEP") or shutil.which("bicep") or str(SHARED / "bicep/bicep")
    try:
        told = run(named, "--version")
    except OSError as why:
        missing("bicep", f"there is no compiler: {why}")
    if told.returncode:
        missing("bicep", f"{named} does not start: {told.stderr or told.stdout}")
    judges.ran(
        "bicep", f"{told.stdout.strip()}, by its own rules, not those of infra/bicepconfig.json"
    )
    return named


@pytest.fixture(scope="module")
def infra(tmp_path_factory: pytest.TempPathFactory) -> Path:
    left_out = shutil.ignore_patterns("bicepconfig.json")
    return Path(shutil.copytree(INFRA, tmp_path_factory.mktemp("bicep") / "infra", ignore=left_out))


def run(compiler: str, *arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [compiler, *arguments], capture_output=True, text=True, timeout=120, check=False
    )


@pytest.mark.parametrize("entry", ENTRIES)
def test_the_compiler_takes_every_entry_template(compiler: str, infra: Path, entry: str) -> None:
    compiled = run(compiler, "build", str(infra / entry), "--stdout")
    assert (compiled.returncode, compiled.stderr) == (0, "")


def test_the_compiler_notices_a_wrong_type(compiler: str, infra: Path) -> None:
    wrong = infra / "wrong.bicep"
    wrong.write_text("param days int = 'seven'\noutput given int = days\n", encoding="utf-8")
    compiled = run(compiler, "build", str(wrong), "--stdout")
    assert compiled.returncode == 1
    assert "BCP033" in compiled.stderr or "BCP027" in compiled.stderr

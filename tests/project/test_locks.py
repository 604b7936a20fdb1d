"""The locks: every package pinned with hashes, no index named, the app's pins kept by the rest."""

import re
from pathlib import Path

import pytest
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

ROOT = Path(__file__).parents[2]
LOCKS = ("requirements.txt", "requirements-dev.txt")
HASH = re.compile(r"--hash=sha256:[0-9a-f]{64}")


def read_lock(name: str) -> dict[str, tuple[Requirement, int]]:
    """Package name to its pin and the number of its hashes."""
    joined = (ROOT / name).read_text(encoding="utf-8").replace("\\\n", " ")
    lines = [line for line in joined.splitlines() if line and not line.lstrip().startswith("#")]
    pins: dict[str, tuple[Requirement, int]] = {}
    for line in lines:
        requirement = Requirement(line.split("--hash", 1)[0].strip())
        pins[canonicalize_name(requirement.name)] = (requirement, len(HASH.findall(line)))
    return pins


def read_sources(name: str) -> list[Requirement]:
    """The direct requirements of requirements/<name>, without comments and references."""
    lines = (ROOT / "requirements" / name).read_text(encoding="utf-8").splitlines()
    kept = (line.split("#")[0].strip() for line in lines)
    return [Requirement(line) for line in kept if line and not line.startswith("-")]


@pytest.mark.parametrize("lock", LOCKS)
def test_every_package_is_pinned_exactly_and_hashed(lock: str) -> None:
    pins = read_lock(lock)
    assert len(pins) > 50
    loose = [
        str(requirement)
        for requirement, hashes in pins.values()
        if not re.fullmatch(r"==[^=*,]+", str(requirement.specifier)) or not hashes
    ]
    assert loose == []


@pytest.mark.parametrize("lock", LOCKS)
def test_no_lock_names_an_address(lock: str) -> None:
    text = (ROOT / lock).read_text(encoding="utf-8")
    assert re.findall(r"https?://\S+|file:\S+|--(?:extra-)?index-url|--find-links", text) == []


@pytest.mark.parametrize(
    ("source", "lock"), [("app.in", "requirements.txt"), ("dev.in", "requirements-dev.txt")]
)
def test_every_direct_requirement_is_in_its_lock_at_a_version_that_it_allows(
    source: str, lock: str
) -> None:
    pins = read_lock(lock)
    for requirement in read_sources(source):
        pin, _ = pins[canonicalize_name(requirement.name)]
        version = str(pin.specifier).removeprefix("==")
        assert requirement.specifier.contains(version, prereleases=True), f"{requirement}: {pin}"


def test_development_runs_on_the_versions_that_are_deployed() -> None:
    app = {name: pin for name, (pin, _) in read_lock("requirements.txt").items()}
    dev = {name: pin for name, (pin, _) in read_lock("requirements-dev.txt").items()}
    assert {name: dev.get(name) for name in app} == app


def test_what_the_project_leans_on_privately_is_pinned_in_the_sources() -> None:
    exact = {r.name for r in read_sources("app.in") if str(r.specifier).startswith("==")}
    assert {"azure-functions-durable", "azure-functions-runtime", "azure-ai-ml"} <= exact


def test_the_worker_that_azure_provides_is_not_deployed() -> None:
    assert "azure-functions-worker" not in read_lock("requirements.txt")

"""Hosts as processes of their own: the worker library serves one app a process."""

from collections.abc import Callable, Iterator
from pathlib import Path

import httpx
import pytest

from devhost.child import HostProcess

APPS = Path(__file__).parent / "apps"
KEY = "a key for tests"


@pytest.fixture
def hosts(tmp_path: Path) -> Iterator[Callable[..., HostProcess]]:
    """Make hosts of an app, with their state in one directory; all are ended."""
    made: list[HostProcess] = []
    (tmp_path / "marks").mkdir()

    def make(app: str, grace: float = 5.0) -> HostProcess:
        environ = {"MARKS": str(tmp_path / "marks")}
        host = HostProcess(APPS / app, tmp_path / "state", key=KEY, environ=environ, grace=grace)
        made.append(host)
        return host

    yield make
    for host in made:
        host.kill()


@pytest.fixture(scope="module")
def features(tmp_path_factory: pytest.TempPathFactory) -> Iterator[HostProcess]:
    """One host with the features app for the tests of a module."""
    directory = tmp_path_factory.mktemp("features")
    marks = directory / "marks"
    marks.mkdir()
    host = HostProcess(
        APPS / "features", directory / "state", key=KEY, environ={"MARKS": str(marks)}
    )
    host.start()
    yield host
    assert host.stop() == 0


@pytest.fixture
def marks(tmp_path: Path) -> Callable[[str], int]:
    """How often an app left a mark."""

    def count(name: str) -> int:
        path = tmp_path / "marks" / name
        return len(path.read_text().splitlines()) if path.exists() else 0

    return count


@pytest.fixture
def let_go(tmp_path: Path) -> Callable[[str], None]:
    """Let a held activity end."""
    return lambda name: (tmp_path / "marks" / f"{name}-go").touch()


@pytest.fixture
def http() -> Iterator[httpx.Client]:
    """A client that brings the key."""
    with httpx.Client(timeout=120, headers={"x-functions-key": KEY}) as client:
        yield client

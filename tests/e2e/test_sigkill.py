"""kill -9 of the host at each write of the restart repair, over real sockets; it starts and completes."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from devhost.child import PATIENCE
from tests.e2e.moments import incarnations_destroyed
from tests.e2e.portrait import differences, portrait
from tests.e2e.rig import Ambush, Rig, open_rig

pytestmark = pytest.mark.slow

ENDPOINT = "/privateEndpoints/prod-aks-pe$"
ROLE_AT_REGISTRY = "/registries/prodmlacr/.*/roleAssignments/"
ROLE_AT_STORAGE = "/storageAccounts/prodmlst/.*/roleAssignments/"
STEPS = {
    "delete-endpoint": ("DELETE", ENDPOINT),
    "create-endpoint": ("PUT", ENDPOINT),
    "write-record": ("PUT", "/A/prod-"),
    "detach-system-assigned": ("DELETE", "/computes/k8s-a$"),
    "attach-system-assigned": ("PUT", "/computes/k8s-a$"),
    "detach-user-assigned": ("DELETE", "/computes/k8s-b$"),
    "attach-user-assigned": ("PUT", "/computes/k8s-b$"),
    "assign-role-at-registry": ("PUT", ROLE_AT_REGISTRY),
    "assign-role-at-storage": ("PUT", ROLE_AT_STORAGE),
    "remove-orphan-at-registry": ("DELETE", ROLE_AT_REGISTRY),
    "remove-orphan-at-storage": ("DELETE", ROLE_AT_STORAGE),
}
"""Every write of the repair, in its order."""
UNHEARD = ("delete-endpoint", "create-endpoint", "attach-system-assigned")
"""Those at which the host also dies before Azure hears of it: the intent is all there is."""


@pytest.fixture(scope="module")
def rig(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Rig]:
    rig = open_rig(tmp_path_factory.mktemp("sigkill"))
    yield rig
    rig.close()


@pytest.fixture(autouse=True)
def forgiven(rig: Rig) -> None:
    rig.forgive()


def expect_repaired(rig: Rig, before: dict[str, object], since: int) -> None:
    rig.until_calm()
    assert differences(before, portrait(rig.cloud)) == []
    destroyed = incarnations_destroyed(rig.written(since))
    assert sorted(destroyed.values()) == [1, 1, 1], destroyed


CASES = [
    *(pytest.param(step, True, id=step) for step in STEPS),
    *(pytest.param(step, False, id=f"{step}-unheard") for step in UNHEARD),
]


@pytest.mark.parametrize(("step", "heard"), CASES)
def test_restart_repair_survives_sigkill_at(step: str, heard: bool, rig: Rig) -> None:  # noqa: FBT001 - a parameter
    before, since = portrait(rig.cloud), len(rig.cloud.writes())
    method, path = STEPS[step]
    ambush = Ambush(method, path, rig.host.kill, heard=heard)
    rig.cloud.ambush = ambush
    rig.restart_cluster()
    assert ambush.struck.wait(PATIENCE), f"{step} was never begun\n{rig.host.log()}"

    rig.host.start()

    expect_repaired(rig, before, since)


def test_a_restart_while_the_host_is_dead_is_repaired_when_it_lives(rig: Rig) -> None:
    before, since = portrait(rig.cloud), len(rig.cloud.writes())
    rig.host.kill()
    rig.restart_cluster()
    rig.host.start()
    expect_repaired(rig, before, since)

"""Domain facts, section 2: what AKS refuses of a cluster's settings."""

import copy

import pytest

from simulator.sandbox import Sandbox


@pytest.mark.parametrize(
    ("zone", "public", "status"),
    [("none", False, 400), ("none", True, 200), ("system", False, 200)],
    ids=["neither", "public-alone", "private-alone"],
)
def test_a_private_cluster_keeps_one_of_its_names(
    world: Sandbox,
    zone: str,
    public: bool,  # noqa: FBT001 - parametrised
    status: int,
) -> None:
    body = copy.deepcopy(world.body(world.plan.cluster))
    profile = body["properties"]["apiServerAccessProfile"]
    profile |= {"privateDNSZone": zone, "enablePrivateClusterPublicFQDN": public}
    assert world.call("PUT", world.plan.cluster, body).status == status

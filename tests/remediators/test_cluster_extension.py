from __future__ import annotations

from typing import Any

import pytest

from remediators.cluster_extension import REMEDIATOR
from shared.model.actual import Question
from tests.remediators.estate import CLUSTER, declared, disowned, environment, rid
from tests.remediators.world import World, named, reasons

ARC = rid("edge", "Microsoft.Kubernetes/connectedClusters", "arc")
SETTINGS = "configurationSettings"
PLACE = (
    "--cluster-type managedClusters --cluster-name k8s --resource-group aks --subscription"
    f" {CLUSTER.subscription}"
)


def world(**properties: Any) -> World:  # noqa: ANN401 - JSON
    """The cluster whose extension has these properties."""
    made = World()
    made.extensions[0]["properties"] |= properties
    return made


def router(**settings: str) -> World:
    return world(configurationSettings={"enableInference": "True", **settings})


def test_a_cluster_without_the_extension_is_reported_with_how_to_install_it() -> None:
    made = World()
    made.extensions[0]["properties"]["extensionType"] = "microsoft.flux"
    (finding,) = made.find(REMEDIATOR)
    assert reasons([finding]) == {("ExtensionMissing", "report", "ByHand")}
    assert f"az k8s-extension create --name azureml {PLACE}" in finding.message
    assert "--extension-type Microsoft.AzureML.Kubernetes" in finding.message
    assert "internalLoadBalancerProvider=azure" in finding.message
    assert made.plan(REMEDIATOR) == []


def test_an_arc_cluster_is_looked_at_as_well() -> None:
    made = World(extensions=[])
    parts = [{"id": CLUSTER.text}, {"id": ARC.text, "extension": {}}]
    (finding,) = made.find(REMEDIATOR, environment(clusters=parts))
    assert finding.resource == ARC
    assert "--cluster-type connectedClusters --cluster-name arc" in finding.message


def test_a_failed_extension_says_what_it_says_of_itself() -> None:
    statuses = [
        {"code": "InstallSucceeded", "level": "Information", "message": "fine"},
        {"code": "HealthCheck", "level": "Error", "message": "no  quota\n" + "x" * 900},
    ]
    error = {"code": "ExtensionOperationFailed", "message": "helm", "details": [{"code": "Inner"}]}
    made = world(provisioningState="Failed", statuses=statuses, errorInfo=error)
    (finding,) = made.find(REMEDIATOR)
    assert reasons([finding]) == {("ExtensionFailed", "report", "ByHand")}
    for text in ("ExtensionOperationFailed: helm", "Inner:", "HealthCheck: no quota x"):
        assert text in finding.message
    assert "InstallSucceeded" not in finding.message
    assert len(finding.message) < 2000
    assert f"az k8s-extension show --name azureml {PLACE}" in finding.message


def test_an_extension_at_work_is_waited_for() -> None:
    found = world(provisioningState="Updating").find(REMEDIATOR)
    assert reasons(found) == {("ExtensionUnsettled", "defer", "InProgress")}


@pytest.mark.parametrize("settings", [{}, {"inferenceRouterServiceType": "LoadBalancer"}])
def test_a_router_behind_a_public_address_is_reported(settings: dict[str, str]) -> None:
    (finding,) = router(**settings).find(REMEDIATOR)
    assert reasons([finding]) == {("RouterPublic", "report", "ByHand")}
    assert (
        f"az k8s-extension update --name azureml {PLACE} --config inferenceRouterServiceType="
        "LoadBalancer internalLoadBalancerProvider=azure --yes"
    ) in finding.message


@pytest.mark.parametrize("service", ["ClusterIP", "NodePort", "clusterip"])
def test_a_router_without_a_load_balancer_is_internal(service: str) -> None:
    assert router(inferenceRouterServiceType=service).find(REMEDIATOR) == []


def test_an_extension_that_serves_nothing_is_reported() -> None:
    assert named(world(configurationSettings={}).find(REMEDIATOR)) == {"InferenceDisabled"}


def test_the_release_train_and_the_upgrades_are_as_declared() -> None:
    wanted = {"releaseTrain": "stable", "autoUpgrade": True}
    env = declared("clusters", CLUSTER, extension=wanted)
    assert world(releaseTrain=None, autoUpgradeMinorVersion=None).find(REMEDIATOR, env) == []
    found = world(releaseTrain="preview", autoUpgradeMinorVersion=False).find(REMEDIATOR, env)
    assert named(found) == {"ReleaseTrainChanged", "AutoUpgradeChanged"}
    said = " ".join(finding.message for finding in found)
    assert "--release-train stable --yes" in said
    assert "--auto-upgrade-minor-version true --yes" in said


def test_what_is_not_declared_is_not_looked_at() -> None:
    made = World(extensions=[])
    assert made.find(REMEDIATOR, environment(clusters=[{"id": CLUSTER.text}])) == []
    assert made.asked == []
    lenient = declared("clusters", CLUSTER, extension={})
    assert router().find(REMEDIATOR, lenient) == []


def test_extensions_that_cannot_be_read_are_not_called_missing() -> None:
    found = World().deny(Question.EXTENSIONS, CLUSTER).find(REMEDIATOR)
    assert reasons(found) == {("ExtensionUnreadable", "block", "Unreadable")}


def test_what_another_manifest_owns_is_reported_as_such() -> None:
    found = world(releaseTrain="preview").find(REMEDIATOR, disowned())
    assert reasons(found) == {("ReleaseTrainChanged", "report", "NotOwned")}

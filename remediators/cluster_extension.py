"""Owns the Azure Machine Learning extension on AKS and Arc clusters: reported, never written.

Installing or updating it restarts what serves models, so a person does it. Looked at where a
cluster declares ``extension``. What runs inside of the cluster is not seen from ARM.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Final

from shared.model.actual import Absent, Actual, Found, Question, Read, Unreadable
from shared.model.arm import SUCCEEDED, provisioning_state
from shared.model.environment import Cluster, Environment, Extension
from shared.model.finding import Evidence, Finding
from shared.model.json import JsonObject, dig
from shared.remediation import sources
from shared.remediation.commands import run
from shared.remediation.differences import (
    Difference,
    finding,
    held,
    state_obstacle,
    unanswered,
    unread,
)
from shared.remediation.reporting import no_units, reported
from shared.remediator import Reason, Remediator, Response

_NAME: Final = "cluster_extension"
_TYPE: Final = "Microsoft.AzureML.Kubernetes"
_SETTINGS: Final = "properties.configurationSettings"
_INTERNAL: Final = ("inferenceRouterServiceType=LoadBalancer", "internalLoadBalancerProvider=azure")
_LONGEST: Final = 300  # characters of what an extension says of itself


def _declared(environment: Environment) -> tuple[Cluster, ...]:
    found = (cluster for cluster in environment.clusters if cluster.extension is not None)
    return tuple(sorted(found, key=lambda cluster: cluster.id))


def _ask(cluster: Cluster) -> Read:
    return Read(Question.EXTENSIONS, cluster.id)


def reads(environment: Environment, actual: Actual) -> Iterator[Read]:
    """The extensions of each cluster that declares one, in one list."""
    yield from unanswered(actual, (_ask(cluster) for cluster in _declared(environment)))


def detect(environment: Environment, actual: Actual) -> Sequence[Finding]:
    """What is missing, failed or otherwise than declared."""
    return [
        finding(_NAME, cluster.id, item, owned=cluster.owned)
        for cluster in _declared(environment)
        for item in _differences(cluster, actual)
    ]


def _differences(cluster: Cluster, actual: Actual) -> Iterator[Difference]:
    match actual.observations.get(_ask(cluster)):
        case Found():
            found = _extension(cluster, actual)
            if found is None:
                seen = Evidence("extensions", f"none of {_TYPE}", "one")
                yield reported("ExtensionMissing", seen, command=_create(cluster))
            else:
                yield from _of_extension(cluster, found)
        case Absent():
            seen = Evidence("cluster", "none (404)", f"one with {_TYPE}")
            yield reported("ExtensionMissing", seen, why="ResourceGone")
        case Unreadable() as answer:
            yield held(Difference("ExtensionUnreadable", ()), unread("extensions", answer))
        case None:
            return


def _extension(cluster: Cluster, actual: Actual) -> JsonObject | None:
    listed = actual.items(cluster.id, Question.EXTENSIONS) or ()
    kinds = ((str(dig(e, "properties.extensionType") or ""), e) for e in listed)
    return next((each for kind, each in kinds if kind.lower() == _TYPE.lower()), None)


def _of_extension(cluster: Cluster, body: JsonObject) -> Iterator[Difference]:
    wanted = cluster.extension or Extension()
    yield from _of_state(cluster, body)
    if wanted.internal_router:
        yield from _of_router(cluster, body)
    train = str(dig(body, "properties.releaseTrain") or "stable")
    if wanted.release_train is not None and train.lower() != wanted.release_train.lower():
        seen = Evidence("releaseTrain", train, wanted.release_train)
        command = _update(cluster, body, "--release-train", wanted.release_train)
        yield reported("ReleaseTrainChanged", seen, command=command)
    upgrades = dig(body, "properties.autoUpgradeMinorVersion") is not False
    if wanted.auto_upgrade is not None and upgrades is not wanted.auto_upgrade:
        text = str(wanted.auto_upgrade).lower()
        seen = Evidence("autoUpgradeMinorVersion", str(upgrades).lower(), text)
        command = _update(cluster, body, "--auto-upgrade-minor-version", text)
        yield reported("AutoUpgradeChanged", seen, command=command)


def _of_state(cluster: Cluster, body: JsonObject) -> Iterator[Difference]:
    state = provisioning_state(body)
    if state == SUCCEEDED:
        return
    seen = (Evidence("provisioningState", state or "nothing", SUCCEEDED), *_said(body))
    waiting = state_obstacle(state)
    if waiting is not None:
        yield held(Difference("ExtensionUnsettled", seen), waiting)
    else:
        yield reported("ExtensionFailed", *seen, command=_show(cluster, body))


def _said(body: JsonObject) -> Iterator[Evidence]:
    """What the extension says of itself: its error, then its statuses that are no success."""
    error = dig(body, "properties.errorInfo") or {}
    for each in (error, *(dig(error, "details") or ())):
        if dig(each, "code"):
            yield Evidence("error", _cut(f"{dig(each, 'code')}: {dig(each, 'message') or ''}"))
    for status in dig(body, "properties.statuses") or ():
        if str(dig(status, "level") or "Information").lower() != "information":
            text = dig(status, "message") or dig(status, "displayStatus") or ""
            yield Evidence("status", _cut(f"{dig(status, 'code') or 'none'}: {text}"))


def _cut(text: str) -> str:
    return " ".join(text.split())[:_LONGEST]


def _of_router(cluster: Cluster, body: JsonObject) -> Iterator[Difference]:
    """Internal: no load balancer at all, or one that the provider keeps inside (AKS only)."""
    enabled = str(dig(body, f"{_SETTINGS}.enableInference") or "False")
    if enabled.lower() != "true":
        seen = Evidence("enableInference", enabled, "True")
        command = _update(cluster, body, "--config", "enableInference=True", *_INTERNAL)
        yield reported("InferenceDisabled", seen, command=command)
        return
    service = str(dig(body, f"{_SETTINGS}.inferenceRouterServiceType") or "LoadBalancer")
    provider = str(dig(body, f"{_SETTINGS}.internalLoadBalancerProvider") or "none")
    if service.lower() == "loadbalancer" and provider.lower() != "azure":
        seen = Evidence("internalLoadBalancerProvider", provider, "azure")
        command = _update(cluster, body, "--config", *_INTERNAL)
        yield reported("RouterPublic", seen, command=command)


def _create(cluster: Cluster) -> str:
    wanted = cluster.extension or Extension()
    settings = ["enableTraining=False", "enableInference=True", "sslSecret=SECRET_NAME"]
    if wanted.internal_router:
        settings += _INTERNAL
    upgrade = "false" if wanted.auto_upgrade is False else "true"
    rest = ["--extension-type", _TYPE, "--scope", "cluster"]
    rest += ["--release-train", wanted.release_train or "stable"]
    rest += ["--auto-upgrade-minor-version", upgrade, "--config", *settings]
    return run("az k8s-extension create", "--name", "azureml", *_place(cluster), *rest)


def _update(cluster: Cluster, body: JsonObject, *rest: str) -> str:
    return run("az k8s-extension update", *_named(body), *_place(cluster), *rest, "--yes")


def _show(cluster: Cluster, body: JsonObject) -> str:
    return run("az k8s-extension show", *_named(body), *_place(cluster))


def _named(body: JsonObject) -> tuple[str, str]:
    return "--name", str(dig(body, "name") or "azureml")


def _place(cluster: Cluster) -> tuple[str, ...]:
    kind = "managedClusters" if cluster.is_aks else "connectedClusters"
    return (
        *("--cluster-type", kind, "--cluster-name", cluster.id.name),
        *("--resource-group", cluster.id.resource_group),
        *("--subscription", cluster.id.subscription),
    )


REMEDIATOR: Final = Remediator(
    name=_NAME,
    watches=(
        "Microsoft.KubernetesConfiguration/extensions/write",
        "Microsoft.KubernetesConfiguration/extensions/delete",
    ),
    permissions=(),
    read_permissions=("Microsoft.KubernetesConfiguration/extensions/read",),
    reads=reads,
    detect=detect,
    plan=no_units,
    reasons={
        "ExtensionMissing": Reason(
            "The extension that serves models is not installed on the cluster.",
            f"{sources.EXTENSION}: deploying the extension",
            Response.REPORTED,
        ),
        "ExtensionFailed": Reason(
            "The extension did not come up; its own errors and statuses are in the evidence.",
            f"{sources.EXTENSION}: verifying the deployment",
            Response.REPORTED,
        ),
        "ExtensionUnsettled": Reason(
            "The extension is being installed, updated or removed.", sources.RELINK, Response.STATE
        ),
        "InferenceDisabled": Reason(
            "The extension is not set up to serve models.",
            f"{sources.EXTENSION}: enableInference",
            Response.REPORTED,
        ),
        "RouterPublic": Reason(
            "The inference router has a public address and was declared internal.",
            f"{sources.EXTENSION}: internalLoadBalancerProvider",
            Response.REPORTED,
        ),
        "ReleaseTrainChanged": Reason(
            "The extension follows another release train than declared.",
            f"{sources.EXTENSION}: release train",
            Response.REPORTED,
        ),
        "AutoUpgradeChanged": Reason(
            "The extension upgrades itself otherwise than declared.",
            f"{sources.EXTENSION}: automatic upgrade of minor versions",
            Response.REPORTED,
        ),
        "ExtensionUnreadable": Reason(
            "The cluster's extensions could not be read, so nothing is known of them.",
            sources.RELINK,
            Response.STATE,
        ),
    },
)

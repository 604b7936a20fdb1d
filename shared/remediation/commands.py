"""Owns how a command of the Azure CLI names a resource: what a person runs where Relink reports.

Never a secret, never a value that a person has to think about beyond a word in capitals.
"""

from __future__ import annotations

import json
import shlex

from shared.model.json import JsonObject
from shared.model.resource_id import ResourceId


def az(command: str, resource: ResourceId, *rest: str) -> str:
    """``az COMMAND --name … --resource-group … --subscription … REST`` for a top-level resource."""
    return run(
        f"az {command}", "--name", resource.name, "--resource-group", resource.resource_group,
        "--subscription", resource.subscription, *rest,
    )  # fmt: skip


def az_child(command: str, flag: str, child: ResourceId, *rest: str) -> str:
    """The same for a child of a resource that ``flag`` names (``--workspace-name``)."""
    return run(
        f"az {command}", "--name", child.name, flag, child.names[0],
        "--resource-group", child.resource_group, "--subscription", child.subscription, *rest,
    )  # fmt: skip


def az_patch(resource: ResourceId, api_version: str, body: JsonObject) -> str:
    """A bare PATCH with ``az rest``, for what no command of its own covers.

    A URL that begins with a slash is completed with the resource manager of the cloud in use
    (az rest, "--url").
    """
    url = f"{resource.text}?api-version={api_version}"
    return run("az rest --method patch", "--url", url, "--body", json.dumps(body))


def make_group(group: ResourceId, location: str) -> str:
    """``az group create`` for a group that was deleted."""
    return run(
        "az group create", "--name", group.resource_group, "--location", location,
        "--subscription", group.subscription,
    )  # fmt: skip


def az_make_private(cluster: ResourceId, *, integrated: bool) -> str:
    """AKS makes a cluster private later only where its API server lies in the network."""
    words = ["--enable-private-cluster"]
    if not integrated:
        words += ["--enable-apiserver-vnet-integration", "--apiserver-subnet-id", "SUBNET_ID"]
    return az("aks update", cluster, *words)


def run(command: str, *words: str) -> str:
    """``command`` with ``words``, each quoted for a shell where it has to be."""
    return " ".join([command, *(shlex.quote(word) for word in words)])

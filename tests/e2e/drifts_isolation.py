"""Owns what contradicts the isolation that a manifest names: in the manifest, and in what it leaves open."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

from tests.e2e.catalogue import CatalogueDrift
from tests.e2e.stage import Stage

type Json = dict[str, Any]


def declare(stage: Stage, change: Callable[[Json], None]) -> None:
    """The manifest is written anew."""
    file = stage.place / "environments" / f"{stage.name}.yaml"
    manifest = json.loads(file.read_text())
    change(manifest)
    file.write_text(json.dumps(manifest, indent=1))


def _silent(kind: str, *members: str) -> Callable[[Json], None]:
    def change(manifest: Json) -> None:
        for part in manifest[kind]:
            for member in members:
                part.pop(member, None)

    return change


def leave_storage_open(stage: Stage) -> None:
    """The manifest stops saying anything of the account's access, and somebody opens it."""
    declare(stage, _silent("storageAccounts", "publicNetworkAccess", "defaultAction"))
    acls = stage.human("GET", stage.ids.storage)["properties"]["networkAcls"]
    opened = {"publicNetworkAccess": "Enabled", "networkAcls": {**acls, "defaultAction": "Allow"}}
    stage.human("PATCH", stage.ids.storage, {"properties": opened})
    stage.advance(60)


def declare_vault_open(stage: Stage) -> None:
    """The manifest has the vault open, and it is."""

    def change(manifest: Json) -> None:
        manifest["keyVaults"][0] |= {"publicNetworkAccess": "Enabled", "defaultAction": "Allow"}

    declare(stage, change)
    acls = stage.human("GET", stage.ids.vault)["properties"]["networkAcls"]
    opened = {"publicNetworkAccess": "Enabled", "networkAcls": {**acls, "defaultAction": "Allow"}}
    stage.human("PATCH", stage.ids.vault, {"properties": opened})
    stage.advance(60)


def forget_vault_endpoint(stage: Stage) -> None:
    """The endpoint to the vault goes, in the manifest and in Azure."""
    endpoint = stage.ids.id("ml", f"Microsoft.Network/privateEndpoints/{stage.name}-vault-pe")

    def change(manifest: Json) -> None:
        kept = [each for each in manifest["privateEndpoints"] if each["id"] != endpoint]
        manifest["privateEndpoints"] = kept

    declare(stage, change)
    stage.human("DELETE", endpoint)
    stage.advance(120)


def leave_cluster_public(stage: Stage) -> None:
    """The manifest stops saying that the cluster is private, and it is another one."""
    declare(stage, _silent("clusters", "private"))
    cluster = stage.cloud.store.get(stage.ids.cluster)
    assert cluster is not None
    cluster.properties["apiServerAccessProfile"]["enablePrivateCluster"] = False


def name_dependencies(stage: Stage) -> None:
    declare(stage, lambda manifest: manifest.update(isolation="dependencies"))


def name_none(stage: Stage) -> None:
    declare(stage, lambda manifest: manifest.update(isolation="none"))


def _rows(*given: tuple[str, str, Callable[[Stage], None]]) -> tuple[CatalogueDrift, ...]:
    return tuple(
        CatalogueDrift(name, "isolation", reason, repaired=False, apply=apply)
        for name, reason, apply in given
    )


ISOLATION: tuple[CatalogueDrift, ...] = _rows(
    ("storage-left-open", "OpenToPublic", leave_storage_open),
    ("vault-declared-open", "DeclaredOpen", declare_vault_open),
    ("vault-without-a-way", "PrivatePathMissing", forget_vault_endpoint),
    ("cluster-left-public", "ClusterNotPrivate", leave_cluster_public),
    ("isolation-of-dependencies", "DeclaredClosed", name_dependencies),
    ("isolation-of-nothing", "EndpointUnexpected", name_none),
)

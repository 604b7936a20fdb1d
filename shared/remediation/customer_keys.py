"""Owns the comparison of the key that something is encrypted with, as three services each show it.

A declared key without a version means any version of it: services follow the newest by themselves.
Shapes: Microsoft.Storage 2023-05-01, Microsoft.ContainerRegistry 2023-07-01,
Microsoft.MachineLearningServices 2024-04-01, member ``encryption``.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

from shared.model.environment import Registry, StorageAccount, Workspace
from shared.model.finding import Evidence
from shared.model.json import JsonObject, dig
from shared.remediation.commands import az, az_patch
from shared.remediation.differences import Difference
from shared.remediation.reporting import reported

_ENCRYPTION: Final = "properties.encryption"
_ML_VERSION: Final = "2025-12-01"

type _Keyed = StorageAccount | Registry | Workspace


def key_difference(part: _Keyed, body: JsonObject) -> Iterator[Difference]:
    """That the declared key is not the one in use; an empty live key is one of Microsoft's."""
    wanted = part.customer_managed_key
    live = _live(part, body)
    if wanted is None or (live and _same(wanted, live)):
        return
    reason = "CustomerKeyChanged" if live else "CustomerKeyLost"
    seen = Evidence("encryption key", live or "one of Microsoft's", wanted)
    command = _command(part, wanted, bool(live))
    yield reported(reason, seen, command=command, why="ByHand" if command else "MadeAnew")


def _live(part: _Keyed, body: JsonObject) -> str:
    """The URL of the key in use; empty where the key is Microsoft's."""
    if isinstance(part, StorageAccount):
        source = str(dig(body, f"{_ENCRYPTION}.keySource") or "")
        inner = f"{_ENCRYPTION}.keyvaultproperties"
        vault, name = dig(body, f"{inner}.keyvaulturi"), dig(body, f"{inner}.keyname")
        if source.lower() != "microsoft.keyvault" or not vault or not name:
            return ""
        version = dig(body, f"{inner}.keyversion")
        return "/".join(
            [str(vault).rstrip("/"), "keys", str(name), *([version] if version else [])]
        )
    if str(dig(body, f"{_ENCRYPTION}.status") or "").lower() != "enabled":
        return ""
    return str(dig(body, f"{_ENCRYPTION}.keyVaultProperties.keyIdentifier") or "")


def _same(wanted: str, live: str) -> bool:
    (one, version), (other, used) = _split(wanted), _split(live)
    return one == other and (not version or not used or version == used)


def _split(url: str) -> tuple[str, str]:
    """A key's URL without its version, and the version (empty where none is named)."""
    base, _, path = url.strip().lower().rstrip("/").partition("/keys/")
    name, _, version = path.partition("/")
    return f"{base}/keys/{name}", version


def _command(part: _Keyed, wanted: str, encrypted: bool) -> str:  # noqa: FBT001 - a fact of the part
    """What sets the key; nothing where a service takes one at creation only."""
    if isinstance(part, StorageAccount):
        vault, _, path = wanted.partition("/keys/")
        name, _, version = path.partition("/")
        words = ["--encryption-key-source", "Microsoft.Keyvault"]
        words += ["--encryption-key-vault", vault, "--encryption-key-name", name]
        words += ["--encryption-key-version", version] if version else []
        return az("storage account update", part.id, *words)
    if not encrypted:
        return ""
    if isinstance(part, Registry):
        return az("acr encryption rotate-key", part.id, "--key-encryption-key", wanted)
    properties = {"encryption": {"keyVaultProperties": {"keyIdentifier": wanted}}}
    return az_patch(part.id, _ML_VERSION, {"properties": properties})

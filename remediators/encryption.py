"""Owns keys, deletion and insight: customer-managed keys, soft delete, Application Insights. Reported only.

A wrong key locks everybody out and purge protection cannot be taken back, so a person decides. Read
is what declares such a setting; the bodies of accounts, vaults, registries and workspaces are read for
others as well, blob services and Application Insights only here.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Final

from shared.model.actual import Absent, Actual, Found, Read, Unreadable
from shared.model.environment import (
    Environment,
    Insights,
    KeyVault,
    Registry,
    StorageAccount,
    Workspace,
)
from shared.model.finding import Evidence, Finding
from shared.model.json import JsonObject, dig
from shared.model.resource_id import ResourceId
from shared.remediation import sources
from shared.remediation.commands import az, run
from shared.remediation.customer_keys import key_difference
from shared.remediation.differences import Difference, finding, get, held, unanswered, unread
from shared.remediation.reporting import no_units, reported
from shared.remediator import Reason, Remediator, Response

_NAME: Final = "encryption"

type _Kept = StorageAccount | KeyVault | Registry | Workspace | Insights


def _declared(environment: Environment) -> tuple[_Kept, ...]:
    """The parts that declare a key, a way of deleting or insight, in the order of their ids."""
    parts: tuple[_Kept, ...] = (
        *environment.storage_accounts,
        *environment.key_vaults,
        *environment.registries,
        *environment.workspaces,
        *environment.application_insights,
    )
    return tuple(sorted((part for part in parts if _says_something(part)), key=lambda p: p.id))


def _says_something(part: _Kept) -> bool:
    match part:
        case Insights():
            return True
        case KeyVault():
            return (part.soft_delete, part.purge_protection) != (None, None)
        case StorageAccount():
            return part.customer_managed_key is not None or part.blob_soft_delete is not None
        case _:
            return part.customer_managed_key is not None


def reads(environment: Environment, actual: Actual) -> Iterator[Read]:
    """Each such resource, and the blob service of accounts that declare its soft delete."""
    wanted = (read for part in _declared(environment) for read in _reads(part))
    yield from unanswered(actual, wanted)


def _reads(part: _Kept) -> Iterator[Read]:
    blobs_alone = isinstance(part, StorageAccount) and part.customer_managed_key is None
    if not blobs_alone:
        yield get(part.id)
    if isinstance(part, StorageAccount) and part.blob_soft_delete is not None:
        yield get(_blobs(part))


def _blobs(account: StorageAccount) -> ResourceId:
    return account.id.child("blobServices", "default")


def detect(environment: Environment, actual: Actual) -> Sequence[Finding]:
    """Every such setting that is not as declared."""
    return [
        finding(_NAME, part.id, item, owned=part.owned)
        for part in _declared(environment)
        for item in _differences(part, actual)
    ]


def _differences(part: _Kept, actual: Actual) -> Iterator[Difference]:
    for read in _reads(part):
        match actual.answer(read.resource):
            case Found(body=body):
                whole = read.resource == part.id
                yield from _of_body(part, body) if whole else _of_blobs(part, body)
            case Absent() if isinstance(part, Insights):
                seen = Evidence("resource", "none (404)", "one as declared")
                yield reported("InsightsMissing", seen, command=_create(part))
            case Unreadable() as answer:
                what = "resource" if read.resource == part.id else "blob service"
                reason = "ProtectionUnreadable" if what == "resource" else "BlobServiceUnreadable"
                yield held(Difference(reason, ()), unread(what, answer))
            case Absent() | None:
                continue  # that it is gone is another's finding


def _of_body(part: _Kept, body: JsonObject) -> Iterator[Difference]:
    match part:
        case Insights():
            yield from _of_insights(part, body)
        case KeyVault():
            yield from _of_vault(part, body)
        case _:
            yield from key_difference(part, body)


def _of_blobs(part: _Kept, body: JsonObject) -> Iterator[Difference]:
    if not isinstance(part, StorageAccount) or part.blob_soft_delete is None:
        return
    live = dig(body, "properties.deleteRetentionPolicy.enabled") is True
    if live is not part.blob_soft_delete:
        options = ["--account-name", part.id.name, "--resource-group", part.id.resource_group]
        options += ["--subscription", part.id.subscription]
        options += ["--enable-delete-retention", _text(part.blob_soft_delete)]
        if part.blob_soft_delete:
            options += ["--delete-retention-days", "7"]
        command = run("az storage account blob-service-properties update", *options)
        seen = Evidence("deleteRetentionPolicy", _text(live), _text(part.blob_soft_delete))
        yield reported("BlobSoftDeleteChanged", seen, command=command)


def _of_vault(vault: KeyVault, body: JsonObject) -> Iterator[Difference]:
    """Soft delete is on where nothing is said, purge protection off (KeyVault 2023-07-01)."""
    soft = dig(body, "properties.enableSoftDelete") is not False
    if vault.soft_delete is not None and soft is not vault.soft_delete:
        seen = Evidence("enableSoftDelete", _text(soft), _text(vault.soft_delete))
        words = ("--ids", vault.id.text, "--set", "properties.enableSoftDelete=true")
        command = "" if soft else run("az resource update", *words)
        yield _kept_or_on("VaultSoftDeleteChanged", seen, command)
    purge = dig(body, "properties.enablePurgeProtection") is True
    if vault.purge_protection is not None and purge is not vault.purge_protection:
        seen = Evidence("enablePurgeProtection", _text(purge), _text(vault.purge_protection))
        command = az("keyvault update", vault.id, "--enable-purge-protection", "true")
        yield _kept_or_on("PurgeProtectionChanged", seen, "" if purge else command)


def _kept_or_on(reason: str, seen: Evidence, command: str) -> Difference:
    """Both switches of a vault go one way only: what is on stays on."""
    return reported(reason, seen, command=command, why="ByHand" if command else "Irreversible")


def _of_insights(part: Insights, body: JsonObject) -> Iterator[Difference]:
    """Open where nothing is said (Insights 2020-02-02)."""
    for wanted, member, option, reason in (
        (part.ingestion, "Ingestion", "--ingestion-access", "InsightsIngestionChanged"),
        (part.query, "Query", "--query-access", "InsightsQueryChanged"),
    ):
        field = f"publicNetworkAccessFor{member}"
        live = str(dig(body, f"properties.{field}") or "Enabled")
        if wanted is not None and live.lower() != wanted.lower():
            command = run("az monitor app-insights component update", *_place(part), option, wanted)
            yield reported(reason, Evidence(field, live, wanted), command=command)


def _create(part: Insights) -> str:
    words = ("--location", "LOCATION", "--workspace", "LOG_ANALYTICS_WORKSPACE_ID")
    return run("az monitor app-insights component create", *_place(part), *words)


def _place(part: Insights) -> tuple[str, ...]:
    group, subscription = part.id.resource_group, part.id.subscription
    return ("--app", part.id.name, "--resource-group", group, "--subscription", subscription)


def _text(value: bool) -> str:  # noqa: FBT001 - a value to show
    return str(value).lower()


_INSIGHTS: Final = f"{sources.WORKSPACE_VNET}: Application Insights of a workspace"
_KEYS: Final = f"{sources.MLOPS}: encryption at rest with a key of one's own"

REMEDIATOR: Final = Remediator(
    name=_NAME,
    watches=(
        "Microsoft.Storage/storageAccounts/write",
        "Microsoft.Storage/storageAccounts/blobServices/write",
        "Microsoft.KeyVault/vaults/write",
        "Microsoft.ContainerRegistry/registries/write",
        "Microsoft.MachineLearningServices/workspaces/write",
        "Microsoft.Insights/components/write",
        "Microsoft.Insights/components/delete",
    ),
    permissions=(),
    read_permissions=(
        "Microsoft.Storage/storageAccounts/read",
        "Microsoft.Storage/storageAccounts/blobServices/read",
        "Microsoft.KeyVault/vaults/read",
        "Microsoft.ContainerRegistry/registries/read",
        "Microsoft.MachineLearningServices/workspaces/read",
        "Microsoft.Insights/components/read",
    ),
    reads=reads,
    detect=detect,
    plan=no_units,
    reasons={
        "CustomerKeyLost": Reason(
            "It is encrypted with a key of Microsoft's and was declared to use one's own.",
            _KEYS,
            Response.REPORTED,
        ),
        "CustomerKeyChanged": Reason(
            "It is encrypted with another key than declared.", _KEYS, Response.REPORTED
        ),
        "BlobSoftDeleteChanged": Reason(
            "Whether deleted blobs can be brought back is not as declared.",
            f"{sources.MLOPS}: protection of what models are made of",
            Response.REPORTED,
        ),
        "VaultSoftDeleteChanged": Reason(
            "Whether deleted secrets can be brought back is not as declared.",
            f"{sources.WORKSPACE_VNET}: the workspace's key vault",
            Response.REPORTED,
        ),
        "PurgeProtectionChanged": Reason(
            "Whether deleted secrets can be purged is not as declared.",
            f"{sources.MLOPS}: a vault that holds an encryption key",
            Response.REPORTED,
        ),
        "InsightsMissing": Reason(
            "The declared Application Insights does not exist.", _INSIGHTS, Response.REPORTED
        ),
        "InsightsIngestionChanged": Reason(
            "Who may send to Application Insights is not as declared.",
            _INSIGHTS,
            Response.REPORTED,
        ),
        "InsightsQueryChanged": Reason(
            "Who may query Application Insights is not as declared.", _INSIGHTS, Response.REPORTED
        ),
        "ProtectionUnreadable": Reason(
            "It could not be read, so nothing is known of its protection.",
            sources.RELINK,
            Response.STATE,
        ),
        "BlobServiceUnreadable": Reason(
            "Its blob service could not be read, so nothing is known of its soft delete.",
            sources.RELINK,
            Response.STATE,
        ),
    },
)

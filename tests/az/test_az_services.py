"""`az` for the cluster, the stores, roles, locks and lists, against the simulated Azure."""

from simulator.directory import RELINK
from simulator.worlds.plan import Plan
from tests.az.conftest import Azure, Cli

PLAN = Plan("prod")
AKS = ("--resource-group", "prod-spoke", "--name", "prod-aks")
STORAGE = ("--resource-group", "prod-ml", "--name", "prodmlst")
VAULT = ("--resource-group", "prod-ml", "--name", "prod-mlkv")
REGISTRY = ("--resource-group", "prod-ml", "--name", "prodmlacr")
GROUP = f"/subscriptions/{PLAN.subscription}/resourceGroups/prod-ml"


def test_a_cluster_is_shown_stopped_and_started(az: Cli) -> None:
    before = az("aks", "show", *AKS)
    assert before["powerState"]["code"] == "Running"
    assert before["apiServerAccessProfile"]["enablePrivateCluster"] is True
    az("aks", "stop", *AKS)
    assert az("aks", "show", *AKS, "--query", "powerState.code") == "Stopped"
    az("aks", "start", *AKS)
    after = az("aks", "show", *AKS)
    assert (after["powerState"]["code"], after["provisioningState"]) == ("Running", "Succeeded")


def test_storage_is_opened_and_its_rules_survive_a_change_of_the_bypass(az: Cli) -> None:
    opened = az("storage", "account", "update", *STORAGE, "--public-network-access", "Enabled")
    assert opened["publicNetworkAccess"] == "Enabled"
    dropped = az("storage", "account", "update", *STORAGE, "--bypass", "None")
    rules = dropped["networkRuleSet"]
    assert rules["bypass"] == "None"
    assert [r["ipAddressOrRange"] for r in rules["ipRules"]] == ["203.0.113.7"]
    account = ("--resource-group", "prod-ml", "--account-name", "prodmlst")
    az("storage", "account", "network-rule", "add", *account, "--ip-address", "198.51.100.9")
    listed = az("storage", "account", "network-rule", "list", *account)
    assert len(listed["ipRules"]) == 2
    az("storage", "account", "update", *STORAGE, "--bypass", "AzureServices", "Logging", "Metrics")
    shown = az("storage", "account", "show", *STORAGE)
    assert shown["networkRuleSet"]["bypass"] == "AzureServices, Logging, Metrics"


def test_a_vault_is_opened_and_closed(az: Cli) -> None:
    opened = az(
        "keyvault", "update", *VAULT, "--public-network-access", "Enabled", "--bypass", "None"
    )
    assert opened["properties"]["publicNetworkAccess"] == "Enabled"
    closed = ["--public-network-access", "Disabled", "--bypass", "AzureServices"]
    az("keyvault", "update", *VAULT, *closed)
    shown = az("keyvault", "show", *VAULT)["properties"]
    assert (shown["publicNetworkAccess"], shown["networkAcls"]["bypass"]) == (
        "Disabled",
        "AzureServices",
    )
    assert len(shown["networkAcls"]["ipRules"]) == 1


def test_a_registry_is_opened_and_closed(az: Cli) -> None:
    opened = ["--public-network-enabled", "true", "--allow-trusted-services", "false"]
    shown = az("acr", "update", *REGISTRY, *opened)
    assert (shown["publicNetworkAccess"], shown["networkRuleBypassOptions"]) == ("Enabled", "None")
    closed = ["--public-network-enabled", "false", "--allow-trusted-services", "true"]
    az("acr", "update", *REGISTRY, *closed)
    assert az("acr", "show", *REGISTRY)["networkRuleBypassOptions"] == "AzureServices"


def test_a_role_is_assigned_listed_and_taken_away(az: Cli) -> None:
    who = ("--assignee", RELINK.object_id, "--role", "Reader", "--scope", PLAN.vault)
    kind = ("--assignee-principal-type", "ServicePrincipal")
    person = ("--assignee-object-id", RELINK.object_id, *who[2:])
    made = az("role", "assignment", "create", *person, *kind)
    assert made["principalId"] == RELINK.object_id
    listed = az("role", "assignment", "list", "--scope", PLAN.vault)
    assert [a["id"] for a in listed] == [made["id"]]
    az("role", "assignment", "delete", *who)
    assert az("role", "assignment", "list", "--scope", PLAN.vault) == []


def test_a_lock_keeps_what_is_in_its_group(az: Cli) -> None:
    az("lock", "create", "-n", "keep", "-g", "prod-ml", "-t", "CanNotDelete")
    names = az("lock", "list", "-g", "prod-ml", "--query", "[].name")
    assert names == ["keep"]
    refused = az.refused(
        "network", "private-endpoint", "delete", "-g", "prod-ml", "-n", "prod-file-pe"
    )
    assert "ScopeLocked" in refused
    az("lock", "delete", "-n", "keep", "-g", "prod-ml")


def test_resources_groups_tags_and_the_log_are_listed(az: Cli) -> None:
    assert "prod-mlkv" in az("resource", "list", "-g", "prod-ml", "--query", "[].name")
    assert az("resource", "show", "--ids", PLAN.vault)["name"] == "prod-mlkv"
    assert "prod-hub" in az("group", "list", "--query", "[].name")
    tagged = az(
        "tag", "update", "--resource-id", PLAN.vault, "--operation", "Merge", "--tags", "a=b"
    )
    assert tagged["properties"]["tags"]["a"] == "b"
    log = az("monitor", "activity-log", "list", "-g", "prod-ml", "--max-events", "5")
    newest = {(e["operationName"]["value"], e["status"]["value"]) for e in log}
    assert ("Microsoft.Resources/tags/write", "Succeeded") in newest


def test_the_graph_is_asked_by_rest(az: Cli, azure: Azure) -> None:
    query = "resources | where type =~ 'microsoft.keyvault/vaults' | project id"
    body = f'{{"subscriptions": ["{PLAN.subscription}"], "query": "{query}"}}'
    url = f"{azure.endpoint}/providers/Microsoft.ResourceGraph/resources?api-version=2021-03-01"
    answer = az(
        "rest", "--method", "post", "--url", url, "--resource", azure.endpoint, "--body", body
    )
    assert answer["data"] == [{"id": PLAN.vault}]


def test_a_deleted_vault_is_listed_and_recovered(az: Cli) -> None:
    vault = ("--resource-group", "prod-other", "--name", "az-spare-kv")
    az("keyvault", "create", *vault, "--location", "westeurope", "--retention-days", "7")
    az("keyvault", "delete", *vault)
    names = az("keyvault", "list-deleted", "--resource-type", "vault", "--query", "[].name")
    assert names == ["az-spare-kv"]
    az("keyvault", "recover", "--name", "az-spare-kv")
    shown = az("keyvault", "show", *vault)["properties"]
    assert shown["softDeleteRetentionInDays"] == 7
    az("keyvault", "delete", *vault)
    az("keyvault", "purge", "--name", "az-spare-kv")
    assert az("keyvault", "list-deleted", "--resource-type", "vault") == []


def test_diagnostic_settings_are_made_listed_and_deleted(az: Cli) -> None:
    logs = '[{"category": "AuditEvent", "enabled": true}]'
    to = ("--storage-account", PLAN.storage, "--logs", logs)
    settings = ["monitor", "diagnostic-settings"]
    made = az(*settings, "create", "-n", "audit", "--resource", PLAN.vault, *to)
    assert made["storageAccountId"] == PLAN.storage
    listed = az(*settings, "list", "--resource", PLAN.vault)
    assert [each["name"] for each in listed] == ["audit"]
    az(*settings, "delete", "-n", "audit", "--resource", PLAN.vault)
    assert az(*settings, "list", "--resource", PLAN.vault) == []


def test_the_blob_service_keeps_what_is_deleted_when_it_is_told_to(az: Cli) -> None:
    service = ["storage", "account", "blob-service-properties"]
    account = ("--resource-group", "prod-ml", "--account-name", "prodmlst")
    kept = ("--enable-delete-retention", "true", "--delete-retention-days", "7")
    assert az(*service, "update", *account, *kept)["deleteRetentionPolicy"]["days"] == 7
    shown = az(*service, "show", *account)["deleteRetentionPolicy"]
    assert (shown["enabled"], shown["days"]) == (True, 7)
    az(*service, "update", *account, "--enable-delete-retention", "false")

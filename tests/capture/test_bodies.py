"""Which fields of live bodies are written."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from shared.capture.access import registry_item, storage_item, vault_item, workspace_item
from shared.capture.bodies import compute_body, endpoint_body, secrets_in
from shared.model.json import canonical
from tests.capture.live import CLUSTER, COMPUTE, WORKSPACE

JUNK = st.recursive(st.none() | st.booleans() | st.text("ab", max_size=3), lambda inner: (
    st.lists(inner, max_size=2) | st.dictionaries(st.text("xyz", max_size=3), inner, max_size=2)
))  # fmt: skip


def live_compute(**properties: object) -> dict[str, Any]:
    """A compute as ARM shows it, with everything that is not ours to write."""
    return {
        "id": str(COMPUTE),
        "name": "inference",
        "type": "Microsoft.MachineLearningServices/workspaces/computes",
        "location": "westeurope",
        "tags": {"b": "2", "a": "1"},
        "systemData": {"createdBy": "somebody"},
        "identity": {
            "type": "systemassigned, userassigned",
            "principalId": "p",
            "tenantId": "t",
            "userAssignedIdentities": {"/z": {"clientId": "c"}, "/A": {"principalId": "q"}},
        },
        "properties": {
            "computeType": "Kubernetes",
            "resourceId": str(CLUSTER),
            "provisioningState": "Succeeded",
            "createdOn": "2026-01-01",
            "isAttachedCompute": True,
            "disableLocalAuth": False,
            "properties": {
                "namespace": "inference",
                "instanceTypes": {"small": {"nodeSelector": None}},
                **properties,
            },
        },
    }


def test_a_compute_is_written_without_what_is_read_only() -> None:
    assert compute_body(live_compute()) == {
        "location": "westeurope",
        "tags": {"a": "1", "b": "2"},
        "identity": {
            "type": "SystemAssigned,UserAssigned",
            "userAssignedIdentities": {"/A": {}, "/z": {}},
        },
        "properties": {
            "computeType": "Kubernetes",
            "resourceId": str(CLUSTER),
            "disableLocalAuth": False,
            "properties": {
                "namespace": "inference",
                "instanceTypes": {"small": {"nodeSelector": None}},
            },
        },
    }


def test_secrets_are_named_and_not_written() -> None:
    live = live_compute(relayConnectionString="sb://secret", serviceBusConnectionString=None)
    assert secrets_in(live) == ("relayConnectionString",)
    assert "secret" not in canonical(compute_body(live))


@given(extra=st.dictionaries(st.text("xyz", min_size=1, max_size=5), JUNK, max_size=4))
def test_a_field_that_is_not_on_the_list_is_never_written(extra: dict[str, Any]) -> None:
    assert compute_body({**extra, **live_compute(**extra)}) == compute_body(live_compute())


def live_endpoint(**properties: object) -> dict[str, Any]:
    """A private endpoint as ARM shows it."""
    connection = {
        "name": "c",
        "id": "/read-only",
        "etag": "W/1",
        "properties": {
            "provisioningState": "Succeeded",
            "privateLinkServiceId": str(CLUSTER),
            "groupIds": ["management"],
            "requestMessage": "please",
            "privateLinkServiceConnectionState": {"status": "Approved"},
        },
    }
    return {
        "id": "/read-only",
        "etag": "W/1",
        "location": "westeurope",
        "properties": {
            "provisioningState": "Succeeded",
            "resourceGuid": "g",
            "subnet": {"id": "/subnet", "properties": {"addressPrefix": "10.0.0.0/24"}},
            "customDnsConfigs": [{"fqdn": "x", "ipAddresses": ["10.0.0.4"]}],
            "customNetworkInterfaceName": "",
            "privateLinkServiceConnections": [connection],
            "manualPrivateLinkServiceConnections": [],
            "applicationSecurityGroups": [{"id": "/asg", "properties": {"x": 1}}],
            "ipConfigurations": [
                {
                    "name": "ip",
                    "etag": "W/1",
                    "properties": {
                        "groupId": "blob",
                        "memberName": "blob",
                        "privateIPAddress": "10.0.0.4",
                        "provisioningState": "Succeeded",
                    },
                }
            ],
            **properties,
        },
    }


def test_an_endpoint_is_written_as_a_put_wants_it() -> None:
    body = endpoint_body(live_endpoint(), to_cluster=False)
    assert body == {
        "location": "westeurope",
        "properties": {
            "subnet": {"id": "/subnet"},
            "privateLinkServiceConnections": [
                {
                    "name": "c",
                    "properties": {
                        "privateLinkServiceId": str(CLUSTER),
                        "groupIds": ["management"],
                        "requestMessage": "please",
                    },
                }
            ],
            "applicationSecurityGroups": [{"id": "/asg"}],
            "ipConfigurations": [
                {
                    "name": "ip",
                    "properties": {
                        "groupId": "blob",
                        "memberName": "blob",
                        "privateIPAddress": "10.0.0.4",
                    },
                }
            ],
        },
    }


def test_static_addresses_are_not_written_for_clusters() -> None:
    body = endpoint_body(live_endpoint(), to_cluster=True)
    assert "ipConfigurations" not in body["properties"]


@pytest.mark.parametrize(
    ("acls", "trusted", "action"),
    [
        ({"bypass": "Logging, AzureServices", "defaultAction": "Deny"}, True, "Deny"),
        ({"bypass": "None", "defaultAction": "deny"}, False, "Deny"),
        ({"defaultAction": "Allow"}, True, "Allow"),
        (None, True, "Allow"),
        (
            {
                "bypass": "None",
                "defaultAction": "Deny",
                "resourceAccessRules": [{"resourceId": str(WORKSPACE).upper()}],
            },
            True,
            "Deny",
        ),
    ],
    ids=["list", "none", "default", "no-rules", "resource-rule"],
)
def test_the_access_of_a_storage_account_is_written_as_it_is(
    acls: dict[str, Any] | None,
    trusted: bool,  # noqa: FBT001 - a column of the table
    action: str,
) -> None:
    item = storage_item(CLUSTER, {"properties": {"networkAcls": acls}}, [WORKSPACE])
    assert (item.body["trustedServices"], item.body["defaultAction"]) == (trusted, action)
    assert item.body["publicNetworkAccess"] == "Enabled"
    assert any("trusted Azure services" in remark for remark in item.remarks) is not trusted


@pytest.mark.parametrize("live", ["SecuredByPerimeter", "securedByPerimeter"])
def test_a_perimeter_is_captured(live: str) -> None:
    item = vault_item(CLUSTER, {"properties": {"publicNetworkAccess": live}})
    assert item.body["publicNetworkAccess"] == "SecuredByPerimeter"
    assert "perimeter" in item.remarks[0]


def test_a_registry_below_premium_is_remarked_on() -> None:
    body = {"sku": {"name": "Basic"}, "properties": {"publicNetworkAccess": "disabled"}}
    item = registry_item(CLUSTER, body)
    assert item.body["publicNetworkAccess"] == "Disabled"
    assert any("Basic" in remark for remark in item.remarks)


def test_a_workspace_without_a_registry_has_none_declared() -> None:
    item = workspace_item(WORKSPACE, {"properties": {"containerRegistry": None}})
    assert "containerRegistry" not in item.body

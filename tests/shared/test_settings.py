from __future__ import annotations

from pathlib import Path

import pytest

from shared.model.environment import Mode
from shared.model.resource_id import ResourceId
from shared.settings import Cloud, Settings, SettingsError

FOLDER = {"RELINK_ENVIRONMENTS": "file:///environments"}
SUBSCRIPTION = "/subscriptions/00000000-0000-0000-0000-000000000001"


def problem_of(variable: str, value: str) -> str:
    with pytest.raises(SettingsError) as caught:
        Settings.read({**FOLDER, variable: value})
    problems = caught.value.problems
    assert [problem.variable for problem in problems] == [variable]
    return str(problems[0])


def test_a_fresh_deployment_observes_the_public_cloud_every_half_hour() -> None:
    settings = Settings.read(FOLDER)
    assert settings.mode is Mode.OBSERVE
    assert settings.cloud is Cloud.PUBLIC
    assert settings.arm_endpoint == "https://management.azure.com"
    assert settings.sweep_schedule == "0 */30 * * * *"
    assert settings.settle_seconds == 20.0
    assert settings.approve_manifest_changes is True
    assert (settings.records, settings.scopes, settings.ca_bundle) == (None, None, None)
    assert (settings.notify_url, settings.principal_id) == (None, None)


def test_every_setting_is_read(tmp_path: Path) -> None:
    bundle = tmp_path / "ca.pem"
    bundle.write_text("certificate")
    settings = Settings.read(
        {
            "RELINK_ENVIRONMENTS": "https://relink.blob.core.windows.net/environments",
            "RELINK_RECORDS": "file:///var/relink/records",
            "RELINK_SCOPES": f"{SUBSCRIPTION}, {SUBSCRIPTION}/resourceGroups/ml",
            "RELINK_MODE": "Remediate",
            "RELINK_CLOUD": "usgov",
            "RELINK_ARM_ENDPOINT": "https://127.0.0.1:8443/",
            "RELINK_CA_BUNDLE": str(bundle),
            "RELINK_SETTLE_SECONDS": "0.5",
            "RELINK_SWEEP_SCHEDULE": "0  0-30/5 8,18 * jan-mar mon-fri",
            "RELINK_APPROVE_MANIFEST_CHANGES": "false",
            "RELINK_NOTIFY_URL": "https://hooks.example.net/x?sig=abc",
            "RELINK_PRINCIPAL_ID": "ABCDEF00-0000-0000-0000-000000000001",
            "AZURE_CLIENT_ID": "client",
            "APPLICATIONINSIGHTS_CONNECTION_STRING": "InstrumentationKey=1",
        }
    )
    assert settings.scopes == (
        ResourceId.parse(SUBSCRIPTION),
        ResourceId.parse(f"{SUBSCRIPTION}/resourceGroups/ml"),
    )
    assert (settings.mode, settings.cloud) == (Mode.REMEDIATE, Cloud.USGOV)
    assert settings.arm_endpoint == "https://127.0.0.1:8443"
    assert (settings.ca_bundle, settings.settle_seconds) == (bundle, 0.5)
    assert settings.sweep_schedule == "0 0-30/5 8,18 * jan-mar mon-fri"
    assert settings.approve_manifest_changes is False
    assert settings.principal_id == "abcdef00-0000-0000-0000-000000000001"
    assert (settings.client_id, settings.application_insights) == ("client", "InstrumentationKey=1")


@pytest.mark.parametrize(
    ("cloud", "endpoint"),
    [
        ("usgov", "https://management.usgovcloudapi.net"),
        ("china", "https://management.chinacloudapi.cn"),
    ],
)
def test_each_cloud_has_its_own_arm(cloud: str, endpoint: str) -> None:
    assert Settings.read({**FOLDER, "RELINK_CLOUD": cloud}).arm_endpoint == endpoint


def test_an_empty_variable_counts_as_not_set() -> None:
    names = ["MODE", "RECORDS", "SCOPES", "CLOUD", "ARM_ENDPOINT", "CA_BUNDLE", "NOTIFY_URL"]
    empty = {f"RELINK_{name}": " " for name in names}
    assert Settings.read({**FOLDER, **empty}) == Settings.read(FOLDER)


def test_all_problems_are_told_at_once() -> None:
    with pytest.raises(SettingsError) as caught:
        Settings.read({"RELINK_MODE": "loud", "RELINK_CLOUD": "mars"})
    found = {problem.variable for problem in caught.value.problems}
    assert found == {"RELINK_ENVIRONMENTS", "RELINK_MODE", "RELINK_CLOUD"}
    assert "RELINK_MODE: found 'loud', allowed is off, observe, approve, remediate" in str(
        caught.value
    )


@pytest.mark.parametrize(
    "address",
    [
        "relative/folder",
        "file://host/folder",
        "file:folder",
        "http://relink.blob.core.windows.net/environments",
        "https://relink.blob.core.windows.net",
        "https://relink.blob.core.windows.net/environments/deeper",
        "https://relink.blob.core.windows.net/Environments",
        "BlobEndpoint=http://10.0.0.1:10000/a;AccountName=a;AccountKey=c2VjcmV0;Container=records",
        "BlobEndpoint=http://127.0.0.1:10000/a;AccountName=a;AccountKey=c2VjcmV0",
        "BlobEndpoint=http://127.0.0.1@evil.example/a;AccountKey=c2VjcmV0;Container=records",
        "https://relink.blob.core.windows.net/environments?sig=c2VjcmV0",
    ],
)
def test_a_store_address_that_cannot_be_used_is_refused_without_its_secret(address: str) -> None:
    told = problem_of("RELINK_RECORDS", address)
    assert "file:///folder" in told
    assert "c2VjcmV0" not in told


def test_azurite_on_this_machine_is_allowed() -> None:
    address = (
        "BlobEndpoint=http://127.0.0.1:1/a;AccountName=a;AccountKey=c2VjcmV0;Container=records"
    )
    assert Settings.read({**FOLDER, "RELINK_RECORDS": address}).records == address


@pytest.mark.parametrize("seconds", ["soon", "-1", "nan", "inf", "3601"])
def test_settling_takes_from_nothing_to_an_hour(seconds: str) -> None:
    assert "0 to 3600" in problem_of("RELINK_SETTLE_SECONDS", seconds)


@pytest.mark.parametrize(
    "schedule",
    [
        "*/30 * * * *",
        "0 */30 * * * * *",
        "0 60 * * * *",
        "0 */0 * * * *",
        "0 5-1 * * * *",
        "0 a * * * *",
        "0 1,,2 * * * *",
        "0 0 0 0 * *",
        "0 0 0 * foo *",
        "00:30:00",
    ],
)
def test_a_schedule_has_six_fields_within_their_bounds(schedule: str) -> None:
    assert "RELINK_SWEEP_SCHEDULE" in problem_of("RELINK_SWEEP_SCHEDULE", schedule)


@pytest.mark.parametrize(
    "scopes",
    [
        "my-subscription",
        f"{SUBSCRIPTION}/resourceGroups/ml/providers/Microsoft.Storage/storageAccounts/sa",
        f"{SUBSCRIPTION}/resourceGroups/ml/../other",
        ",",
    ],
)
def test_scopes_are_subscriptions_and_groups(scopes: str) -> None:
    assert "subscriptions or resource groups" in problem_of("RELINK_SCOPES", scopes)


@pytest.mark.parametrize(
    ("variable", "value", "allowed"),
    [
        ("RELINK_ARM_ENDPOINT", "http://127.0.0.1:8443", "https"),
        ("RELINK_ARM_ENDPOINT", "https://arm.example/path", "https"),
        ("RELINK_ARM_ENDPOINT", "https://[::1", "https"),
        ("RELINK_ARM_ENDPOINT", "https://127.0.0.1:port", "https"),
        ("RELINK_NOTIFY_URL", "https://[", "https"),
        ("RELINK_RECORDS", "https://[", "file:///folder"),
        ("RELINK_CA_BUNDLE", "/no/such/file.pem", "PEM"),
        ("RELINK_APPROVE_MANIFEST_CHANGES", "perhaps", "true or false"),
        ("RELINK_PRINCIPAL_ID", "relink", "guid"),
    ],
)
def test_a_wrong_value_is_told_with_what_is_allowed(
    variable: str, value: str, allowed: str
) -> None:
    assert allowed in problem_of(variable, value)


@pytest.mark.parametrize("url", ["http://hooks.example.net/?sig=secret", "ftp://x/secret"])
def test_a_webhook_is_https_or_on_this_machine(url: str) -> None:
    assert "secret" not in problem_of("RELINK_NOTIFY_URL", url)
    local = Settings.read({**FOLDER, "RELINK_NOTIFY_URL": "http://127.0.0.1:9/hook"})
    assert local.notify_url == "http://127.0.0.1:9/hook"


def test_no_secret_shows_in_the_repr() -> None:
    settings = Settings.read(
        {
            "RELINK_ENVIRONMENTS": "BlobEndpoint=http://127.0.0.1:1/a;AccountKey=secret;Container=abc",
            "RELINK_NOTIFY_URL": "https://hooks.example.net/x?sig=secret",
            "APPLICATIONINSIGHTS_CONNECTION_STRING": "InstrumentationKey=secret",
        }
    )
    assert "secret" not in repr(settings) + str(settings)


def test_a_topic_is_an_https_address_without_a_key() -> None:
    endpoint = "https://evgt-relink.westeurope-1.eventgrid.azure.net/api/events"
    assert Settings.read({**FOLDER, "RELINK_EVENT_TOPIC": endpoint}).event_topic == endpoint


@pytest.mark.parametrize(
    ("given", "found"),
    [
        ("http://127.0.0.1/api/events", "a URL of scheme 'http'"),
        ("https://user:secret-5f1d@topic.test/api/events", "a URL of scheme 'https'"),
        ("https://topic.test/api/events?aeg-sas-key=secret-5f1d", "an address with a query"),
        ("evgt-relink", "a URL of scheme ''"),
    ],
    ids=["http", "user", "key", "name"],
)
def test_any_other_topic_is_refused_without_showing_a_secret(given: str, found: str) -> None:
    with pytest.raises(SettingsError) as error:
        Settings.read({**FOLDER, "RELINK_EVENT_TOPIC": given})
    assert f"RELINK_EVENT_TOPIC: found {found}" in str(error.value)
    assert "secret-5f1d" not in str(error.value)

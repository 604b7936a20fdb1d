from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from devhost.environment import child_environment
from shared.azure.config import ArmConfig
from shared.azure.credentials import credential

ROOT = Path(__file__).parents[2]


@pytest.mark.parametrize(
    ("cloud", "endpoint", "authority"),
    [
        ("public", "https://management.azure.com", "login.microsoftonline.com"),
        ("usgov", "https://management.usgovcloudapi.net", "login.microsoftonline.us"),
        ("china", "https://management.chinacloudapi.cn", "login.chinacloudapi.cn"),
    ],
)
def test_each_cloud_has_its_arm(cloud: str, endpoint: str, authority: str) -> None:
    config = ArmConfig.of(cloud)  # type: ignore[arg-type]
    assert (config.endpoint, config.authority) == (endpoint, authority)
    assert config.scope == f"{endpoint}/.default"


def test_another_arm_takes_the_tokens_of_its_cloud() -> None:
    config = ArmConfig.of("usgov", "https://127.0.0.1:8443/", "/ca.pem")
    assert config.endpoint == "https://127.0.0.1:8443"
    assert config.audience == "https://management.usgovcloudapi.net"
    assert config.ca_bundle == "/ca.pem"


@pytest.mark.parametrize(
    "endpoint",
    ["http://management.azure.com", "management.azure.com", "https://a/b", "https://a?b"],
)
def test_an_endpoint_is_an_https_origin(endpoint: str) -> None:
    with pytest.raises(ValueError, match="ARM endpoint"):
        ArmConfig.of("public", endpoint)


def test_an_unknown_cloud_is_named() -> None:
    with pytest.raises(ValueError, match=r"'germany'.*public"):
        ArmConfig.of("germany")  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("url", "ours"),
    [
        ("https://management.azure.com/subscriptions/x", True),
        ("https://MANAGEMENT.azure.com:443/x", True),
        ("http://management.azure.com/x", False),
        ("https://management.azure.com:8443/x", False),
        ("https://management.azure.com.evil.example/x", False),
        ("https://management.azure.com@evil.example/x", False),
        ("https://user@management.azure.com/x", False),
        ("//management.azure.com/x", False),
        ("/subscriptions/x", False),
        ("https://[bad/x", False),
        ("https://management.azure.com:port/x", False),
    ],
)
def test_an_address_is_ours_by_scheme_host_and_port(url: str, *, ours: bool) -> None:
    assert ArmConfig.of("public").owns(url) is ours


def test_a_managed_identity_is_taken_where_the_platform_offers_one(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("IDENTITY_ENDPOINT", "http://127.0.0.1:1/token")
    monkeypatch.setenv("IDENTITY_HEADER", "h")
    identity = credential(ArmConfig.of("public"))
    assert type(identity.credential).__name__ == "ManagedIdentityCredential"
    identity.close()


def test_a_developer_is_never_asked_through_a_browser(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("IDENTITY_ENDPOINT", raising=False)
    identity = credential(ArmConfig.of("public"))
    assert type(identity.credential).__name__ == "DefaultAzureCredential"
    tried = {type(one).__name__ for one in identity.credential.credentials}
    assert "InteractiveBrowserCredential" not in tried
    identity.close()


def test_importing_the_gateway_loads_no_sdk() -> None:
    code = (
        "import sys, shared.azure.gateway, shared.azure.credentials\n"
        "print(sorted(m for m in sys.modules if m == 'azure' or m.startswith('azure.')))"
    )
    done = subprocess.run(
        [sys.executable, "-c", code],
        cwd=ROOT,
        env=child_environment(),
        capture_output=True,
        text=True,
        timeout=120,
        check=True,
    )
    assert done.stdout.strip() == "[]"

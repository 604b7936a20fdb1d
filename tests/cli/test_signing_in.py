"""Not signed in: one line that says what to run, whatever the command."""

from __future__ import annotations

import json
import os
import socket
import subprocess
import sys
from pathlib import Path

import pytest
from azure.core.exceptions import ClientAuthenticationError, ServiceRequestError

from cli.shell import CommandError
from cli.signin import sign_in
from shared.azure.config import ArmConfig
from tests.shared.declared import WORKSPACE, manifest

ROOT = Path(__file__).parents[2]
_OURS = ("AZURE_TENANT_ID", "AZURE_CLIENT_ID", "AZURE_CLIENT_SECRET", "IDENTITY_ENDPOINT")


def relink(folder: Path, *arguments: str, **environ: str) -> subprocess.CompletedProcess[str]:
    """A command in a process that no identity is known to; ``folder`` is its home as well."""
    (folder / "prod.yaml").write_text(manifest())
    return subprocess.run(
        [sys.executable, "-m", "cli", *arguments],
        cwd=folder,
        env={"PATH": os.defpath, "HOME": str(folder), "PYTHONPATH": str(ROOT), **environ},
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )


@pytest.mark.parametrize(
    "arguments",
    [
        ("plan", "prod.yaml"),
        ("reconcile", "prod.yaml", "--yes"),
        ("capture", "--all"),
        ("capture", "--workspace", WORKSPACE),
        ("capture", "--update", "prod.yaml"),
        ("diff", "prod.yaml", "live"),
    ],
    ids=lambda arguments: " ".join(arguments[:2])[:16],
)
def test_one_line_says_what_to_run(tmp_path: Path, arguments: tuple[str, ...]) -> None:
    done = relink(tmp_path, *arguments)
    assert done.returncode == 1
    (line,) = done.stderr.splitlines()
    assert line.startswith("error: not signed in to Azure; run: az login")
    assert done.stdout == ""
    assert not (tmp_path / ".relink").exists()


def test_a_script_gets_the_error_as_json(tmp_path: Path) -> None:
    done = relink(tmp_path, "plan", "prod.yaml", "--json")
    assert done.returncode == 1
    assert "az login" in json.loads(done.stdout)["error"]["message"]


def test_records_in_a_container_want_a_token_first(tmp_path: Path) -> None:
    done = relink(tmp_path, "runs", RELINK_RECORDS="https://none.blob.core.windows.net/records")
    assert done.returncode == 1
    (line,) = done.stderr.splitlines()
    assert "az login" in line


def test_a_managed_identity_that_does_not_answer_is_named(tmp_path: Path) -> None:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        url = f"http://127.0.0.1:{free.getsockname()[1]}/token"
        done = relink(tmp_path, "plan", "prod.yaml", IDENTITY_ENDPOINT=url, IDENTITY_HEADER="x")
    assert done.returncode == 1
    (line,) = done.stderr.splitlines()
    assert f"the managed identity at {url} gave no token" in line


class Refusing:
    """A credential that gives no token."""

    def __init__(self, error: Exception) -> None:
        self._error = error

    def get_token(self, *_scopes: str, **_options: object) -> object:
        """Refuse."""
        raise self._error

    def close(self) -> None:
        """Nothing is open."""


EXPIRED = "AzureCliCredential: ERROR: AADSTS700082: The refresh token has expired.\nTrace ID: 1"
AWAY = "EnvironmentCredential: HTTPSConnection(host='login.microsoftonline.com'): Failed to resolve"


@pytest.mark.parametrize(
    ("error", "environ", "said"),
    [
        (
            ClientAuthenticationError(EXPIRED),
            {"AZURE_TENANT_ID": "contoso"},
            "AADSTS700082: The refresh token has expired.; run: az login --tenant contoso",
        ),
        (ClientAuthenticationError(AWAY), {}, "login.microsoftonline.com cannot be reached"),
        (ServiceRequestError("no route"), {}, "login.microsoftonline.com cannot be reached"),
        (
            ClientAuthenticationError("nothing"),
            {"AZURE_CLIENT_SECRET": "hush", "AZURE_CLIENT_ID": "id"},
            "set AZURE_TENANT_ID too, or run: az login",
        ),
        (
            ClientAuthenticationError("no such identity"),
            {"IDENTITY_ENDPOINT": "http://127.0.0.1:1/token", "AZURE_CLIENT_ID": "id"},
            "assign the one that AZURE_CLIENT_ID names, id, to this machine or app",
        ),
    ],
    ids=["expired", "no-network", "no-route", "half-a-secret", "managed-identity"],
)
def test_what_is_missing_is_named_and_no_secret(
    monkeypatch: pytest.MonkeyPatch, error: Exception, environ: dict[str, str], said: str
) -> None:
    for name in _OURS:
        monkeypatch.delenv(name, raising=False)
    for name, value in environ.items():
        monkeypatch.setenv(name, value)
    with pytest.raises(CommandError) as refused:
        sign_in(Refusing(error), ArmConfig.of("public"))  # type: ignore[arg-type] # a credential's one method
    (line,) = refused.value.lines
    assert said in line
    assert "hush" not in line
    assert "Trace ID" not in line

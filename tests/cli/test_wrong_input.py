"""What each command says of input that it cannot use: what, where, what is allowed; never a trace."""

from __future__ import annotations

import json
import os
from pathlib import Path

import pytest
from typer.testing import CliRunner, Result

from cli import session
from cli.main import app
from simulator.faults import Fault, Mischief
from tests.cli.world import World
from tests.shared.declared import manifest

MANIFEST_COMMANDS = ("plan", "reconcile", "validate", "graph", "world", "rehearse")


def relink(*arguments: str) -> Result:
    """A command in this process."""
    return CliRunner().invoke(app, list(arguments))


@pytest.fixture
def inputs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, shell: None) -> Path:  # noqa: ARG001 - a shell without our variables
    """A folder of things that are no manifests, and one that is."""
    (tmp_path / "prod.yaml").write_text(manifest())
    (tmp_path / "bad.yaml").write_text(": : :\n - x")
    (tmp_path / "text.yaml").write_text("hello")
    (tmp_path / "nothing.yaml").write_text("")
    (tmp_path / "binary.yaml").write_bytes(b"\xff\xfe\x00")
    (tmp_path / "prod.txt").write_text(manifest())
    (tmp_path / "lost.yaml").symlink_to("none.yaml")
    os.mkfifo(tmp_path / "pipe.yaml")
    (tmp_path / "folder.yaml").mkdir()
    (tmp_path / "empty").mkdir()
    monkeypatch.chdir(tmp_path)
    return tmp_path


@pytest.mark.usefixtures("inputs")
@pytest.mark.parametrize("command", MANIFEST_COMMANDS)
@pytest.mark.parametrize(
    ("file", "said"),
    [
        ("none.yaml", "none.yaml: no such file"),
        ("bad.yaml", "bad.yaml:2:2: is not YAML"),
        ("text.yaml", "text.yaml:1:1: is no manifest"),
        ("nothing.yaml", "nothing.yaml:1:1: is no manifest"),
        ("binary.yaml", "binary.yaml: is not text"),
        ("prod.txt", "ends with .yaml or .yml"),
        ("lost.yaml", "lost.yaml: no such file"),
        ("pipe.yaml", "pipe.yaml: this is no regular file"),
        ("folder.yaml", "folder"),
        ("empty", "folder"),
    ],
)
def test_what_is_no_manifest_is_named(command: str, file: str, said: str) -> None:
    done = relink(command, file)
    assert done.exit_code == 1
    assert said in done.stderr
    assert "Traceback" not in done.output
    assert "defect" not in done.stderr
    assert done.stdout == ""


@pytest.mark.usefixtures("inputs")
@pytest.mark.parametrize(
    ("arguments", "status", "said"),
    [
        (("plan", "--bogus", "prod.yaml"), 64, "No such option: --bogus"),
        (("mend",), 64, "No such command 'mend'"),
        ((), 64, "Usage: relink"),
        (("plan",), 64, "Missing argument 'FILE'"),
        (("diff", "prod.yaml"), 64, "Missing argument 'B'"),
        (("schema", "x"), 64, "unexpected extra argument"),
        (("runs", "--limit", "0"), 64, "greater than or equal to 1"),
        (("permissions", "--role", "king"), 64, "'reader', 'writer'"),
        (("host", "--port", "99999"), 64, "less than or equal to 65535"),
        (("reconcile", "prod.yaml", "--only", "x"), 64, "allowed: network_access"),
        (("rehearse", "prod.yaml", "--incident", "x"), 64, "allowed: cluster-restart"),
        (("demo", "--only", "99"), 64, "found 99, allowed: 1, 2"),
        (("capture",), 64, "one of --workspace, --all and --update"),
        (("capture", "-w", "x"), 64, "allowed is /subscriptions/<guid>/resourceGroups/"),
        (("capture", "--update", "prod.yaml", "--out", "x"), 64, "--update writes its own FILE"),
        (("capture", "--all", "--name", "x"), 64, "--name: with --all"),
        (("capture", "--update", "none.yaml"), 1, "none.yaml: no such file"),
        (("diff", "live", "live"), 1, "A and B are both 'live'"),
        (("diff", "none.yaml", "live"), 1, "none.yaml: no such file"),
        (("show", "last", "--records", "empty"), 1, "no run is recorded here yet"),
        (("show", "x", "--records", "empty"), 1, "no run is called 'x'"),
        (("show", "--records", "empty", "--", "../../prod.yaml"), 1, "no run is called"),
        (("show", "last"), 1, "no records: the folder"),
        (("explain", "nonsense"), 1, "which is no reason"),
        (("host",), 1, "RELINK_ENVIRONMENTS: found nothing"),
    ],
    ids=lambda value: " ".join(value) if isinstance(value, tuple) else None,
)
def test_a_wrong_command_line_says_what_is_right(
    arguments: tuple[str, ...], status: int, said: str
) -> None:
    done = relink(*arguments)
    assert done.exit_code == status, done.output
    assert said in done.stderr
    assert "Traceback" not in done.output


@pytest.mark.usefixtures("inputs")
@pytest.mark.parametrize(
    ("arguments", "status"),
    [
        (("plan", "none.yaml", "--json"), 1),
        (("show", "last", "--json"), 1),
        (("diff", "folder.yaml", "prod.yaml", "--json"), 1),
        (("graph", "bad.yaml", "--json"), 1),
        (("plan", "--bogus", "--json"), 64),
        (("reconcile", "prod.yaml", "--only", "x", "--json"), 64),
    ],
    ids=lambda value: " ".join(value) if isinstance(value, tuple) else None,
)
def test_with_json_an_error_is_a_document(arguments: tuple[str, ...], status: int) -> None:
    done = relink(*arguments)
    assert done.exit_code == status
    error = json.loads(done.stdout)["error"]
    assert error["message"]
    assert isinstance(error["details"], list)
    assert "\x1b[" not in done.output


@pytest.mark.usefixtures("inputs")
@pytest.mark.parametrize(
    ("variable", "command"),
    [
        ("RELINK_SCOPES", ("validate", "prod.yaml")),
        ("RELINK_RECORDS", ("runs",)),
        ("RELINK_RECORDS", ("reconcile", "prod.yaml")),
        ("RELINK_CLOUD", ("capture", "--all")),
        ("RELINK_CA_BUNDLE", ("plan", "prod.yaml")),
        ("RELINK_ARM_ENDPOINT", ("diff", "prod.yaml", "live")),
        ("RELINK_MODE", ("host",)),
    ],
    ids=lambda value: value if isinstance(value, str) else value[0],
)
def test_a_setting_that_is_wrong_is_named(
    monkeypatch: pytest.MonkeyPatch, variable: str, command: tuple[str, ...]
) -> None:
    monkeypatch.setenv(variable, "nonsense")
    done = relink(*command)
    assert done.exit_code == 1
    assert f"{variable}: found" in done.stderr
    assert "allowed is" in done.stderr
    assert "Traceback" not in done.output


@pytest.mark.parametrize(
    ("status", "code", "said"),
    [
        (403, "AuthorizationFailed", "relink permissions --role reader"),
        (401, "InvalidAuthenticationTokenTenant", "az login --tenant"),
        (404, "SubscriptionNotFound", "az account list"),
    ],
    ids=["no-permission", "wrong-tenant", "no-subscription"],
)
def test_where_nothing_can_be_read_one_example_and_the_way_out_are_shown(
    world: World, status: int, code: str, said: str
) -> None:
    file = world.captured()
    world.cloud.add_fault(Fault(Mischief.ERROR, status=status, code=code, times=None))
    try:
        done = world.relink("plan", str(file))
    finally:
        world.cloud.clear_faults()
    assert done.exit_code == 1
    assert "nothing of 'prod-mlw' could be read" in done.stderr
    assert said in done.stderr
    assert len(done.stderr.splitlines()) <= 6


def test_an_azure_that_cannot_be_reached_is_named(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    file = world.captured()
    monkeypatch.setattr(session, "MOST_UNREACHED", 1)  # else it waits ten seconds in between
    monkeypatch.setenv("RELINK_ARM_ENDPOINT", "https://127.0.0.1:9")
    for command in (("plan", str(file)), ("capture", "-w", world.plan.workspace)):
        done = world.relink(*command)
        assert done.exit_code == 1
        assert "Azure cannot be reached" in done.stderr
        assert "RELINK_ARM_ENDPOINT" in done.stderr

"""The commands as a whole: help, errors, exit statuses, and what they need to start."""

from __future__ import annotations

import json
import subprocess
import sys
import time
from pathlib import Path

import httpx
import pytest
from typer.testing import CliRunner, Result

from cli.main import app
from cli.shell import CommandError, Shell, spoken_errors
from devhost.environment import child_environment
from remediators import REMEDIATORS
from simulator.roles import RELINK_ACTIONS, matches
from tests.shared.declared import manifest

ROOT = Path(__file__).parents[2]
COMMANDS = (
    "capture",
    "validate",
    "plan",
    "reconcile",
    "diff",
    "graph",
    "explain",
    "runs",
    "show",
    "host",
    "permissions",
    "schema",
    "world",
    "rehearse",
    "demo",
)

pytestmark = pytest.mark.usefixtures("shell")


def relink(*arguments: str) -> Result:
    """Run a command in this process."""
    return CliRunner().invoke(app, list(arguments))


def command(*arguments: str) -> list[str]:
    """A command for a process of its own."""
    return [sys.executable, "-c", "from cli.main import main; main()", *arguments]


@pytest.mark.parametrize("name", COMMANDS)
def test_every_command_explains_itself_with_examples(name: str) -> None:
    done = relink(name, "--help")
    assert done.exit_code == 0
    assert "Examples:" in done.stdout
    assert f"relink {name}" in done.stdout


def test_help_loads_none_of_the_product(tmp_path: Path) -> None:
    code = (
        "import sys\n"
        "from cli.main import app\n"
        "try:\n    app(['--help'])\nexcept SystemExit:\n    pass\n"
        "heavy = ('azure', 'pydantic', 'shared', 'durabletask', 'devhost', 'simulator')\n"
        "print([name for name in heavy if name in sys.modules], file=sys.stderr)\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", code],
        cwd=ROOT,
        env=child_environment(),
        capture_output=True,
        text=True,
        check=True,
    )
    assert done.stderr.strip() == "[]"
    assert not list(tmp_path.iterdir())


def test_an_unknown_command_is_a_usage_error() -> None:
    done = relink("mend")
    assert done.exit_code == 64
    assert "mend" in done.stderr


def test_a_wrong_setting_is_named_without_a_stack_trace(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    file = tmp_path / "prod.yaml"
    file.write_text(manifest())
    monkeypatch.setenv("RELINK_MODE", "everything")
    done = relink("plan", str(file))
    assert done.exit_code == 1
    assert "RELINK_MODE: found 'everything', allowed is off, observe, approve" in done.stderr
    assert "Traceback" not in done.stderr


def test_debug_lets_the_stack_trace_through() -> None:
    done = subprocess.run(
        command("host", "--debug"),
        cwd=ROOT,
        env=child_environment(),
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 1
    assert "Traceback" in done.stderr
    assert "RELINK_ENVIRONMENTS" in done.stderr


def test_a_defect_is_named_in_one_line(capsys: pytest.CaptureFixture[str]) -> None:
    import click  # noqa: PLC0415 - only to show that exits are not taken for defects

    with pytest.raises(Exception, match="1"), spoken_errors(Shell()):
        raise ZeroDivisionError("division by zero")
    assert "error: ZeroDivisionError: division by zero" in capsys.readouterr().err
    with pytest.raises(Exception, match="1"), spoken_errors(Shell()):
        raise CommandError("first", "second")
    assert capsys.readouterr().err == "error: first\n  second\n"
    with pytest.raises(click.UsageError), spoken_errors(Shell()):
        raise click.UsageError("wrong")


def test_the_host_names_every_setting_that_is_wrong(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("RELINK_MODE", "everything")
    done = relink("host", "--state", str(tmp_path / "state"))
    assert done.exit_code == 1
    assert "RELINK_MODE: found 'everything'" in done.stderr
    assert "RELINK_ENVIRONMENTS: found nothing" in done.stderr
    assert not (tmp_path / "state").exists()


def test_the_host_serves_the_app_and_keeps_records_in_its_state(tmp_path: Path) -> None:
    manifests, state = tmp_path / "manifests", tmp_path / "state"
    manifests.mkdir()
    (manifests / "prod.yaml").write_text(manifest())
    environ = child_environment(
        {"RELINK_ENVIRONMENTS": manifests.as_uri(), "RELINK_HOST_KEY": "a key for tests"}
    )
    host = subprocess.Popen(
        command("host", "--port", "0", "--state", str(state)),
        cwd=ROOT,
        env=environ,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        text=True,
    )
    try:
        url = _address(state / "host.json", host)
        answer = httpx.get(
            f"{url}/api/environments", headers={"x-functions-key": "a key for tests"}
        )
        assert answer.status_code == 200
        assert "prod" in answer.text
        assert (state / "records").is_dir()
    finally:
        host.terminate()
        host.communicate(timeout=120)


def _address(file: Path, host: subprocess.Popen[str]) -> str:
    """The host's URL, once it answers."""
    deadline = time.monotonic() + 120
    while time.monotonic() < deadline:
        assert host.poll() is None
        try:
            url = str(json.loads(file.read_text())["url"])
            httpx.get(f"{url}/api/health", timeout=20)
        except (OSError, ValueError, KeyError, httpx.HTTPError):
            time.sleep(0.1)
        else:
            return url
    raise AssertionError("the host did not answer")


def test_a_reader_gets_no_action_that_writes() -> None:
    actions = relink("permissions", "--role", "reader").stdout.split()
    assert actions == sorted(actions, key=str.lower)
    assert all(action.endswith("/read") for action in actions)


def test_a_writer_gets_what_the_remediators_name() -> None:
    actions = relink("permissions", "--role", "writer").stdout.split()
    named = {action.lower() for remediator in REMEDIATORS for action in remediator.permissions}
    assert {action.lower() for action in actions} == named


def test_both_roles_are_within_the_role_that_the_simulator_grants() -> None:
    done = relink("permissions", "--json")
    assert [a for a in json.loads(done.stdout) if not matches(RELINK_ACTIONS, a)] == []


def test_global_options_may_stand_anywhere(tmp_path: Path) -> None:
    file = tmp_path / "prod.yaml"
    file.write_text(manifest())
    assert relink("validate", str(file), "--quiet").stderr == ""
    assert relink("--quiet", "validate", str(file)).stderr == ""


def test_no_colours_where_they_are_not_wanted(tmp_path: Path) -> None:
    file = tmp_path / "prod.yaml"
    file.write_text(manifest(("kind: Environment", "kind: Other")))
    environ = child_environment({"FORCE_COLOR": "1"})
    coloured = subprocess.run(
        command("validate", str(file)), cwd=ROOT, env=environ, capture_output=True, check=False
    )
    plain = subprocess.run(
        command("validate", str(file)),
        cwd=ROOT,
        env={**environ, "NO_COLOR": "1"},
        capture_output=True,
        check=False,
    )
    assert b"\x1b[31m" in coloured.stderr
    assert b"\x1b[31m" not in plain.stderr


def test_the_shell_can_complete_the_commands(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("_RELINK_COMPLETE", "complete_bash")
    monkeypatch.setenv("COMP_WORDS", "relink re")
    monkeypatch.setenv("COMP_CWORD", "1")
    done = CliRunner().invoke(app, [], prog_name="relink")
    assert done.stdout.split() == ["reconcile", "rehearse"]

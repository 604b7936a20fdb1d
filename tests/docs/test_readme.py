"""What the front page tells a stranger to type exists, and the gate runs its test command."""

import re
from pathlib import Path

import pytest
from typer.main import get_command

from cli.main import app

ROOT = Path(__file__).parents[2]
README = (ROOT / "README.md").read_text(encoding="utf-8")
MAKEFILE = (ROOT / "Makefile").read_text(encoding="utf-8")


def shell_lines() -> list[str]:
    """The commands in the page's shell blocks, without their comments."""
    blocks = re.findall(r"^```sh\n(.*?)^```$", README, re.MULTILINE | re.DOTALL)
    lines = [line.partition("#")[0].strip() for block in blocks for line in block.splitlines()]
    return [line for line in lines if line]


def test_the_two_commands_are_make_demo_and_make_test() -> None:
    assert [line for line in shell_lines() if line.startswith("make ")] == [
        "make demo",
        "make test",
    ]


@pytest.mark.parametrize(
    "target", sorted(set(re.findall(r"(?:^|`)make (\w+)", README, re.MULTILINE)))
)
def test_every_target_that_the_page_names_is_in_the_makefile(target: str) -> None:
    assert re.search(rf"^{target}:", MAKEFILE, re.MULTILINE)


def test_the_gate_runs_the_test_command_of_the_page() -> None:
    gate = re.findall(r"^step (make \w+)\b", (ROOT / ".ci/run").read_text("utf-8"), re.MULTILINE)
    assert "make test" in gate
    assert "make test" in shell_lines()


def test_every_relink_command_of_the_page_exists_with_its_options() -> None:
    commands = get_command(app).commands  # type: ignore[attr-defined] # a group of commands
    used = re.findall(r"(?:^|[ `/])relink ([a-z]+)((?: [^`\n#]+)?)", README, re.MULTILINE)
    assert {"capture", "validate", "plan", "reconcile", "host"} <= {name for name, _ in used}
    for name, rest in used:
        known = {option for each in commands[name].params for option in each.opts} | {"--help"}
        assert set(re.findall(r"--[a-z-]+", rest)) <= known, name


def test_the_settings_table_names_every_variable_that_is_read() -> None:
    named = set(re.findall(r"`(RELINK_[A-Z_]+)`", README))
    read = set(
        re.findall(r"\"(RELINK_[A-Z_]+)\"", (ROOT / "shared/settings.py").read_text("utf-8"))
    )
    assert {"RELINK_MODE", "RELINK_ENVIRONMENTS"} <= read
    assert read - named == set()

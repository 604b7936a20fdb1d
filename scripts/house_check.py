"""The house rules that no linter knows: sizes, machine paths, unfinished marks, tests that cannot fail.

Reads the files that git would commit (or, without git, the tree), never imports them and never changes
them. Prints `path:line: complaint`, one a line; exit 0 without complaints, else 1.

The patterns below are written so that this file does not match them.
"""

import argparse
import ast
import re
import subprocess
import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

MAX_FILE_LINES = 400
MAX_BODY_LINES = 40

CODE_SUFFIXES = frozenset({".py", ".sh", ".js", ".ts", ".bicep", ".kql"})
HIDDEN_FOLDERS = frozenset({".ci", ".github"})  # the only hidden ones that are the project's own
OUTPUT_FOLDERS = frozenset({"__pycache__", "node_modules", "build", "dist", "state"})
VAGUE_NAMES = frozenset({"utils", "helpers", "manager", "handler", "process", "data", "info"})

UNFINISHED = re.compile(r"\b(?:TO[D]O|FIX[M]E)\b")
NOQA_WITHOUT_REASON = re.compile(r"#\s*noq[a]\b(?::\s*[A-Z]+\d+(?:\s*,\s*[A-Z]+\d+)*)?\W*$")
# /home/site is where Azure mounts the app: a fact about Azure, not about somebody's machine.
MACHINE_PATH = re.compile(
    r"(?:(?<=file://)|(?<![\w.~})/-]))/(?:root|work|Users/[\w.-]+|home/(?!site\b)[\w.-]+|opt/(?:pypi|wheels)[\w-]*)/"
)
REGISTRY_HOST = re.compile(
    r"(?:files|upload|test)\.python[h]osted\.org|python[h]osted\.org|pypi\.org/[s]imple"
    r"|registry\.np[m]js\.org|registry\.yarn[p]kg\.com|pkgs\.dev\.[a]zure\.com"
    r"|--(?:extra-)?index-[u]rl\b"
)


@dataclass(frozen=True, slots=True)
class Complaint:
    """One broken rule; `line` counts from 1."""

    path: str
    line: int
    text: str

    def __str__(self) -> str:
        """Written as editors and CI logs link it."""
        return f"{self.path}:{self.line}: {self.text}"


@dataclass(frozen=True, slots=True)
class Source:
    """One text file: its path from the root, written with slashes, and its text."""

    path: str
    text: str

    @property
    def is_python(self) -> bool:
        """Whether it is a module."""
        return self.path.endswith(".py")

    @property
    def is_code(self) -> bool:
        """Whether people write it line by line: by suffix, or by its first line."""
        suffix = Path(self.path).suffix
        return suffix in CODE_SUFFIXES or (not suffix and self.text.startswith("#!"))

    @property
    def is_test(self) -> bool:
        """Whether pytest collects it."""
        return self.is_python and Path(self.path).name.startswith("test_")

    def find(self, pattern: re.Pattern[str], complaint: str) -> Iterator[Complaint]:
        """Complains of each line that the pattern occurs in, quoting the occurrence."""
        for number, line in enumerate(self.text.splitlines(), start=1):
            if match := pattern.search(line):
                yield Complaint(self.path, number, f"{complaint}: {match.group().strip()}")


def find_long_files(source: Source) -> Iterator[Complaint]:
    """Code files only: locks, fixtures and prose have no such limit."""
    count = source.text.count("\n")
    if source.is_code and count > MAX_FILE_LINES:
        yield Complaint(source.path, count, f"{count} lines; {MAX_FILE_LINES} are allowed")


def find_long_bodies(source: Source, tree: ast.Module) -> Iterator[Complaint]:
    """A body runs from the first statement after the docstring to the last line, blank ones included."""
    for node in ast.walk(tree):
        if not isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            continue
        body = node.body[1:] if ast.get_docstring(node) is not None else node.body
        lines = (node.end_lineno or node.lineno) - body[0].lineno + 1 if body else 0
        if lines > MAX_BODY_LINES:
            text = f"the body of {node.name} has {lines} lines; {MAX_BODY_LINES} are allowed"
            yield Complaint(source.path, node.lineno, text)


def can_fail(test: ast.AST) -> bool:
    """Whether a test asserts: by `assert`, by pytest, or by a function named `assert_…` or `expect_…`."""
    for node in ast.walk(test):
        if isinstance(node, ast.Assert):
            return True
        if isinstance(node, ast.Call):
            name = ast.unparse(node.func)
            if name in {"pytest.raises", "pytest.warns", "pytest.fail"}:
                return True
            if name.rpartition(".")[2].startswith(("assert_", "expect_")):
                return True
    return False


def find_empty_tests(source: Source, tree: ast.Module) -> Iterator[Complaint]:
    """Test functions and methods that no behaviour of the product can make fail."""
    for node in ast.walk(tree) if source.is_test else ():
        if not isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            continue
        if node.name.startswith("test_") and not can_fail(node):
            yield Complaint(source.path, node.lineno, f"{node.name} asserts nothing")


def find_vague_names(source: Source) -> Iterator[Complaint]:
    """Modules whose name says nothing about what they own."""
    if source.is_python and Path(source.path).stem in VAGUE_NAMES:
        yield Complaint(source.path, 1, "a module's name says what it owns")


def examine(source: Source) -> Iterator[Complaint]:
    """Every complaint about one file."""
    yield from find_long_files(source)
    yield from source.find(MACHINE_PATH, "a path of one machine")
    yield from source.find(REGISTRY_HOST, "a package registry's address")
    yield from source.find(UNFINISHED, "unfinished; open an issue instead")
    if not source.is_python:
        return
    yield from find_vague_names(source)
    yield from source.find(NOQA_WITHOUT_REASON, "no reason given")
    try:
        tree = ast.parse(source.text)
    except SyntaxError as error:
        yield Complaint(source.path, error.lineno or 1, f"does not parse: {error.msg}")
        return
    yield from find_long_bodies(source, tree)
    yield from find_empty_tests(source, tree)


def is_own(path: Path) -> bool:
    """Whether a relative path is the project's and not what a tool left behind; for trees without git."""
    folders = path.parts[:-1]
    return not any(
        part in OUTPUT_FOLDERS or (part.startswith(".") and part not in HIDDEN_FOLDERS)
        for part in folders
    )


def list_paths(root: Path) -> list[Path]:
    """What git knows or would add below `root`; every file when `root` is in no repository."""
    command = [
        "git",
        "-C",
        str(root),
        "ls-files",
        "-z",
        "--cached",
        "--others",
        "--exclude-standard",
    ]
    try:
        listed = subprocess.run(command, capture_output=True, text=True, check=True).stdout
        paths = [root / name for name in listed.split("\0") if name]
    except (OSError, subprocess.CalledProcessError):
        paths = [path for path in root.rglob("*") if is_own(path.relative_to(root))]
    return sorted(path for path in set(paths) if path.is_file() and not path.is_symlink())


def read_sources(root: Path) -> Iterator[Source]:
    """The text files below `root`; a file that is not UTF-8 is a picture or the like, and skipped."""
    for path in list_paths(root):
        try:
            yield Source(path.relative_to(root).as_posix(), path.read_text(encoding="utf-8"))
        except UnicodeDecodeError:
            continue


def main(arguments: list[str] | None = None, write: Callable[[str], object] = print) -> int:
    """Examines the tree and returns the exit status."""
    parser = argparse.ArgumentParser(description="Checks the house rules.")
    parser.add_argument("root", nargs="?", type=Path, default=Path(__file__).resolve().parents[1])
    root = parser.parse_args(arguments).root.resolve()
    count = 0
    files = 0
    for source in read_sources(root):
        files += 1
        for complaint in examine(source):
            count += 1
            write(str(complaint))
    write(f"house rules: {files} files, {count} complaint{'' if count == 1 else 's'}")
    return 1 if count else 0


if __name__ == "__main__":
    sys.exit(main())

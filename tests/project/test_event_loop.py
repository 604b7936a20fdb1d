"""No async function blocks: what asks a store, reads a file or sleeps is done in a thread.

The event loop belongs to all functions of a worker. A function counts as blocking if it does one of
these things itself or calls one of ours that does, in any module; what an async function hands over
to a thread (a lambda, an inner function, a name) is not looked at.
"""

from __future__ import annotations

import ast
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
ROOMS = ("shared", "devhost")
STORES = {"records", "manifests", "dead_letters", "documents", "store"}
"""What is asked, wherever it hangs: ``services.records.run(…)``."""
NAMES = {"open", "sleep", "services", "intake", "declared", "read_manifests", "urlopen"}
"""Called by any path: ``time.sleep``; ``services()`` puts the product together, files and SDKs."""
WHOLE = {"asyncio.sleep"}
METHODS = {
    *("read_text", "read_bytes", "write_text", "write_bytes", "unlink", "mkdir", "rmdir", "touch"),
    *("iterdir", "glob", "rglob", "stat", "exists", "is_file", "is_dir", "mkstemp"),
}
HTTP = {
    "httpx.get",
    "httpx.post",
    "httpx.request",
    "requests.get",
    "requests.post",
    "subprocess.run",
}

type Function = ast.FunctionDef | ast.AsyncFunctionDef
ALLOWED = {
    "devhost/serving.py: Serving.run": "the hub's database is opened before anything is served",
    "devhost/serving.py: Serving._run": "timers' states are read before anything is served",
}


@dataclass
class Module:
    """Functions by name, and where imported names come from."""

    path: str
    functions: dict[str, Function] = field(default_factory=dict)
    imported: dict[str, tuple[str, str]] = field(default_factory=dict)


def read(path: str, text: str) -> Module:
    module = Module(path)
    for node in ast.walk(tree := ast.parse(text)):
        if isinstance(node, ast.ImportFrom) and node.module:
            for name in node.names:
                module.imported[name.asname or name.name] = (node.module, name.name)
    for node in tree.body:
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            module.functions[node.name] = node
        if isinstance(node, ast.ClassDef):
            for inner in node.body:
                if isinstance(inner, ast.FunctionDef | ast.AsyncFunctionDef):
                    module.functions[f"{node.name}.{inner.name}"] = inner
    return module


def own_calls(function: Function) -> Iterator[ast.Call]:
    """The calls that the function itself makes."""
    todo: list[ast.AST] = list(function.body)
    while todo:
        node = todo.pop()
        if isinstance(node, ast.Lambda | ast.FunctionDef | ast.AsyncFunctionDef):
            continue
        if isinstance(node, ast.Call):
            yield node
        todo += ast.iter_child_nodes(node)


def dotted(node: ast.expr) -> str:
    """``a.b.c`` of an expression; a call in between is left out."""
    match node:
        case ast.Name():
            return node.id
        case ast.Attribute():
            return f"{dotted(node.value)}.{node.attr}"
        case ast.Call():
            return dotted(node.func)
        case _:
            return "?"


def is_blocking(name: str) -> bool:
    if name in WHOLE:
        return False
    *way, last = name.split(".")
    asks = bool(STORES & set(way))
    return asks or last in NAMES | METHODS or name in HTTP


def modules() -> dict[str, Module]:
    found = {}
    for room in ROOMS:
        for file in sorted((ROOT / room).rglob("*.py")):
            path = file.relative_to(ROOT).as_posix()
            found[path.removesuffix(".py").replace("/", ".")] = read(path, file.read_text())
    return found


def blockers(known: dict[str, Module]) -> dict[tuple[str, str], str]:
    """The plain functions that block, by module and name, with what they call for it."""
    found: dict[tuple[str, str], str] = {}
    grew = True
    while grew:
        grew = False
        for dot, module in known.items():
            for name, function in module.functions.items():
                if isinstance(function, ast.AsyncFunctionDef) or (dot, name) in found:
                    continue
                why = reason(module, dot, name, function, found)
                if why:
                    found[dot, name] = why
                    grew = True
    return found


def reason(
    module: Module, dot: str, name: str, function: Function, found: dict[tuple[str, str], str]
) -> str:
    """What in a function blocks; nothing if nothing does."""
    owner = name.rpartition(".")[0]
    for call in own_calls(function):
        called = dotted(call.func)
        if is_blocking(called):
            return f"line {call.lineno}: {called}"
        target = module.imported.get(called, (dot, called))
        if called.startswith("self."):
            target = (dot, f"{owner}.{called.removeprefix('self.')}")
        if target in found:
            return f"line {call.lineno}: {called}, which calls {found[target]}"
    return ""


def faults(known: dict[str, Module]) -> list[str]:
    found = blockers(known)
    told = []
    for dot, module in known.items():
        for name, function in module.functions.items():
            for each in (function, *inner_async(function)):
                if isinstance(each, ast.AsyncFunctionDef):
                    why = reason(module, dot, name, each, found)
                    if why and f"{module.path}: {name}" not in ALLOWED:
                        told.append(f"{module.path}: {each.name}: {why}")
    return told


def inner_async(function: Function) -> Iterator[ast.AsyncFunctionDef]:
    for node in ast.walk(function):
        if isinstance(node, ast.AsyncFunctionDef) and node is not function:
            yield node


def test_no_async_function_blocks() -> None:
    assert faults(modules()) == []


@pytest.mark.parametrize(
    "line",
    [
        "services.records.run('x')",
        "services().clock()",
        "here.services.manifests.current()",
        "time.sleep(1)",
        "open('x')",
        "Path('x').read_text()",
        "ask(1)",
        "ask_more(1)",
    ],
)
def test_the_check_sees_what_blocks(line: str) -> None:
    text = f"""
def ask(services):
    return services.records.runs()

def ask_more(services):
    return ask(services)

def trigger(services):
    async def inner(req):
        {line}
"""
    assert len(faults({"shared.x": read("shared/x.py", text)})) == 1


@pytest.mark.parametrize(
    "line", ["await off_loop(lambda: services.records.run('x'))", "await asyncio.sleep(1)", "f()"]
)
def test_the_check_lets_pass_what_does_not(line: str) -> None:
    text = f"async def f(services):\n    {line}\n"
    assert faults({"shared.x": read("shared/x.py", text)}) == []

"""The guard around every test (`tests/leaks.py`), shown to fail: each kind of leak in a run of pytest of its own."""

import re
import subprocess
import sys
import textwrap
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
LEAKS = {
    "environment": (
        "os.environ['LEFT_BEHIND'] = 'x'",
        "environment variable LEFT_BEHIND: 'x', was absent",
    ),
    "removed": ("del os.environ['HOME']", "environment variable HOME: absent, was '"),
    "folder": ("os.chdir('/')", "working directory : '/', was '"),
    "path": ("sys.path.append('/left-behind')", "sys.path : more ['/left-behind'], less []"),
    "warnings": ("warnings.simplefilter('ignore')", "warnings.filters : more [('ignore'"),
    "signal": (
        "signal.signal(signal.SIGUSR1, lambda *_: None)",
        "signal handler <Signals.SIGUSR1: 10>: <function",
    ),
    "level": ("logging.getLogger().setLevel(logging.DEBUG)", "logger root: Logs(level=10"),
    "handler": ("logging.getLogger().addHandler(logging.StreamHandler())", "logger root: Logs("),
    "deaf": ("logging.getLogger('asyncio').disabled = True", "logger asyncio: Logs(level=0, disa"),
    "off": ("logging.disable(logging.ERROR)", "logging.disable : 40, was 0"),
    "thread": (
        "threading.Thread(target=time.sleep, args=(60,), name='stray', daemon=True).start()",
        "thread stray (daemon): <built-in function sleep>",
    ),
    "server": (
        "KEPT.append(socket.create_server(('127.0.0.1', 0)))",
        "listening socket: ('127.0.0.1', ",
    ),
    "child": (
        "KEPT.append(subprocess.Popen([sys.executable, '-c', 'input()'], stdin=-1, env={}))",
        "child process ",
    ),
}
HEAD = """
import logging, os, signal, socket, subprocess, sys, threading, time, warnings
import pytest

KEPT = []
"""


def run(folder: Path, code: str) -> str:
    """What pytest says of a file of tests under the guard."""
    (folder / "test_it.py").write_text(HEAD + textwrap.dedent(code))
    command = [sys.executable, "-m", "pytest", "-q", "-p", "tests.leaks", "-p", "no:cacheprovider"]
    command += ["-p", "no:randomly", "--rootdir", str(folder), "-W", "ignore::ResourceWarning"]
    ran = subprocess.run(
        [*command, str(folder / "test_it.py")],
        env={"PYTHONPATH": str(ROOT), "HOME": str(folder), "LEAKS_PATIENCE": "0.2"},
        cwd=folder, capture_output=True, text=True, timeout=120, check=False,
    )  # fmt: skip
    return ran.stdout + ran.stderr


@pytest.fixture(scope="module")
def said(tmp_path_factory: pytest.TempPathFactory) -> str:
    """Of one test for each kind of leak."""
    tests = "".join(f"def test_{name}():\n    {leak}\n\n" for name, (leak, _) in LEAKS.items())
    return run(tmp_path_factory.mktemp("leaks"), f"{tests}\ndef test_clean():\n    pass\n")


@pytest.mark.parametrize("name", LEAKS)
def test_a_test_that_leaves_something_fails_and_says_what(name: str, said: str) -> None:
    _, message = LEAKS[name]
    (told,) = re.findall(rf"teardown of test_{name} _*\n(.*?)(?=\n_|\n=)", said, re.DOTALL)
    assert told.startswith("left behind:\n")
    assert message in told


def test_only_those_fail(said: str) -> None:
    assert f"{len(LEAKS) + 1} passed, {len(LEAKS)} errors" in said


def test_what_ends_soon_and_what_is_put_back_is_no_leak(tmp_path: Path) -> None:
    said = run(
        tmp_path,
        """
        def test_soon(monkeypatch, tmp_path):
            threading.Thread(target=time.sleep, args=(0.05,)).start()
            monkeypatch.setenv("SET", "and set back")
            monkeypatch.chdir(tmp_path)
            monkeypatch.syspath_prepend(str(tmp_path))

        def test_a_library_says_how_it_logs_and_warns():
            logging.getLogger("new").setLevel(logging.INFO)
            warnings.filterwarnings("ignore", category=pytest.PytestWarning)
        """,
    )
    assert "2 passed" in said
    assert "error" not in said


FIXTURE = """
class Server:
    def __init__(self):
        self.listening = socket.create_server(("127.0.0.1", 0))
        self.asked, self.answered = threading.Event(), threading.Event()
        KEPT.append(self)
        self.start()

    def start(self):
        self.over = threading.Event()
        self.child = subprocess.Popen([sys.executable, "-c", "input()"], stdin=-1)
        self.thread = threading.Thread(target=self.serve, args=(self.over,), name="serving")
        self.thread.start()

    def serve(self, over):
        while not over.wait(0.01):
            if self.asked.is_set():
                threading.Thread(target=over.wait, name="worker").start()
                self.asked.clear()
                self.answered.set()

    def stop(self):
        self.over.set()
        self.thread.join()
        self.child.communicate(b"")

@pytest.fixture(scope="module")
def server():
    os.environ["SERVER"] = "there"
    made = Server()
    yield made
    {end}

def test_first(server):
    pass

def test_the_server_is_started_anew(server):
    server.stop()
    server.start()

def test_the_server_starts_a_thread_that_is_its_own(server):
    server.asked.set()
    assert server.answered.wait(60)

def test_last(request):
    request.getfixturevalue("server")
"""
END = "made.stop(); made.listening.close(); del os.environ['SERVER']"


def test_what_a_fixture_of_the_module_opens_is_the_fixture_s(tmp_path: Path) -> None:
    said = run(tmp_path, FIXTURE.replace("{end}", END))
    assert "4 passed" in said
    assert "error" not in said


def test_a_fixture_of_the_module_that_leaves_something_fails_when_it_ends(tmp_path: Path) -> None:
    said = run(tmp_path, FIXTURE.replace("{end}", "threading.Timer(2, made.over.set).start()"))
    assert "4 passed, 1 error" in said
    assert "teardown of test_last" in said
    for left in (
        "environment variable SERVER: 'there'",
        "listening socket: ('127.0.0.1', ",
        "child process ",
        "thread serving: ",
        "thread worker: ",
    ):
        assert left in said

"""What keeps the host from starting, and the message of each."""

import json
import sqlite3
from pathlib import Path

import pytest

from devhost.child import HostProcess
from devhost.errors import StartError
from devhost.hub.store import Store
from devhost.keys import find_key
from devhost.settings import read_settings, timespan

APPS = Path(__file__).parent / "apps"


@pytest.mark.parametrize(
    ("app", "message"),
    [
        ("broken", "no module named gone"),
        ("unknown", "function on_blob: this host does not serve blobTrigger"),
        ("output", "function sends: this host does not serve the binding queue of out"),
        ("badtimer", "function sweep: 'now and then' is not an NCRONTAB schedule"),
        ("empty", "no functions found"),
    ],
)
def test_an_app_that_cannot_be_served_ends_the_host_with_its_reason(
    tmp_path: Path, app: str, message: str
) -> None:
    host = HostProcess(APPS / app, tmp_path / "state", key="k")
    with pytest.raises(StartError) as refused:
        host.start()
    assert "ended with status 1" in str(refused.value)
    assert message in str(refused.value)
    assert "Traceback" not in str(refused.value) or app == "broken"
    assert not (tmp_path / "state" / "host.json").exists()


def test_the_task_hub_of_another_version_is_refused(tmp_path: Path) -> None:
    file = sqlite3.connect(tmp_path / "hub.db")
    file.execute("pragma user_version=99")
    file.close()
    with pytest.raises(StartError, match="written with schema 99"):
        Store(tmp_path / "hub.db")


def test_a_damaged_task_hub_is_refused(tmp_path: Path) -> None:
    (tmp_path / "hub.db").write_bytes(b"no database at all" * 100)
    with pytest.raises(StartError, match="is not a task hub"):
        Store(tmp_path / "hub.db")


def test_the_key_is_the_given_one_then_the_setting_then_the_kept_one(tmp_path: Path) -> None:
    environ = {"RELINK_HOST_KEY": "from the setting"}
    assert find_key("given", environ, tmp_path).value == "given"
    assert find_key(None, environ, tmp_path).value == "from the setting"
    made = find_key(None, {}, tmp_path)
    assert find_key(None, {}, tmp_path).value == made.value
    assert (tmp_path / "host-key").stat().st_mode & 0o777 == 0o600


def test_the_durable_key_opens_durable_urls_alone(tmp_path: Path) -> None:
    key = find_key("given", {}, tmp_path)
    assert key.opens("given")
    assert key.opens_durable("given")
    assert key.opens_durable(key.durable)
    assert not key.opens(key.durable)
    assert not key.opens(None)
    assert not key.opens_durable("")


def test_local_settings_yield_to_the_environment(tmp_path: Path) -> None:
    values = {"A": "file", "B": "file", "N": 3}
    (tmp_path / "local.settings.json").write_text(json.dumps({"Values": values}))
    app = read_settings(tmp_path, {"B": "environment"}).app
    assert app == {"A": "file", "B": "environment", "N": "3"}


@pytest.mark.parametrize(
    ("name", "text", "message"),
    [
        ("host.json", "{", "host.json is not JSON"),
        ("host.json", "[]", "host.json is not a JSON object"),
        ("local.settings.json", '{"IsEncrypted": true}', "is encrypted"),
        ("local.settings.json", '{"Values": []}', "Values is not an object"),
    ],
)
def test_a_settings_file_that_is_wrong_is_named(
    tmp_path: Path, name: str, text: str, message: str
) -> None:
    (tmp_path / name).write_text(text)
    with pytest.raises(StartError, match=message):
        read_settings(tmp_path, {})


@pytest.mark.parametrize("value", [0, -1, "ten", True, 1.5])
def test_a_limit_that_is_no_count_is_named(tmp_path: Path, value: object) -> None:
    document = {"extensions": {"durableTask": {"maxConcurrentActivityFunctions": value}}}
    (tmp_path / "host.json").write_text(json.dumps(document))
    settings = read_settings(tmp_path, {})
    with pytest.raises(StartError, match="maxConcurrentActivityFunctions"):
        settings.number("durableTask", "maxConcurrentActivityFunctions", default=1)


@pytest.mark.parametrize(
    ("text", "seconds"),
    [("00:00:02", 2), ("01:30:00", 5400), ("1.00:00:01", 86401), ("2 s", None), ("", None)],
)
def test_a_timespan_is_read_as_seconds(text: str, seconds: float | None) -> None:
    assert timespan(text) == seconds

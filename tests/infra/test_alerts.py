"""Alerts and workbook, run on what Relink really told: each fires on its fault and rests on a healthy day."""

from __future__ import annotations

import json
import re
import subprocess
import sys
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import duckdb
import duckdb_kql
import pytest

from devhost.environment import child_environment
from scripts import judges
from scripts.judges import SHARED
from scripts.node_packages import NodeMissingError, cache_folder, provide
from shared.model.outcome import OutcomeKind
from shared.signals import SIGNALS, Kind
from tests.infra.shared_folder import INFRA, ROOT
from tests.judges import missing

pytestmark = pytest.mark.slow

ALERTS = json.loads((INFRA / "alerts.json").read_text(encoding="utf-8"))
BY_NAME = {alert["name"]: alert for alert in ALERTS}
WORKBOOK = json.loads((INFRA / "workbook.json").read_text(encoding="utf-8"))
PANELS = {i["name"]: i["content"]["query"] for i in WORKBOOK["items"] if i["type"] == 3}
QUERIES = {name: (INFRA / f"queries/{name}.kql").read_text(encoding="utf-8") for name in BY_NAME}
COLUMNS = {
    "Table": "VARCHAR",
    "TimeGenerated": "TIMESTAMPTZ",
    "OperationId": "VARCHAR",
    "ParentId": "VARCHAR",
    "Id": "VARCHAR",
    "Name": "VARCHAR",
    "Sum": "DOUBLE",
    "ItemCount": "INTEGER",
    "Min": "DOUBLE",
    "Max": "DOUBLE",
    "DurationMs": "DOUBLE",
    "Properties": "JSON",
}
TABLES = ("AppEvents", "AppMetrics", "AppRequests", "AppDependencies", "AppExceptions")
Z = re.compile(r"P(?:(\d+)D)?(?:T(?:(\d+)H)?(?:(\d+)M)?)?")


@pytest.fixture(scope="module")
def told() -> Any:  # noqa: ANN401 - JSON
    """Every scenario's rows, from one process."""
    ran = subprocess.run(
        [sys.executable, "-m", "tests.infra.telling"],
        cwd=ROOT,
        env=child_environment(),
        capture_output=True,
        text=True,
        timeout=240,
        check=False,
    )
    assert ran.returncode == 0, ran.stderr
    return json.loads(ran.stdout)


@pytest.fixture(scope="module")
def healthy(told: Any) -> duckdb.DuckDBPyConnection:  # noqa: ANN401 - JSON
    """What was told on a healthy day."""
    return loaded(told["scenarios"]["healthy"]["rows"])


@pytest.fixture(scope="module")
def everything(told: Any) -> duckdb.DuckDBPyConnection:  # noqa: ANN401 - JSON
    """What was told in all scenarios together."""
    return loaded([row for scene in told["scenarios"].values() for row in scene["rows"]])


def span(text: str) -> timedelta:
    """Of an ISO 8601 duration as alerts have them."""
    match = Z.fullmatch(text)
    assert match is not None
    days, hours, minutes = (int(part or 0) for part in match.groups())
    return timedelta(days=days, hours=hours, minutes=minutes)


def loaded(rows: list[dict[str, Any]]) -> duckdb.DuckDBPyConnection:
    """A workspace that holds ``rows``."""
    con = duckdb.connect()
    declared = ", ".join(f'"{name}" {kind}' for name, kind in COLUMNS.items())
    con.execute(f"CREATE TABLE told ({declared})")
    marks = ", ".join("?" for _ in COLUMNS)
    cells = [[_cell(row.get(name)) for name in COLUMNS] for row in rows]
    con.executemany(f"INSERT INTO told VALUES ({marks})", cells)  # noqa: S608 - our own names
    return con


def ask(con: duckdb.DuckDBPyConnection, query: str, begin: datetime, end: datetime) -> list[Any]:
    """The rows that a query gives of what was told after ``begin`` and until ``end``."""
    inside = f"TimeGenerated > '{begin.isoformat()}' AND TimeGenerated <= '{end.isoformat()}'"
    for table in TABLES:
        kept = f"FROM told WHERE \"Table\" = '{table}' AND {inside}"
        con.execute(f"CREATE OR REPLACE VIEW {table} AS {kept}")
    return duckdb_kql.kql(con, query).fetchall()


def _cell(value: object) -> object:
    return json.dumps(value) if isinstance(value, dict) else value


def fires(alert: dict[str, Any], con: duckdb.DuckDBPyConnection, end: datetime) -> bool:
    """Whether the rule of the templates would fire at ``end``."""
    found = ask(con, QUERIES[alert["name"]], end - span(alert["window"]), end)
    return not found if alert["fires"] == "silence" else bool(found)


@pytest.mark.parametrize("name", BY_NAME)
def test_an_alert_fires_on_its_fault(name: str, told: Any) -> None:  # noqa: ANN401 - JSON
    scene = told["scenarios"][name]
    assert fires(BY_NAME[name], loaded(scene["rows"]), datetime.fromisoformat(scene["end"]))


@pytest.mark.parametrize("name", BY_NAME)
def test_an_alert_rests_on_a_healthy_day(
    name: str,
    told: Any,  # noqa: ANN401 - JSON
    healthy: duckdb.DuckDBPyConnection,
) -> None:
    begin = datetime.fromisoformat(told["begin"])
    hours = [begin + timedelta(hours=hour) for hour in range(1, 25)]
    assert [str(end) for end in hours if fires(BY_NAME[name], healthy, end)] == []


@pytest.mark.parametrize("panel", PANELS)
def test_a_panel_of_the_workbook_shows_something(
    panel: str,
    told: Any,  # noqa: ANN401 - JSON
    everything: duckdb.DuckDBPyConnection,
) -> None:
    begin = datetime.fromisoformat(told["begin"]) - timedelta(hours=1)
    assert ask(everything, PANELS[panel], begin, begin + timedelta(days=2))


def test_what_is_told_is_what_is_documented(told: Any) -> None:  # noqa: ANN401 - JSON
    rows = [row for scene in told["scenarios"].values() for row in scene["rows"]]
    for signal in SIGNALS:
        mine = [r for r in rows if r["Table"] == signal.kind and r["Name"] == signal.name]
        if signal.name == "relink.arm":  # its name is made of method and path
            mine = [r for r in rows if r["Table"] == signal.kind and r["Name"].startswith("GET /")]
        assert mine, f"{signal.name} was never told"
        extra = set(mine[0]["Properties"]) - set(signal.properties)
        assert {
            name for name in extra if not name.startswith(("_MS", "code.", "logger_name"))
        } == set()
    names = {r["Name"] for r in rows if r["Table"] in {Kind.EVENT, Kind.METRIC}}
    assert {name for name in names if name.startswith("relink.")} <= {s.name for s in SIGNALS}


def test_a_run_is_one_trace_with_its_events_in_it(told: Any) -> None:  # noqa: ANN401 - JSON
    rows = told["scenarios"]["healthy"]["rows"]
    (root,) = [
        r for r in rows if r["Table"] == "AppRequests" and r["Properties"]["outcome"] == "Repaired"
    ]
    run = root["Properties"]["run"]
    assert root["OperationId"] == run.replace("-", "")
    mine = [r for r in rows if r["OperationId"] == root["OperationId"]]
    spans = [r for r in mine if r["Table"] == "AppDependencies"]
    told = [r for r in spans if r["Name"] != "relink.activity"]
    assert [r["Name"] for r in told] == ["relink.wait", "relink.step", "relink.step"]
    assert {r["ParentId"] for r in told} == {root["Id"]}
    assert root["ParentId"] in {"", run.replace("-", "")}
    assert root["DurationMs"] >= 60_000  # the event was a minute old
    events = {r["Name"] for r in mine if r["Table"] == "AppEvents"}
    assert events == {"relink.run.ended", "relink.finding"}


def test_a_run_that_missed_sweeps_makes_them_late(told: Any) -> None:  # noqa: ANN401 - JSON
    scene = told["scenarios"]["sweeps-missed"]
    end = datetime.fromisoformat(scene["end"])
    assert fires(BY_NAME["sweep-late"], loaded(scene["rows"]), end)


def test_calls_of_arm_lie_under_their_activity_in_the_trace_of_the_run(
    told: Any,  # noqa: ANN401 - JSON
) -> None:
    rows = told["scenarios"]["restarted"]["rows"]
    (root,) = [r for r in rows if r["Table"] == "AppRequests"]
    spans = [r for r in rows if r["Table"] == "AppDependencies"]
    assert root["Properties"]["outcome"] == "Repaired"
    assert {r["OperationId"] for r in spans} == {root["OperationId"]}
    ids = [r["Id"] for r in (root, *spans)]
    assert len(ids) == len(set(ids))
    own = [r for r in spans if r["Name"].startswith("relink.")]
    named = {r["Id"]: r["Name"] for r in (root, *spans)}
    assert {(named[r["ParentId"]], r["Name"]) for r in own} == {
        ("relink.run", "relink.wait"),
        ("relink.run", "relink.step"),
        ("relink.run", "relink.activity"),
        ("relink.step", "relink.activity"),
    }
    above = {r["Id"]: r["ParentId"] for r in spans}
    calls = [r for r in spans if "az.service_request_id" in r["Properties"]]
    assert len(calls) > 50
    for call in calls:  # azure-ai-ml puts a span of its own between
        parent = above[call["Id"]]
        parent = parent if named[parent] != "activity_span" else above[parent]
        assert named[parent] == "relink.activity", call["Name"]
    assert all(r["Properties"]["az.service_request_id"] for r in calls)
    assert all(r["Properties"]["az.correlation_request_id"] for r in calls)


def test_queries_name_only_what_the_code_tells() -> None:
    known = {signal.name: signal for signal in SIGNALS}
    for name, query in (QUERIES | PANELS).items():
        used = re.findall(r'Name == "([\w.]+)"', query)
        assert used, f"{name} asks for nothing by name"
        assert set(used) <= set(known), name
        properties = {key for each in used for key in known[each].properties}
        assert set(re.findall(r"Properties\.(\w+)", query)) <= properties, name
        tables = {known[each].kind.value for each in used}
        assert set(re.findall(r"^(App\w+)", query, re.MULTILINE)) == tables, name


def test_outcomes_named_in_queries_exist() -> None:
    for name, query in (QUERIES | PANELS).items():
        for found in re.findall(r"outcome\) (?:==|in|!=|!in) ([^\n]+)", query):
            named = set(re.findall(r'"(\w+)"', found.partition(" and ")[0]))
            assert named <= {kind.value for kind in OutcomeKind}, name


def test_every_alert_has_a_query_a_severity_and_a_runbook() -> None:
    bicep = (INFRA / "modules/alerts.bicep").read_text(encoding="utf-8")
    loaded = re.findall(r"queries/([\w-]+)\.kql", bicep)
    assert sorted(loaded) == sorted(BY_NAME)
    assert sorted(path.stem for path in INFRA.glob("queries/*.kql")) == sorted(BY_NAME)
    assert all(alert["severity"] in range(5) and alert["description"] for alert in ALERTS)
    metric = re.findall(
        r"runbook: '([\w ]+)'", (INFRA / "modules/event-subscriptions.bicep").read_text()
    )
    pages = {path.stem for path in (ROOT / "docs/runbooks").glob("*.md")}
    assert pages == set(BY_NAME) | {name.replace(" ", "-") for name in metric}


@pytest.fixture(scope="module")
def parser() -> list[str]:
    """How Microsoft's KQL parser is started: installed once, from files that lie beside the project."""
    files = [SHARED / "kql_check" / n for n in ("kql_check.js", "package.json", "schema.json")]
    if not all(file.is_file() for file in files):
        missing("kql", "the KQL checker is not beside the project")
    folder = cache_folder("kql", files)
    try:
        node = provide(folder, files)
    except NodeMissingError as why:
        missing("kql", str(why))
    judges.ran("kql", f"on {node}")
    return [node.program, str(folder / "kql_check.js"), str(folder / "schema.json")]


def parse(parser: list[str], *files: Path) -> subprocess.CompletedProcess[str]:
    """What the parser says of files."""
    command = [*parser, *map(str, files)]
    return subprocess.run(command, capture_output=True, text=True, timeout=120, check=False)


def test_microsofts_parser_finds_nothing_in_any_query(parser: list[str]) -> None:
    ran = parse(parser, *INFRA.glob("queries/*.kql"), INFRA / "workbook.json")
    assert ran.returncode == 0, ran.stdout + ran.stderr
    assert "0 errors" in ran.stdout


def test_microsofts_parser_notices_a_wrong_column(parser: list[str], tmp_path: Path) -> None:
    wrong = tmp_path / "wrong.kql"
    wrong.write_text(QUERIES["flapping"].replace("TimeGenerated", "Timestamp"), encoding="utf-8")
    assert parse(parser, wrong).returncode != 0

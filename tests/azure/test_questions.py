"""Every question, over https, through the real clients."""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta
from typing import Any
from urllib.parse import unquote_plus

import pytest
import requests

from shared.azure.gateway import Azure
from shared.model.actual import Absent, Found, Observation, Question, Read, Unreadable
from shared.model.arm import ComputeView, PowerAction
from shared.model.resource_id import ResourceId
from simulator.faults import Fault, Mischief
from tests.azure.wires import Bench, Canned, over_canned, shown

YESTERDAY = (datetime.now(UTC) - timedelta(days=1)).isoformat()
GUID = "00000000-0000-0000-0000-0000000000aa"


def ask(bench: Bench, question: Question, resource: ResourceId, detail: str = "") -> Observation:
    read = Read(question, resource, detail)
    return bench.azure.read([read])[read]


def items(bench: Bench, question: Question, resource: ResourceId, detail: str = "") -> list[Any]:
    answer = ask(bench, question, resource, detail)
    assert isinstance(answer, Found), answer
    value = answer.body["value"]
    assert isinstance(value, list)
    return value


def test_every_kind_of_the_environment_is_read(bench: Bench) -> None:
    world = [
        bench.endpoint,
        bench.cluster_endpoint,
        bench.cluster,
        bench.cluster.group,
        bench.compute,
        bench.id(bench.places.workspace),
        bench.id(bench.places.storage),
        bench.id(bench.places.vault),
        bench.id(bench.places.registry),
        bench.id(bench.places.identity),
        bench.id(bench.places.network("hub")),
        bench.id(bench.places.subnet("spoke", "endpoints")),
        bench.id(bench.places.zone(bench.places.cluster_zone)),
        bench.cluster.extension("Microsoft.KubernetesConfiguration/extensions", "azureml"),
    ]
    answers = bench.azure.read(Read(Question.GET, resource) for resource in world)
    unread = {
        read.resource: answer for read, answer in answers.items() if type(answer) is not Found
    }
    assert unread == {}


def test_a_body_is_exactly_what_azure_sent(bench: Bench) -> None:
    """Fields that no SDK model knows come through as well."""
    storage = bench.id(bench.places.storage)
    kept = bench.cloud.forge(storage.text)
    kept.body["properties"]["fromTheFuture"] = {"Odd-Name": [1, None]}
    answer = ask(bench, Question.GET, storage)
    assert isinstance(answer, Found)
    assert answer.body == bench.live(storage)
    assert answer.body["properties"]["fromTheFuture"] == {"Odd-Name": [1, None]}


def test_one_question_asked_twice_is_one_call(bench: Bench) -> None:
    read = Read(Question.GET, bench.cluster)
    bench.azure.read([read, read, Read(Question.GET, ResourceId.parse(bench.cluster.text.upper()))])
    assert bench.azure.calls.count == 1
    (call,) = bench.azure.calls
    assert (call.method, call.status) == ("GET", 200)
    assert call.path.lower() == bench.cluster.key
    assert call.request_id


def test_a_missing_resource_is_absent(bench: Bench) -> None:
    gone = ResourceId.parse(bench.endpoint.text + "-not-there")
    assert isinstance(ask(bench, Question.GET, gone), Absent)


def test_a_list_of_something_missing_is_absent(bench: Bench) -> None:
    gone = ResourceId.parse(bench.cluster.text + "x")
    assert isinstance(ask(bench, Question.LINK, gone), Absent)


def test_a_forbidden_read_names_the_missing_action(bench: Bench) -> None:
    action = "Microsoft.ContainerService/managedClusters/read"
    bench.cloud.add_fault(Fault(Mischief.REVOKE, principal="relink", action=action))
    answer = ask(bench, Question.GET, bench.cluster)
    assert isinstance(answer, Unreadable)
    assert (answer.code, answer.action) == ("MissingPermission", action)


def test_one_refusal_does_not_hide_the_other_answers(bench: Bench) -> None:
    action = "Microsoft.ContainerService/managedClusters/read"
    bench.cloud.add_fault(Fault(Mischief.REVOKE, principal="relink", action=action))
    wanted = [Read(Question.GET, bench.cluster), Read(Question.GET, bench.endpoint)]
    answers = bench.azure.read(wanted)
    assert [type(answers[read]) for read in wanted] == [Unreadable, Found]


def test_a_subscription_that_may_not_be_seen_is_not_absence(
    canned: Canned, scripted: Azure
) -> None:
    error = {"error": {"code": "SubscriptionNotFound", "message": "could not be found"}}
    canned.rule("GET", ".*", (404, error))
    read = Read(Question.GET, ResourceId.parse(f"/subscriptions/{GUID}/resourceGroups/g"))
    assert isinstance(scripted.read([read])[read], Unreadable)


def test_one_that_cannot_be_read_now_hides_no_other_answer(virtual: Bench) -> None:
    virtual.cloud.add_fault(
        Fault(Mischief.ERROR, path="managedClusters", status=503, code="Busy", retry_after=7)
    )
    sick, well = Read(Question.GET, virtual.cluster), Read(Question.GET, virtual.endpoint)
    given = virtual.azure.read([sick, well])
    answer = given[sick]
    assert isinstance(answer, Unreadable)
    assert (answer.code, answer.retry_after) == ("Busy", 7)
    assert isinstance(given[well], Found)
    assert virtual.azure.calls.count == 2


@pytest.mark.parametrize(
    ("status", "passes"), [(500, True), (501, True), (400, False), (403, False)]
)
def test_an_error_of_the_server_may_pass_and_a_refusal_does_not(
    status: int,
    passes: bool,  # noqa: FBT001 - a parameter
    virtual: Bench,
) -> None:
    virtual.cloud.add_fault(
        Fault(Mischief.ERROR, path="managedClusters", status=status, code="Bad")
    )
    read = Read(Question.GET, virtual.cluster)
    answer = virtual.azure.read([read])[read]
    assert isinstance(answer, Unreadable)
    assert answer.passes is passes


def test_a_read_that_ends_in_a_defect_hides_no_other_answer(
    virtual: Bench, canned: Canned, scripted: Azure
) -> None:
    canned.rule("GET", "managedClusters", (0, RecursionError("a body without end")))
    canned.rule("GET", "privateEndpoints.*", (200, shown(virtual.endpoint)))
    sick, well = Read(Question.GET, virtual.cluster), Read(Question.GET, virtual.endpoint)
    given = scripted.read([sick, well])
    answer = given[sick]
    assert isinstance(answer, Unreadable)
    assert not answer.passes
    assert isinstance(given[well], Found)


def test_locks_of_a_subscription_and_of_a_group(bench: Bench) -> None:
    lock = bench.cluster.group.extension("Microsoft.Authorization/locks", "keep")
    bench.human("PUT", lock, {"properties": {"level": "CanNotDelete"}})
    for scope in (bench.subscription, bench.cluster.group, bench.cluster):
        found = items(bench, Question.LOCKS, scope)
        assert [item["properties"]["level"] for item in found] == ["CanNotDelete"], scope
    assert items(bench, Question.LOCKS, bench.compute.group) == []


@pytest.mark.parametrize("where", ["subscription", "cluster", "compute"])
def test_our_permissions_at_any_scope(bench: Bench, where: str) -> None:
    sets = items(bench, Question.PERMISSIONS, getattr(bench, where))
    assert "Microsoft.Network/privateEndpoints/delete" in sets[0]["actions"]


def test_roles_of_a_principal(bench: Bench) -> None:
    principal = ComputeView.of(bench.live(bench.compute)).principal
    found = items(bench, Question.ROLES, bench.subscription, principal)
    assert {item["properties"]["principalId"] for item in found} == {principal}
    assert len(found) == 2
    assert items(bench, Question.ROLES, bench.subscription, GUID) == []


def test_a_filter_takes_a_guid_and_nothing_else(bench: Bench) -> None:
    answer = ask(bench, Question.ROLES, bench.subscription, "x' or 1 eq 1")
    assert isinstance(answer, Unreadable)
    assert bench.azure.calls.count == 0


def test_the_activity_log_tells_starts_and_stops(bench: Bench) -> None:
    assert items(bench, Question.POWER_LOG, bench.cluster, YESTERDAY) == []
    for action in ("stop", "start"):
        url = f"{bench.cluster.text}/{action}?api-version=2024-01-01"
        assert bench.cloud.call("POST", url).status < 300
        bench.settle()
    events = items(bench, Question.POWER_LOG, bench.cluster, YESTERDAY)
    assert [a.name for a in PowerAction.all_of(tuple(events))] == ["stop", "start"]
    later = (datetime.now(UTC) + timedelta(hours=1)).isoformat()
    assert items(bench, Question.POWER_LOG, bench.cluster, later) == []


def test_the_activity_log_tells_writes_that_succeeded(bench: Bench) -> None:
    storage = bench.id(bench.places.storage)
    bench.human("PATCH", storage, {"properties": {"publicNetworkAccess": "Enabled"}})
    events = items(bench, Question.WRITE_LOG, storage, YESTERDAY)
    assert [event["status"]["value"] for event in events] == ["Succeeded"]
    assert items(bench, Question.WRITE_LOG, bench.id(bench.places.vault), YESTERDAY) == []


def test_the_activity_log_is_asked_no_further_back_than_it_goes(bench: Bench) -> None:
    assert items(bench, Question.POWER_LOG, bench.cluster, "2020-01-01T00:00:00+00:00") == []
    asked = unquote_plus(bench.cloud.exchanges[-1].url)
    since = re.search(r"eventTimestamp ge '([^']+)'", asked)
    assert since is not None
    assert datetime.now(UTC) - datetime.fromisoformat(since[1]) < timedelta(days=90)


def test_a_log_is_asked_for_a_time_and_nothing_else(bench: Bench) -> None:
    answer = ask(bench, Question.POWER_LOG, bench.cluster, "2026' or 'a' eq 'a")
    assert isinstance(answer, Unreadable)
    assert bench.azure.calls.count == 0


def test_the_private_link_of_a_cluster(bench: Bench) -> None:
    (link,) = items(bench, Question.LINK, bench.cluster)
    assert link["groupId"] == "management"
    assert link["privateLinkServiceID"]


@pytest.mark.parametrize("target", ["cluster", "workspace", "storage", "vault", "registry"])
def test_connections_of_a_target(bench: Bench, target: str) -> None:
    found = items(bench, Question.CONNECTIONS, bench.id(getattr(bench.places, target)))
    state = "privateLinkServiceConnectionState"
    assert {item["properties"][state]["status"] for item in found} == {"Approved"}


def test_extensions_of_a_cluster(bench: Bench) -> None:
    (extension,) = items(bench, Question.EXTENSIONS, bench.cluster)
    assert extension["properties"]["extensionType"] == "Microsoft.AzureML.Kubernetes"


@pytest.mark.filterwarnings("ignore")  # azure-ai-ml's own deprecations
def test_deployments_on_a_compute_and_no_others(bench: Bench) -> None:
    found = items(bench, Question.DEPLOYMENTS, bench.compute)
    told = [(item["kind"], item["endpoint"], item["properties"]) for item in found]
    healthy = {"provisioningState": "Succeeded"}
    assert told == [("endpoint", "prod-k8s-a", healthy), ("deployment", "prod-k8s-a", healthy)]


def _job(status: str, **properties: object) -> dict[str, object]:
    return {"name": f"job-{status}", "properties": {"status": status, **properties}}


def test_unfinished_jobs_on_a_compute_from_every_page(
    virtual: Bench, canned: Canned, scripted: Azure
) -> None:
    compute = virtual.compute.text
    following = "https://management.azure.com/next?page=2"
    first = [_job("Running", computeId=compute), _job("Completed", computeId=compute)]
    second = [
        _job("Queued", settings={"defaultCompute": compute.upper()}),
        _job("Running", computeId=compute + "b"),
        _job("Preparing", jobs={"train": {"computeId": compute}}),
    ]
    canned.rule("GET", "/jobs", (200, {"value": first, "nextLink": following}))
    canned.rule("GET", "/next", (200, {"value": second}))
    read = Read(Question.JOBS, virtual.compute)
    answer = scripted.read([read])[read]
    assert isinstance(answer, Found)
    names = [job["name"] for job in answer.body["value"]]
    assert names == ["job-Running", "job-Queued", "job-Preparing"]


def test_a_next_page_elsewhere_is_not_fetched(
    virtual: Bench, canned: Canned, scripted: Azure
) -> None:
    foreign = {"value": [], "nextLink": "https://management.azure.com.evil.example/next"}
    canned.rule("GET", ".*", (200, foreign))
    for question, resource in (
        (Question.JOBS, virtual.compute),
        (Question.CONNECTIONS, virtual.id(virtual.places.storage)),
    ):
        read = Read(question, resource)
        answer = scripted.read([read])[read]
        assert isinstance(answer, Unreadable)
        assert answer.code == "ForeignAddress"
    assert len(canned.asked) == 2


def test_a_broken_connection_is_tried_once_more(
    virtual: Bench, canned: Canned, scripted: Azure
) -> None:
    reset = requests.ConnectionError("reset by peer")
    canned.rule("GET", ".*", (0, reset), (200, shown(virtual.cluster)))
    read = Read(Question.GET, virtual.cluster)
    assert isinstance(scripted.read([read])[read], Found)


def test_a_connection_that_stays_broken_is_transient(
    virtual: Bench, canned: Canned, scripted: Azure
) -> None:
    canned.rule("GET", ".*", (0, requests.ConnectionError("reset by peer")))
    read = Read(Question.GET, virtual.cluster)
    answer = scripted.read([read])[read]
    assert isinstance(answer, Unreadable)
    assert (answer.code, answer.passes) == ("ConnectionFailed", True)
    assert len(canned.asked) == 2


def test_a_kind_that_nobody_declared_is_not_read(bench: Bench) -> None:
    odd = bench.subscription.extension("Microsoft.Quantum/workspaces", "q")
    answer = ask(bench, Question.GET, odd)
    assert isinstance(answer, Unreadable)
    assert answer.code == "UnsupportedType"


@pytest.mark.parametrize(
    "body",
    [
        pytest.param({}, id="empty"),
        pytest.param([], id="a-list"),
        pytest.param(None, id="nothing"),
        pytest.param({"error": {"code": "InternalServerError"}}, id="an-error"),
        pytest.param({"properties": {}}, id="without-an-id"),
        pytest.param(
            shown(ResourceId.parse(f"/subscriptions/{GUID}/resourceGroups/g")), id="other"
        ),
    ],
)
def test_a_success_that_does_not_show_the_resource_is_no_answer(
    virtual: Bench, canned: Canned, scripted: Azure, body: object
) -> None:
    """It was believed: everything in such a resource is open, gone or undeclared."""
    canned.rule("GET", ".*", (200, body))
    for resource in (virtual.cluster, virtual.endpoint, virtual.compute):
        read = Read(Question.GET, resource)
        assert isinstance(scripted.read([read])[read], Unreadable)


@pytest.mark.parametrize("value", [None, "text", {}, [None], [{"id": "x"}, 7]])
def test_a_list_of_what_are_no_objects_is_no_answer(
    virtual: Bench, canned: Canned, scripted: Azure, value: object
) -> None:
    canned.rule("GET", ".*", (200, {"value": value}))
    asked = (Question.LINK, Question.EXTENSIONS, Question.LOCKS, Question.PERMISSIONS)
    reads = [Read(question, virtual.cluster) for question in asked]
    reads += [Read(q, virtual.compute) for q in (Question.JOBS, Question.DEPLOYMENTS)]
    given = scripted.read(reads)
    assert [type(given[read]) for read in reads] == [Unreadable] * len(reads)


@pytest.mark.parametrize("page", [b"", b"<html>not here</html>", b"[]", b"404"])
def test_a_404_without_a_code_is_not_absence(virtual: Bench, page: bytes) -> None:
    """A proxy's own page; ARM says which kind of not found it is."""

    class Front(Canned):
        def answer(self, _request: object) -> tuple[int, dict[str, str], bytes]:
            return 404, {"Content-Type": "text/html"}, page

    reads = [Read(Question.GET, virtual.endpoint), Read(Question.LINK, virtual.cluster)]
    given = over_canned(Front()).read(reads)
    assert [type(given[read]) for read in reads] == [Unreadable] * len(reads)

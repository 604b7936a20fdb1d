from __future__ import annotations

from datetime import timedelta

import pytest

from shared.azure.gateway import Azure
from shared.model.progress import Done, Progress, Refused, Retry, Waiting
from shared.model.resource_id import ResourceId
from shared.model.step import AwaitState, Condition, DeleteResource, PutResource, Step
from simulator.faults import Fault, Mischief
from tests.azure.wires import NOON, Bench, Canned, shown

ARM = "https://management.azure.com"
SUBSCRIPTION = "/subscriptions/00000000-0000-0000-0000-000000000001"
ENDPOINT = ResourceId.parse(
    f"{SUBSCRIPTION}/resourceGroups/g/providers/Microsoft.Network/privateEndpoints/pe"
)
ROLE = ResourceId.parse(
    f"{SUBSCRIPTION}/providers/Microsoft.Authorization/roleAssignments/"
    "11111111-2222-3333-4444-555555555555"
)
PUT = PutResource(ENDPOINT, {"location": "x", "properties": {}})
OPERATION = (
    f"{ARM}{SUBSCRIPTION}/providers/Microsoft.Network/locations/x/operations/1?api-version=1"
)
ERROR = {"error": {"code": "ResourceNotFound", "message": "m"}}
FOREIGN = (
    "https://evil.example/operations/1",
    "http://management.azure.com/operations/1",
    "https://management.azure.com:8443/operations/1",
    "https://management.azure.com@evil.example/operations/1",
    "https://management.azure.com.evil.example/operations/1",
)


def token(kind: str, url: str = OPERATION) -> dict[str, str]:
    return {"url": url, "kind": kind, "since": NOON.isoformat()}


@pytest.mark.parametrize("url", FOREIGN)
@pytest.mark.parametrize("header", ["Azure-AsyncOperation", "Location"])
def test_a_poll_address_elsewhere_is_refused_when_it_is_given(
    canned: Canned, scripted: Azure, header: str, url: str
) -> None:
    canned.rule("PUT", ".*", (202, {}, {header: url}))
    progress = scripted.start(PUT)
    assert isinstance(progress, Refused)
    assert progress.why == "ForeignAddress"
    assert len(canned.asked) == 1


@pytest.mark.parametrize("url", FOREIGN)
@pytest.mark.parametrize("kind", ["operation", "location", "resource", "gone"])
def test_a_poll_address_elsewhere_is_refused_when_it_is_looked_at(
    canned: Canned, scripted: Azure, kind: str, url: str
) -> None:
    progress = scripted.look(PUT, token(kind, url))
    assert isinstance(progress, Refused)
    assert progress.why == "ForeignAddress"
    assert canned.asked == []


def test_a_redirect_is_not_followed(canned: Canned, scripted: Azure) -> None:
    canned.rule("GET", ".*", (307, None, {"Location": "https://evil.example/x"}))
    scripted.look(PUT, token("operation"))
    assert len(canned.asked) == 1


def test_where_to_look_is_what_azure_says_and_when(canned: Canned, scripted: Azure) -> None:
    headers = {"Azure-AsyncOperation": OPERATION, "Retry-After": "17"}
    canned.rule("PUT", ".*", (201, {"properties": {"provisioningState": "Updating"}}, headers))
    assert scripted.start(PUT) == Waiting(token("operation"), 17.0)


def test_without_an_address_the_resource_itself_is_looked_at(
    canned: Canned, scripted: Azure
) -> None:
    canned.rule("PUT", ".*", (200, {"properties": {"provisioningState": "Updating"}}))
    canned.rule(
        "GET",
        "privateEndpoints/pe",
        (200, shown(ENDPOINT, provisioningState="Updating")),
        (200, shown(ENDPOINT, provisioningState="Succeeded")),
    )
    started = scripted.start(PUT)
    assert started == Waiting(token("resource", ARM + ENDPOINT.text), 10.0)
    assert isinstance(scripted.look(PUT, started.token), Waiting)
    assert isinstance(scripted.look(PUT, started.token), Done)


def test_an_operation_goes_on_until_its_status_is_terminal(canned: Canned, scripted: Azure) -> None:
    canned.rule(
        "GET",
        "operations/1",
        (200, {"status": "InProgress"}, {"Retry-After": "3"}),
        (200, {"status": "Succeeded"}),
    )
    assert scripted.look(PUT, token("operation")) == Waiting(token("operation"), 3.0)
    assert scripted.look(PUT, token("operation")) == Done()


@pytest.mark.parametrize(
    ("code", "kind"),
    [
        ("RetryableError", Retry),
        ("AnotherOperationInProgress", Retry),
        ("StorageAccountOperationInProgress", Retry),
        ("InvalidPrivateLinkServiceId", Retry),
        ("SubnetIsFull", Refused),
        ("LinkedAuthorizationFailed", Refused),
    ],
)
@pytest.mark.parametrize("protocol", ["operation", "location"])
def test_a_failure_inside_http_200_is_judged_by_meaning(
    canned: Canned, scripted: Azure, code: str, kind: type, protocol: str
) -> None:
    body = {"status": "Failed", "error": {"code": code, "message": "m"}}
    canned.rule("GET", "operations/1", (200, body))
    progress = scripted.look(PUT, token(protocol))
    assert type(progress) is kind
    assert isinstance(progress, Retry | Refused)
    assert code in progress.message


def test_a_location_is_over_when_it_is_not_202(canned: Canned, scripted: Azure) -> None:
    canned.rule("GET", "operations/1", (202, None, {"Retry-After": "4"}), (204, None))
    assert scripted.look(PUT, token("location")) == Waiting(token("location"), 4.0)
    assert scripted.look(PUT, token("location")) == Done()


@pytest.mark.parametrize("kind", ["operation", "location"])
def test_a_lost_operation_of_a_deletion_is_done_only_if_the_resource_is_gone(
    canned: Canned, scripted: Azure, kind: str
) -> None:
    step = DeleteResource(ENDPOINT, "guid")
    there = shown(ENDPOINT, provisioningState="Succeeded")
    canned.rule("GET", "operations/1", (404, ERROR))
    canned.rule("GET", "privateEndpoints/pe", (200, there), (404, ERROR))
    assert isinstance(scripted.look(step, token(kind)), Retry)
    assert scripted.look(step, token(kind)) == Done()


def test_a_lost_operation_of_a_write_is_judged_by_the_resource(
    canned: Canned, scripted: Azure
) -> None:
    canned.rule("GET", "operations/1", (404, ERROR))
    canned.rule("GET", "privateEndpoints/pe", (200, shown(ENDPOINT, provisioningState="Failed")))
    progress = scripted.look(PUT, token("operation"))
    assert isinstance(progress, Refused)
    assert progress.why == "ProvisioningFailed"


@pytest.mark.parametrize("status", [429, 502, 503, 504])
def test_a_look_that_fails_is_looked_again_and_the_step_not_begun_again(
    canned: Canned, scripted: Azure, status: int
) -> None:
    canned.rule("GET", ".*", (status, None, {"Retry-After": "9"}))
    assert scripted.look(PUT, token("operation")) == Waiting(token("operation"), 9.0)
    assert scripted.look(AwaitState(ENDPOINT, Condition.GONE), token("state")) == Waiting(
        token("state"), 9.0
    )
    assert {request.method for request in canned.asked} == {"GET"}


@pytest.mark.parametrize("status", [429, 500, 502, 503, 504])
def test_a_write_is_sent_once(canned: Canned, scripted: Azure, status: int) -> None:
    """No client tries again by itself: what looked lost may have been carried out."""
    canned.rule("PUT", ".*", (status, {"error": {"code": "X", "message": "m"}}))
    progress = scripted.start(PUT)
    assert isinstance(progress, Retry if status != 500 else Refused)
    assert len(canned.asked) == 1


def test_a_provider_that_is_not_registered_is_not_registered_by_us(
    canned: Canned, scripted: Azure
) -> None:
    error = {"error": {"code": "MissingSubscriptionRegistration", "message": "register it"}}
    canned.rule("PUT", ".*", (409, error))
    progress = scripted.start(PUT)
    assert isinstance(progress, Refused)
    assert [request.method for request in canned.asked] == ["PUT"]


def test_a_role_that_stays_unknown_to_azure_is_tried_again(canned: Canned, scripted: Azure) -> None:
    canned.rule("PUT", ".*", (400, {"error": {"code": "PrincipalNotFound", "message": "m"}}))
    progress = scripted.start(PutResource(ROLE, {"properties": {"principalId": "p"}}))
    assert isinstance(progress, Retry)


def test_failures_of_the_simulated_azure_mean_the_same(virtual: Bench) -> None:
    """RetryableError inside a poll: the step is to be started again, and then it works."""
    body = {
        "location": "westeurope",
        "properties": {
            "subnet": {"id": virtual.places.subnet("spoke", "endpoints")},
            "privateLinkServiceConnections": [
                {
                    "name": "c",
                    "properties": {
                        "privateLinkServiceId": virtual.places.vault,
                        "groupIds": ["vault"],
                    },
                }
            ],
        },
    }
    extra = ResourceId.parse(virtual.endpoint.text + "-extra")
    step = PutResource(extra, body)
    virtual.cloud.add_fault(
        Fault(Mischief.FAIL_OPERATION, path="-extra", code="RetryableError", message="again")
    )
    progress = virtual.carry(step)
    assert isinstance(progress, Retry)
    virtual.tick(progress.after)
    assert isinstance(virtual.carry(step), Done)
    assert isinstance(virtual.carry(AwaitState(extra, Condition.APPROVED)), Done)


def _looks(azure: Azure, step: Step, bench: Bench, *, most: int = 40) -> tuple[Progress, float]:
    """What ``step`` comes to when it is begun and looked at, and how many seconds that took."""
    began = bench.cloud.context.clock.now()
    progress = azure.start(step)
    for _ in range(most):
        if not isinstance(progress, Waiting):
            break
        bench.tick(progress.after)
        bench.cloud.advance()
        progress = azure.look(step, progress.token)
    return progress, (bench.cloud.context.clock.now() - began).total_seconds()


@pytest.mark.parametrize("condition", [Condition.SUCCEEDED, Condition.APPROVED])
def test_a_wait_for_what_a_person_has_deleted_ends_within_a_minute(
    virtual: Bench, condition: Condition
) -> None:
    virtual.human("DELETE", virtual.endpoint)
    progress, took = _looks(virtual.azure, AwaitState(virtual.endpoint, condition), virtual)
    assert isinstance(progress, Refused)
    assert progress.why == "DeletedMeanwhile"
    assert 20 <= took <= 60


def test_what_was_written_and_then_deleted_is_not_waited_for(
    canned: Canned, scripted: Azure
) -> None:
    """The operation is not known any more, and the resource does not come."""
    canned.rule("GET", ".*", (404, ERROR))
    since = (NOON - timedelta(seconds=31)).isoformat()
    first = scripted.look(PUT, token("operation"))
    assert first == Waiting({**token("operation"), "missing": NOON.isoformat()}, 5.0)
    for kind in ("operation", "location", "resource"):
        progress = scripted.look(PUT, {**token(kind), "missing": since})
        assert isinstance(progress, Refused)
        assert progress.why == "DeletedMeanwhile"


def test_what_arm_does_not_know_yet_is_waited_for(virtual: Bench) -> None:
    """A read right after a write may miss it: it came back three times as not found here."""
    virtual.cloud.add_fault(Fault(Mischief.HIDE, path="privateEndpoints", reads=3))
    live = virtual.live(virtual.endpoint)["properties"]
    (connection,) = live["privateLinkServiceConnections"]
    target = {name: connection["properties"][name] for name in ("privateLinkServiceId", "groupIds")}
    body = {
        "location": "westeurope",
        "properties": {
            "subnet": {"id": live["subnet"]["id"]},
            "privateLinkServiceConnections": [{"name": connection["name"], "properties": target}],
        },
    }
    fresh = virtual.id(f"{virtual.endpoint.text}-2")
    assert isinstance(virtual.azure.start(PutResource(fresh, body)), Waiting)
    progress, _ = _looks(virtual.azure, AwaitState(fresh, Condition.APPROVED), virtual)
    assert isinstance(progress, Done)


def test_a_word_that_nobody_knows_is_neither_an_end_nor_a_failure(
    canned: Canned, scripted: Azure
) -> None:
    canned.rule("GET", ".*", (200, shown(ENDPOINT, provisioningState="Bewildered")))
    assert isinstance(scripted.look(PUT, token("resource")), Waiting)
    assert isinstance(scripted.start(AwaitState(ENDPOINT, Condition.SUCCEEDED)), Waiting)


@pytest.mark.parametrize(
    "answer",
    [
        pytest.param((500, {"error": {"code": "InternalServerError"}}), id="server-error"),
        pytest.param((200, {"error": {"code": "InternalServerError"}}), id="error-in-a-success"),
        pytest.param((200, {}), id="nothing"),
        pytest.param((404, None), id="a-front-s-404"),
    ],
)
def test_a_read_without_an_answer_ends_no_step(
    canned: Canned, scripted: Azure, answer: tuple[int, object]
) -> None:
    """The unit ended as Failed half way, its resource deleted and not made again."""
    canned.rule("GET", ".*", answer)
    assert isinstance(scripted.look(PUT, token("resource")), Waiting)
    if answer[0] != 200:
        assert isinstance(scripted.look(PUT, token("operation")), Waiting)
    assert isinstance(scripted.start(AwaitState(ENDPOINT, Condition.SUCCEEDED)), Retry)
    assert isinstance(scripted.start(DeleteResource(ENDPOINT, "guid")), Retry)
    assert {request.method for request in canned.asked} == {"GET"}

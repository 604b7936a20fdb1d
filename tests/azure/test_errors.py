from __future__ import annotations

import pytest
import requests
from azure.core.exceptions import ClientAuthenticationError, ServiceRequestError

from shared.azure.errors import (
    RemediationError,
    Terminal,
    Transient,
    cleaned,
    judge,
    operation_error,
    read_error,
    retry_after,
)
from shared.azure.gateway import Azure
from shared.model.actual import Question, Read, Unreadable
from shared.model.resource_id import ResourceId
from tests.azure.wires import Canned

GROUP = ResourceId.parse("/subscriptions/00000000-0000-0000-0000-000000000001/resourceGroups/g")
LOCKED = (
    "The scope '/s/pe' cannot perform delete operation because following scope(s) are locked:"
    " '/subscriptions/s/resourceGroups/g'. Please remove the lock and try again."
)
FORBIDDEN = (
    "The client 'c' with object id 'o' does not have authorization to perform action"
    " 'Microsoft.Network/privateEndpoints/write' over scope '/subscriptions/s/pe' or the scope is"
    " invalid. If access was recently granted, please refresh your credentials."
)
LINKED = (
    "The client 'c' has permission to perform action 'Microsoft.Network/privateEndpoints/write' on"
    " scope '/subscriptions/s/pe'; however, it does not have permission to perform action(s)"
    " 'Microsoft.Network/virtualNetworks/subnets/join/action' on the linked scope(s) '/subnet'"
    " (respectively) or the linked scope(s) are invalid."
)


@pytest.mark.parametrize(
    ("status", "code", "message"),
    [
        pytest.param(429, "TooManyRequests", "", id="throttled"),
        pytest.param(429, "RetryableErrorDueToAnotherOperation", "", id="network-busy"),
        pytest.param(503, "ServiceUnavailable", "", id="unavailable"),
        pytest.param(502, "BadGateway", "", id="bad-gateway"),
        pytest.param(504, "GatewayTimeout", "", id="gateway-timeout"),
        pytest.param(408, "RequestTimeout", "", id="timeout"),
        pytest.param(409, "AnotherOperationInProgress", "", id="another-operation"),
        pytest.param(409, "StorageAccountOperationInProgress", "", id="storage-busy"),
        pytest.param(409, "ConflictError", "", id="conflict"),
        pytest.param(409, "OperationNotAllowed", "An operation is in progress", id="aks-busy"),
        pytest.param(400, "PrincipalNotFound", "", id="principal-replicating"),
        pytest.param(412, "PreconditionFailed", "", id="changed-meanwhile"),
        pytest.param(401, "ExpiredAuthenticationToken", "", id="token-expired"),
    ],
)
def test_what_may_work_later_is_transient(status: int, code: str, message: str) -> None:
    error = judge(status, code, message)
    assert isinstance(error, Transient)
    assert error.retry_after >= 1


@pytest.mark.parametrize(
    ("status", "code", "message", "why", "blocked", "action", "scope"),
    [
        pytest.param(
            409,
            "ScopeLocked",
            LOCKED,
            "ScopeLocked",
            True,
            None,
            "/subscriptions/s/resourceGroups/g",
            id="locked",
        ),
        pytest.param(
            403,
            "AuthorizationFailed",
            FORBIDDEN,
            "MissingPermission",
            True,
            "Microsoft.Network/privateEndpoints/write",
            "/subscriptions/s/pe",
            id="forbidden",
        ),
        pytest.param(
            403,
            "LinkedAuthorizationFailed",
            LINKED,
            "MissingPermission",
            True,
            "Microsoft.Network/virtualNetworks/subnets/join/action",
            "/subnet",
            id="linked",
        ),
        pytest.param(
            403, "RequestDisallowedByPolicy", "no", "PolicyDenied", True, None, None, id="policy"
        ),
        pytest.param(404, "ResourceNotFound", "", "NotFound", False, None, None, id="missing"),
        pytest.param(
            401,
            "AuthenticationFailed",
            "",
            "Unauthenticated",
            True,
            None,
            None,
            id="unauthenticated",
        ),
        pytest.param(400, "InvalidValue", "", "InvalidValue", False, None, None, id="bad-request"),
        pytest.param(
            409, "Conflict", "taken", "Conflict", False, None, None, id="settled-conflict"
        ),
        pytest.param(
            409,
            "OperationNotAllowed",
            "stopped",
            "OperationNotAllowed",
            False,
            None,
            None,
            id="aks",
        ),
        pytest.param(
            400,
            "InvalidPrivateLinkServiceId",
            "",
            "InvalidPrivateLinkServiceId",
            False,
            None,
            None,
            id="wrong-target",
        ),
        pytest.param(
            500, "InternalServerError", "", "InternalServerError", False, None, None, id="500"
        ),
    ],
)
def test_what_will_not_work_is_terminal(
    *,
    status: int,
    code: str,
    message: str,
    why: str,
    blocked: bool,
    action: str | None,
    scope: str | None,
) -> None:
    error = judge(status, code, message)
    assert isinstance(error, Terminal)
    assert (error.why, error.blocked, error.action, error.scope) == (why, blocked, action, scope)


def test_only_throttling_holds_the_subscription() -> None:
    busy = judge(429, "RetryableErrorDueToAnotherOperation", "")
    full = judge(429, "SubscriptionRequestsThrottled", "")
    assert isinstance(busy, Transient)
    assert isinstance(full, Transient)
    assert (busy.throttled, full.throttled) == (False, True)


@pytest.mark.parametrize(
    ("headers", "seconds"),
    [
        ({"retry-after": "17"}, 17),
        ({"retry-after": "0"}, 1),
        ({"retry-after-ms": "2500"}, 2.5),
        ({}, 10),
        ({"retry-after": "Sun, 01 Nov 2026 12:00:00 GMT"}, 10),
    ],
)
def test_waiting_is_what_azure_asks_and_ten_seconds_otherwise(
    headers: dict[str, str], seconds: float
) -> None:
    assert retry_after(headers) == seconds


@pytest.mark.parametrize(
    ("error", "kind", "name"),
    [
        pytest.param(
            {"code": "RetryableError", "message": "m"}, Transient, "RetryableError", id="busy"
        ),
        pytest.param(
            {"code": "InvalidPrivateLinkServiceId"},
            Transient,
            "InvalidPrivateLinkServiceId",
            id="parallel-endpoints",
        ),
        pytest.param(
            {"code": "Failed", "details": [{"code": "AnotherOperationInProgress"}]},
            Transient,
            "AnotherOperationInProgress",
            id="busy-in-details",
        ),
        pytest.param({"code": "QuotaExceeded"}, Terminal, "QuotaExceeded", id="quota"),
        pytest.param(None, Terminal, "OperationFailed", id="no-reason"),
    ],
)
def test_a_failed_operation_is_judged_by_its_code(
    error: dict[str, object] | None, kind: type[RemediationError], name: str
) -> None:
    found = operation_error(error, "Failed")
    assert type(found) is kind
    assert found.code == name


@pytest.mark.parametrize(
    "secret",
    [
        "Bearer abc.def.ghi",
        "eyJhbGciOiJIUzI1NiJ9.eyJvaWQiOiJhIn0.c2lnbmF0dXJl",
        "AccountKey=Zm9vYmFyZm9vYmFyZm9vYmFy",
        "SharedAccessKey=Zm9vYmFyZm9v",
        "https://x.blob.core.windows.net/c?sv=1&sig=abc%3D",
        '"clientSecret": "hunter2hunter2"',
        "A" * 86 + "==",
    ],
)
def test_no_secret_is_repeated(secret: str) -> None:
    text = cleaned(f"Azure said: {secret} and more")
    assert "[removed]" in text
    assert "and more" in text
    for word in ("abc.def", "c2ln", "Zm9v", "abc%3D", "hunter2", "AAAA"):
        assert word not in text


def test_ordinary_words_survive_and_long_ones_are_cut() -> None:
    assert cleaned(FORBIDDEN) == FORBIDDEN
    assert len(cleaned("word " * 1000)) < 700


def test_no_answer_is_transient_and_no_identity_is_not() -> None:
    assert isinstance(read_error(ServiceRequestError("dns")), Transient)
    assert isinstance(read_error(requests.ConnectionError("reset")), Transient)
    refused = read_error(ClientAuthenticationError("no managed identity"))
    assert isinstance(refused, Terminal)
    assert refused.blocked


def test_an_error_of_ours_stays_as_it_is() -> None:
    error = Terminal("ForeignAddress", "x")
    assert read_error(error) is error


def test_the_request_id_and_the_original_error_are_kept(canned: Canned, scripted: Azure) -> None:
    body = {"error": {"code": "AuthorizationFailed", "message": FORBIDDEN}}
    canned.rule("GET", ".*", (403, body, {"x-ms-request-id": "r-17"}))
    read = Read(Question.GET, GROUP)
    answer = scripted.read([read])[read]
    assert isinstance(answer, Unreadable)
    assert answer.action == "Microsoft.Network/privateEndpoints/write"
    assert "r-17" in answer.message


@pytest.mark.parametrize("body", [None, "", [], "<html>no</html>", {"error": "x"}, {"code": "Odd"}])
def test_an_answer_in_no_known_shape_is_still_an_error(
    canned: Canned, scripted: Azure, body: object
) -> None:
    canned.rule("GET", ".*", (400, body))
    read = Read(Question.GET, GROUP)
    assert isinstance(scripted.read([read])[read], Unreadable)

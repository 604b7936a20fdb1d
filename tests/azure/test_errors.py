from __future__ import annotations

import json

import pytest
import requests
from azure.core.exceptions import (
    ClientAuthenticationError,
    HttpResponseError,
    ServiceRequestError,
)
from hypothesis import given
from hypothesis import strategies as st

from shared.azure.errors import (
    DEFAULT_RETRY_AFTER,
    LONGEST_WAIT,
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
from shared.model.progress import Waiting
from shared.model.resource_id import ResourceId
from shared.model.step import PutResource
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


@pytest.mark.parametrize(
    ("headers", "seconds"),
    [
        pytest.param({"retry-after": "nan"}, DEFAULT_RETRY_AFTER, id="nan"),
        pytest.param({"retry-after": "inf"}, LONGEST_WAIT, id="inf"),
        pytest.param({"retry-after": "-inf"}, DEFAULT_RETRY_AFTER, id="minus-inf"),
        pytest.param({"retry-after": "1e400"}, LONGEST_WAIT, id="overflow"),
        pytest.param({"retry-after": "31536000"}, LONGEST_WAIT, id="a-year"),
        pytest.param({"retry-after": "-5"}, 1.0, id="negative"),
        pytest.param({"retry-after": "soon"}, DEFAULT_RETRY_AFTER, id="a-word"),
        pytest.param({"retry-after-ms": "nan", "retry-after": "7"}, DEFAULT_RETRY_AFTER, id="ms"),
        pytest.param(
            {
                "retry-after": "Mon, 02 Nov 2026 09:00:42 GMT",
                "date": "Mon, 02 Nov 2026 09:00:00 GMT",
            },
            42.0,
            id="a-date",
        ),
        pytest.param(
            {
                "retry-after": "Mon, 02 Nov 2026 08:00:00 GMT",
                "date": "Mon, 02 Nov 2026 09:00:00 GMT",
            },
            1.0,
            id="a-date-that-is-over",
        ),
        pytest.param(
            {
                "retry-after": "Fri, 31 Dec 9999 23:59:59 GMT",
                "date": "Mon, 02 Nov 2026 09:00:00 GMT",
            },
            LONGEST_WAIT,
            id="the-end-of-time",
        ),
        pytest.param(
            {"retry-after": "Mon, 02 Nov 2026 08:00:00 GMT", "date": "Mon, 02 Nov 2026 09:00:00"},
            DEFAULT_RETRY_AFTER,
            id="dates-of-two-kinds",
        ),
    ],
)
def test_what_azure_asks_for_is_bounded(headers: dict[str, str], seconds: float) -> None:
    assert retry_after(headers) == seconds


def test_a_date_counts_from_our_clock_where_the_answer_has_none(
    canned: Canned, scripted: Azure
) -> None:
    """``NOON`` is the first of November 2026."""
    when = {"Retry-After": "Sun, 01 Nov 2026 12:00:42 GMT"}
    canned.rule("GET", ".*", (429, {"error": {"code": "TooManyRequests"}}, when))
    progress = scripted.look(
        PutResource(GROUP.extension("Microsoft.Network/x", "y"), {}),
        {"url": "https://management.azure.com/x", "kind": "operation"},
    )
    assert isinstance(progress, Waiting)
    assert progress.after == 42


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=8),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(
            st.sampled_from(("error", "code", "message", "details", "value", "x")), inner
        )
    ),
    max_leaves=12,
)


@given(
    status=st.integers(100, 599),
    body=JSON | st.binary(max_size=20),
    headers=st.dictionaries(
        st.sampled_from(("Retry-After", "retry-after-ms", "Date", "x-ms-request-id")),
        st.text(max_size=30) | st.floats().map(str) | st.integers().map(str),
    ),
)
def test_an_error_of_any_shape_has_a_meaning(
    status: int, body: object, headers: dict[str, str]
) -> None:
    raw = body if isinstance(body, bytes) else json.dumps(body).encode()
    response = Answered(status, headers, raw.decode("utf-8", "replace"))
    error = read_error(HttpResponseError("m", response=response))  # type: ignore[arg-type]
    assert isinstance(error, Transient | Terminal)
    assert isinstance(error.code, str)
    if isinstance(error, Transient):
        assert 1 <= error.retry_after <= LONGEST_WAIT
    assert isinstance(operation_error(body, "Failed"), Transient | Terminal)


@given(st.floats())
def test_whatever_is_asked_for_can_be_waited(seconds: float) -> None:
    assert 1 <= Transient("c", "m", retry_after=seconds).retry_after <= LONGEST_WAIT


def test_a_cause_in_details_that_are_no_list_is_found() -> None:
    """One object where a list belongs, as a front may send it."""
    error = operation_error(
        {"code": "X", "message": "m", "details": {"code": "RetryableError", "message": "n"}},
        "Failed",
    )
    assert isinstance(error, Transient)


class Answered:
    """An SDK's response, as far as an error is read from it."""

    reason = ""

    def __init__(self, status: int, headers: dict[str, str], body: str) -> None:
        self.status_code, self.headers, self._body = status, headers, body

    def text(self) -> str:
        return self._body

"""Who may decide: in Azure an Entra identity, at home the holder of the key."""

from __future__ import annotations

import base64
import json
from pathlib import Path

import pytest

from shared.triggers.callers import caller, in_azure
from tests.triggers.client import is_problem, request
from tests.triggers.test_http import LOCAL, call, waiting

AZURE = {"WEBSITE_SKU": "FlexConsumption", "WEBSITE_AUTH_ENABLED": "True"}

PRINCIPAL = {
    "claims": [
        {"typ": "preferred_username", "val": "ann@example.test"},
        {"typ": "http://schemas.microsoft.com/identity/claims/objectidentifier", "val": "oid-1"},
    ]
}


def header(principal: object = PRINCIPAL) -> dict[str, str]:
    return {"x-ms-client-principal": base64.b64encode(json.dumps(principal).encode()).decode()}


DECIDING = [("approve_run", "id"), ("reject_run", "id"), ("pause_environment", "name")]


@pytest.mark.parametrize(("route", "param"), [*DECIDING, ("resume_environment", "name")])
@pytest.mark.parametrize(
    ("environ", "headers"),
    [
        (AZURE, {}),
        (AZURE, {"x-ms-client-principal": "no base64!"}),
        (AZURE, header({"claims": []})),
        (AZURE, header([])),
        ({"WEBSITE_SKU": "FlexConsumption"}, header()),
        ({}, header()),
    ],
    ids=["nobody", "garbage", "no-claims", "no-object", "no-authentication", "unknown-host"],
)
async def test_in_azure_nobody_decides_without_an_identity(
    tmp_path: Path, route: str, param: str, environ: dict[str, str], headers: dict[str, str]
) -> None:
    here = waiting(tmp_path)
    asked = request(None, headers, **{param: {"id": "run-1", "name": "prod"}[param]})
    is_problem(await call(here, route, asked, environ=environ), 403)
    approval = here.records.approval("prod")
    assert approval is not None
    assert approval.state == "waiting"
    assert here.records.paused("prod") is None


async def test_in_azure_the_record_names_who_decided(tmp_path: Path) -> None:
    here = waiting(tmp_path)
    await call(here, "approve_run", request(None, header(), id="run-1"), environ=AZURE)
    approval = here.records.approval("prod")
    assert approval is not None
    assert approval.by == "ann@example.test (oid-1)"


@pytest.mark.parametrize(
    ("environ", "expected"),
    [
        ({"WEBSITE_INSTANCE_ID": "x"}, True),
        ({"WEBSITE_SKU": "FlexConsumption", "CONTAINER_NAME": "c"}, True),
        ({}, True),
        (LOCAL, False),
        ({**LOCAL, "WEBSITE_HOSTNAME": "localhost:7071"}, False),
        ({**LOCAL, "WEBSITE_SITE_NAME": "relink"}, True),
    ],
    ids=["app-service", "flex", "unknown", "host", "core-tools", "azure-that-says-development"],
)
def test_azure_is_told_from_a_host_at_home(environ: dict[str, str], expected: bool) -> None:  # noqa: FBT001 - parametrised
    assert in_azure(environ) is expected


def test_at_home_a_header_claims_no_name() -> None:
    assert caller(request(None, header()), LOCAL) == "the holder of the host key"

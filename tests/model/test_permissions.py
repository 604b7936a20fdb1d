from __future__ import annotations

import pytest

from shared.model.permissions import effective

DELETE = "Microsoft.Network/privateEndpoints/delete"


def _entry(actions: list[str], not_actions: list[str] | None = None) -> dict[str, list[str]]:
    return {"actions": actions, "notActions": not_actions or []}


@pytest.mark.parametrize(
    ("entries", "allowed"),
    [
        pytest.param([], False, id="nothing"),
        pytest.param([_entry(["*"])], True, id="everything"),
        pytest.param([_entry([DELETE])], True, id="exact"),
        pytest.param([_entry([DELETE.upper()])], True, id="other-case"),
        pytest.param([_entry(["Microsoft.Network/*"])], True, id="provider-wildcard"),
        pytest.param([_entry(["*/delete"])], True, id="leading-wildcard"),
        pytest.param([_entry(["Microsoft.Network/*/delete"])], True, id="middle-wildcard"),
        pytest.param([_entry(["*/read"])], False, id="other-verb"),
        pytest.param([_entry(["Microsoft.Network/privateEndpoints"])], False, id="prefix-only"),
        pytest.param(
            [_entry(["Microsoft_Network/privateEndpoints/delete"])], False, id="dot-is-dot"
        ),
        pytest.param([_entry(["*"], ["*/delete"])], False, id="taken-away"),
        pytest.param([_entry(["*"], ["*/delete"]), _entry([DELETE])], True, id="granted-again"),
    ],
)
def test_an_action_is_allowed_as_azure_reckons_it(
    entries: list[dict[str, list[str]]], *, allowed: bool
) -> None:
    assert effective({"value": entries}, DELETE) is allowed


def test_a_body_without_entries_allows_nothing() -> None:
    assert not effective({}, DELETE)

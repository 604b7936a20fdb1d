from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from shared.model.states import Phase, at_work, phase, phase_of

KNOWN = {
    Phase.GOOD: ("", "Succeeded", "succeeded", "Completed"),
    Phase.BAD: ("Failed", "Canceled", "Cancelled", "FAILED", "Stopped"),
    Phase.UNDER_WAY: (
        "Accepted", "Creating", "Updating", "Scaling", "Starting", "Stopping", "NotStarted",
        "RegisteringDns", "ResolvingDns", "ResolvingDNS", "InProgress", "Upgrading", "Provisioning",
    ),
    Phase.LEAVING: ("Deleting", "Detaching", "Deprovisioning"),
    Phase.UNKNOWN: ("Unknown", "Bewildered", "None", "0"),
}  # fmt: skip


@pytest.mark.parametrize(
    ("word", "meaning"), [(word, meaning) for meaning, words in KNOWN.items() for word in words]
)
def test_a_word_means_one_thing(word: str, meaning: Phase) -> None:
    assert phase(word) is meaning
    assert phase_of({"properties": {"provisioningState": word}}) is meaning


def test_what_shows_no_state_has_ended_well() -> None:
    assert phase_of({}) is phase_of({"properties": {"provisioningState": None}}) is Phase.GOOD


@given(st.text())
def test_whatever_azure_says_is_one_of_five_things(word: str) -> None:
    found = phase(word)
    assert found in Phase
    assert at_work(found) == (found in {Phase.UNDER_WAY, Phase.LEAVING})

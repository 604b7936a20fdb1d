"""Owns how tests read a run's record: what became of which finding."""

from __future__ import annotations

from typing import Any

type Record = dict[str, Any]


def told(record: Record) -> dict[str, tuple[str, str]]:
    """``"Reason name"`` → (outcome, why) of each finding."""
    found = {}
    for outcome in record["outcomes"]:
        finding = outcome["finding"]
        name = finding["resource"].rsplit("/", 1)[1]
        found[f"{finding['reason']} {name}"] = (outcome["kind"], outcome["why"])
    return found


def kinds(record: Record) -> set[str]:
    """Every outcome there is."""
    return {outcome["kind"] for outcome in record["outcomes"]}


def whys(record: Record) -> set[str]:
    """Every reason of an outcome that is not a success."""
    return {outcome["why"] for outcome in record["outcomes"] if outcome["why"]}


def messages(record: Record) -> str:
    """All messages for a person, in one text."""
    return "\n".join(outcome["message"] for outcome in record["outcomes"])

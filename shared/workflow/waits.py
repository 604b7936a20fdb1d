"""Owns since when findings are deferred, from one run to the next, so that looks become rarer."""

from __future__ import annotations

import logging
from collections.abc import Sequence
from datetime import datetime
from typing import Final

from shared.model.arm import moment
from shared.model.outcome import Outcome, OutcomeKind
from shared.model.trigger import Trigger
from shared.outcomes import wait_key
from shared.records import StoreError
from shared.workflow.papers import Assessment
from shared.workflow.services import Services

_WAITS: Final = "waits"
_LOG: Final = logging.getLogger("relink.workflow")


def deferred_since(
    services: Services, trigger: Trigger, last: Assessment, found: Sequence[Outcome]
) -> dict[str, datetime]:
    """Since when each deferred finding has been deferred; what this run did not judge stays."""
    name, now = trigger.environment, services.clock()
    try:
        known: dict[str, str] = services.records.paper(_WAITS, name, dict[str, str]) or {}
    except StoreError as error:
        _LOG.warning("since when %s waits is not known: %s", name, error)
        known = {}
    before = {key: moment(at) for key, at in known.items()}
    judged = {outcome.finding.key for outcome in found}
    whole = trigger.resources is None and len(last.active) == len(services.catalogue)
    since = {
        key: at
        for key, at in before.items()
        if at is not None and not whole and key.partition(" ")[0] not in judged
    }
    for outcome in found:
        if outcome.kind is OutcomeKind.DEFERRED:
            since[wait_key(outcome)] = min(before.get(wait_key(outcome)) or now, now)
    if since != before:
        paper = {key: at.isoformat() for key, at in since.items()}
        try:
            services.records.put_paper(_WAITS, name, paper)
        except StoreError as error:
            _LOG.warning("since when %s waits was not kept: %s", name, error)
    return since

"""Owns entering in the records what a run found and came to, and what others are to hear of it.

Nobody is told here: messages wait in the environment's ledger, which is their outbox, until
``shared.workflow.outbox`` has delivered them. So no webhook and no topic can hold a run.
"""

from __future__ import annotations

import logging
from collections.abc import Callable
from dataclasses import replace

from shared.ledger import Drift, Entry, Ledger, ended, found
from shared.model.finding import Disposition
from shared.model.json import JsonObject
from shared.model.trigger import Trigger
from shared.records import StoreError
from shared.workflow.papers import Assessment
from shared.workflow.services import Services

_LOG = logging.getLogger("relink.workflow")
_PAPER = "ledger"


def ledger_of(services: Services, environment: str) -> Ledger:
    """What is known to differ in an environment, and what is still to be delivered of it."""
    kept: Ledger | None = services.records.paper(_PAPER, environment, Ledger)
    return kept or Ledger()


def announce_found(services: Services, trigger: Trigger, look: Assessment) -> Ledger | None:
    """Enter what a look found, before anything is done about it; None where it found nothing.

    A ledger that is away keeps nothing from being repaired: the end of the run enters it as well.
    """
    if trigger.dry_run:
        return None
    entries = [
        Entry(
            trigger.environment,
            trigger.id,
            look.at.isoformat(),
            finding.key,
            Drift(finding.reason, str(finding.resource), finding.remediator),
        )
        for finding in look.findings
        if finding.disposition is not Disposition.NOT_NEEDED
    ]
    if not entries:
        return None
    try:
        return enter(services, trigger.environment, lambda ledger: found(ledger, entries))
    except StoreError as error:
        _LOG.warning("what run %s found is entered at its end: %s", trigger.id, error)
        return None


def announce_ended(services: Services, record: JsonObject) -> Ledger | None:
    """Enter what a run came to; the ledger afterwards, None for a dry run."""
    if record["trigger"]["dry_run"]:
        return None
    news = False

    def change(ledger: Ledger) -> Ledger:
        nonlocal news
        after = ended(ledger, record)
        news = len(after.notices) > len(ledger.notices)
        return after

    ledger = enter(services, record["environment"], change)
    if news:
        _LOG.warning("needs a person: %s %s", record["environment"], record["outcome"])
    return ledger


def enter(services: Services, environment: str, change: Callable[[Ledger], Ledger]) -> Ledger:
    """Replace a ledger by ``change`` of it, whoever else writes at the same time; what it is then."""
    before = after = Ledger()

    def decide(kept: Ledger | None) -> Ledger | None:
        nonlocal before, after
        before = kept or Ledger()
        after = change(before)
        if services.publish is None:
            after = replace(after, owed=())
        if services.notify is None:
            after = replace(after, notices=())
        return after if after != before else None

    services.records.change_paper(_PAPER, environment, Ledger, decide)
    if after.dropped > before.dropped:
        lost = after.dropped - before.dropped
        _LOG.error("%d messages about %s are dropped: nobody took them", lost, environment)
    return after

"""Owns the ledger of an environment: keeping it, and handing its events to a topic until they are taken.

An event is kept before it is sent and let go of after, so it is delivered at least once whatever
dies in between; its id tells a second delivery. A topic that is away stops no run: what it did not
take goes out with the next one.
"""

from __future__ import annotations

import logging
from dataclasses import replace

from pydantic import ValidationError

from shared.ledger import Drift, Entry, Ledger, delivered, ended, found
from shared.model.codec import dump, load
from shared.model.finding import Disposition
from shared.model.json import JsonObject
from shared.model.trigger import Trigger
from shared.records import StoreError
from shared.workflow.papers import Assessment
from shared.workflow.services import NotToldError, Services

_LOG = logging.getLogger("relink.workflow")
_PAPER = "ledger"


def ledger_of(services: Services, environment: str) -> Ledger:
    """What is known to differ in an environment."""
    kept = services.records.paper(_PAPER, environment)
    try:
        return load(Ledger, kept) if kept is not None else Ledger()
    except ValidationError:
        _LOG.exception("the ledger of %s cannot be read and is begun anew", environment)
        return Ledger()


def announce_found(services: Services, trigger: Trigger, look: Assessment) -> None:
    """Enter what a look found and tell of it, before anything is done about it. Never raises for a topic."""
    if trigger.dry_run:
        return
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
        return
    before = ledger_of(services, trigger.environment)
    _enter(services, trigger.environment, before, found(before, entries))


def announce_ended(services: Services, record: JsonObject) -> Ledger | None:
    """Enter what a run came to and tell of it; the ledger afterwards, None for a dry run."""
    if record["trigger"]["dry_run"]:
        return None
    before = ledger_of(services, record["environment"])
    return _enter(services, record["environment"], before, ended(before, record), again=True)


def _enter(
    services: Services, environment: str, before: Ledger, after: Ledger, *, again: bool = False
) -> Ledger:
    """Keep the ledger, then send; what is owed from earlier runs goes along where ``again``."""
    if services.publish is None:
        after = replace(after, owed=())
    if after != before:
        services.records.put_paper(_PAPER, environment, dump(after))
    if services.publish is None or not after.owed or not (again or after != before):
        return after
    try:
        services.publish(after.owed)
    except NotToldError as error:
        _LOG.error("%s; %d events go out with the next run", error, len(after.owed))
        return after
    except Exception:  # noqa: BLE001 - what is told must not undo what was done
        _LOG.exception(
            "%d events could not be sent; they go out with the next run", len(after.owed)
        )
        return after
    after = delivered(after, after.owed)
    try:
        services.records.put_paper(_PAPER, environment, dump(after))
    except StoreError as error:
        _LOG.warning("the events of %s may be sent again: %s", environment, error)
    return after

"""Owns what every way in does with an event: debts written down, wishes made, echoes left alone.

Called by the Event Grid trigger, the queue trigger and the replay of dead letters alike. A bad
event is counted and never stops another.
"""

from __future__ import annotations

import logging
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

from shared.events import (
    Ignored,
    Index,
    MalformedEventError,
    ResourceChanged,
    echo,
    read_event,
    restarts,
    watched_by,
)
from shared.guards import mode_of
from shared.manifests import Manifests
from shared.model.environment import Environment, Mode
from shared.model.json import clean
from shared.model.trigger import Cause, Notice, Trigger
from shared.records import StoreError
from shared.triggers.ids import event_id
from shared.workflow.services import Services

_LOG = logging.getLogger("relink.events")


@dataclass(slots=True)
class Intake:
    """One process's way in for events; keeps the index of the manifests in force."""

    services: Services
    _indexed: tuple[str, Index] | None = field(default=None, repr=False)
    _watched: frozenset[str] = field(init=False, repr=False)

    def __post_init__(self) -> None:
        self._watched = watched_by(self._watches())

    def take(self, raw: Mapping[str, Any]) -> tuple[Trigger, ...]:
        """The wishes that an event leads to. Debts are stored before this returns.

        What is wrong with an event is counted, whatever it is, and no reason to have it delivered
        again.

        Raises:
            StoreError: debts could not be stored, or the manifests not be read: the event has to
                come again.
        """
        try:
            return self._taken(raw)
        except StoreError:
            raise
        except MalformedEventError as error:
            self._reject(str(error), raw)
        except Exception as error:  # noqa: BLE001 - counted, and delivered again it would be the same
            _LOG.exception("an event could not be taken in")
            self._reject(f"event: {type(error).__name__}", raw)
        return ()

    def _taken(self, raw: Mapping[str, Any]) -> tuple[Trigger, ...]:
        change = read_event(raw, lambda operation: operation.lower() in self._watched)
        if isinstance(change, Ignored):
            _LOG.info("event ignored: %s", clean(change.reason))
            return ()
        change = change.believed(self.services.clock())
        manifests = self.services.manifests.current()
        names = self._index(manifests).concerned(change)
        if names and change.at is None:
            self._reject("eventTime: not a time to believe; what it names is looked at", raw)
        return tuple(self._wishes(change, manifests, names))

    def _reject(self, reason: str, raw: object) -> None:
        self.services.records.note_rejected_event(reason, raw)
        _LOG.warning("an event could not be read as it is and was counted: %s", reason)

    def _wishes(
        self, change: ResourceChanged, manifests: Manifests, names: tuple[str, ...]
    ) -> Iterator[Trigger]:
        for name in names:
            environment = manifests.environments[name].environment
            if environment.tenant and change.tenant not in {"", environment.tenant}:
                self._refuse(change, name)
                continue
            owed = restarts(change, environment)
            if owed:
                self.services.records.add_debts(name, owed)
            if self._wanted(change, environment):
                yield self._wish(change, name)

    def _refuse(self, change: ResourceChanged, name: str) -> None:
        """An event of another tenant is none of ours, whatever it names: counted, no debt, no run."""
        sample = {"id": change.event_id, "resource": str(change.resource), "tenant": change.tenant}
        self.services.records.note_rejected_event("data.tenantId: another tenant", sample)
        _LOG.warning("event %s is of another tenant than %s", change.event_id, name)

    def _wanted(self, change: ResourceChanged, environment: Environment) -> bool:
        settings = self.services.settings
        if echo(change, settings.principal_id, environment):
            _LOG.info("event %s is our own write in %s", change.event_id, environment.name)
            return False
        modes = [mode_of(r.name, environment, settings.mode) for r in self.services.catalogue]
        return any(mode is not Mode.OFF for mode in modes)

    def _wish(self, change: ResourceChanged, name: str) -> Trigger:
        """A look at what the event names; at everything, logs too, when it does not say when."""
        now = self.services.clock()
        operation = change.operation.lower()
        urgent = any(
            remediator.urgent and operation in (watch.lower() for watch in remediator.watches)
            for remediator in self.services.catalogue
        )
        notice = Notice(
            change.event_id, change.operation, change.resource, change.at or now, change.caller
        )
        return Trigger(
            id=event_id(name, change.event_id),
            environment=name,
            cause=Cause.EVENT,
            at=now,
            resources=(change.resource,) if change.at else None,
            notices=(notice,),
            urgent=urgent,
        )

    def _watches(self) -> list[str]:
        return [w for remediator in self.services.catalogue for w in remediator.watches]

    def _index(self, manifests: Manifests) -> Index:
        if self._indexed is None or self._indexed[0] != manifests.version:
            environments = [each.environment for each in manifests.environments.values()]
            self._indexed = (manifests.version, Index(environments, self._watches()))
        return self._indexed[1]

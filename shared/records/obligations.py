"""Owns what is still owed: debts, intents and the links that were last verified."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace

from shared.model.actual import Link, Memory
from shared.model.debt import Debt
from shared.model.intent import Intent
from shared.model.resource_id import ResourceId
from shared.records.documents import segment
from shared.records.shelf import Shelf


class Obligations(Shelf):
    """Debts, intents and links of environments."""

    __slots__ = ()

    def add_debts(self, environment: str, debts: Iterable[Debt]) -> tuple[Debt, ...]:
        """Store the debts that are not owed yet and return them."""
        return tuple(debt for debt in debts if self._add_debt(environment, debt))

    def debts(self, environment: str) -> tuple[Debt, ...]:
        """The open debts."""
        prefix = self.prefix(environment, "debts")
        return tuple(
            self.documents.all(Debt, prefix, lambda debt: self._debt_key(environment, debt.id))
        )

    def update_debt(self, environment: str, debt: Debt) -> bool:
        """Store what was learnt of an open debt; False when it was closed in the meantime."""
        key = self._debt_key(environment, debt.id)
        changed = self.documents.change(Debt, key, lambda current: debt if current else None)
        return changed is not None

    def close_debt(self, environment: str, debt_id: str) -> None:
        """The debt was paid, or was none; closing twice does nothing."""
        self.documents.drop(self._debt_key(environment, debt_id))

    def store_intent(self, environment: str, intent: Intent) -> Intent:
        """Write down what is about to be destroyed; returns the intent that stands.

        The first open intent of a resource is kept when the given one is of another incarnation
        (what was to be made again has not been verified yet) or when the incarnation is unknown.
        """
        wanted = intent if intent.stored_at else replace(intent, stored_at=self.clock())

        def decide(current: Intent | None) -> Intent:
            if current is None:
                return wanted
            known = bool(intent.incarnation) and current.incarnation == intent.incarnation
            return wanted if known else current

        key = self.resource_key(environment, "intents", intent.resource)
        return self.documents.change(Intent, key, decide) or wanted

    def intents(self, environment: str) -> tuple[Intent, ...]:
        """The open intents."""
        return tuple(
            self.documents.all(
                Intent,
                self.prefix(environment, "intents"),
                lambda intent: self.resource_key(environment, "intents", intent.resource),
            )
        )

    def remove_intent(self, environment: str, resource: ResourceId) -> None:
        """What was destroyed has been made again and verified."""
        self.documents.drop(self.resource_key(environment, "intents", resource))

    def store_link(self, environment: str, link: Link) -> None:
        """Remember a verified link of an endpoint."""
        self.documents.put(self.resource_key(environment, "links", link.endpoint), link)

    def links(self, environment: str) -> tuple[Link, ...]:
        """The links that were last verified."""
        return tuple(
            self.documents.all(
                Link,
                self.prefix(environment, "links"),
                lambda link: self.resource_key(environment, "links", link.endpoint),
            )
        )

    def memory(self, environment: str) -> Memory:
        """Everything that an assessment takes from earlier runs."""
        return Memory(self.debts(environment), self.intents(environment), self.links(environment))

    def _debt_key(self, environment: str, debt_id: str) -> str:
        return self.key(environment, "debts", segment(debt_id))

    def _add_debt(self, environment: str, debt: Debt) -> bool:
        key = self._debt_key(environment, debt.id)
        if self.documents.add(key, debt):
            return True
        # A document that cannot be read must not hide a debt for ever.
        unreadable = self.documents.change(Debt, key, lambda current: None if current else debt)
        return unreadable is not None

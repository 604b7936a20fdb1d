"""Owns approvals: one question at a time to a person about an environment's plan.

StoreError
└── ApprovalError
    ├── ApprovalUnknownError   no plan of this run waits
    ├── ApprovalExpiredError   it waited until a time that is over
    └── ApprovalDecidedError   somebody decided already
"""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime

from shared.records.shelf import Shelf
from shared.records.store import StoreError
from shared.records.values import Approval, ApprovalState


class ApprovalError(StoreError):
    """The decision was not taken; the message says why."""


class ApprovalUnknownError(ApprovalError):
    """No plan of this run waits for a decision."""


class ApprovalExpiredError(ApprovalError):
    """The plan waited until a time that is over."""


class ApprovalDecidedError(ApprovalError):
    """Somebody decided already."""


class Approvals(Shelf):
    """The approval of each environment."""

    __slots__ = ()

    def ask_approval(self, environment: str, plan_hash: str, run: str, until: datetime) -> Approval:
        """Ask about a plan and return what stands.

        A question about the same plan that has not expired stays as it is, decided or not, so that
        a sweep neither changes the run that a person was told of nor asks again what was refused.
        """
        wanted = Approval(plan_hash, run, until)
        now = self.clock()

        def decide(current: Approval | None) -> Approval:
            stands = current and current.plan_hash == plan_hash and current.until > now
            return current if current and stands else wanted

        return self.documents.change(Approval, self._at(environment), decide) or wanted

    def approval(self, environment: str) -> Approval | None:
        """The question that was last asked, decided or not, expired or not."""
        return self.documents.get(Approval, self._at(environment))

    def decide_approval(self, environment: str, run: str, *, approved: bool, by: str) -> Approval:
        """Record a person's decision about the plan of ``run``.

        Raises:
            ApprovalUnknownError, ApprovalExpiredError, ApprovalDecidedError: see the module.
        """
        now = self.clock()

        def decide(current: Approval | None) -> Approval:
            if current is None or current.run != run:
                raise ApprovalUnknownError(f"no plan of run {run} waits in {environment}")
            if current.state is not ApprovalState.WAITING:
                raise ApprovalDecidedError(
                    f"the plan of run {run} was {current.state} by {current.by} at {current.at}"
                )
            if current.until <= now:
                raise ApprovalExpiredError(f"the plan of run {run} waited until {current.until}")
            state = ApprovalState.APPROVED if approved else ApprovalState.REJECTED
            return replace(current, state=state, by=by, at=now)

        decided = self.documents.change(Approval, self._at(environment), decide)
        if decided is None:
            raise ApprovalUnknownError(f"no plan of run {run} waits in {environment}")
        return decided

    def clear_approval(self, environment: str) -> None:
        """The plan was carried out, or is no longer the plan."""
        self.documents.drop(self._at(environment))

    def _at(self, environment: str) -> str:
        return self.key(environment, "approval")

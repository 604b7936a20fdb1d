"""Owns what becomes of a question that was not answered. Pure.

A look that leaves one is never in order: if no remediator says so, this does. What may be answered
later is asked again within the look, a few times and not for long; then it is deferred, and looked
at again by itself, later and later.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from datetime import timedelta
from typing import Final

from shared.model.actual import Actual, Found, Observation, Question, Read, Unreadable
from shared.model.environment import Environment
from shared.model.finding import Finding
from shared.remediation import sources
from shared.remediation.differences import UNREADABLE, Difference, finding, held, unread
from shared.remediator import Catalogue, Reason, Response

REASONS: Final = {
    "ContextUnreadable": Reason(
        "Something that its judgement rests on could not be read.",
        sources.RELINK,
        Response.STATE,
    ),
}
"""What a look of any remediator can leave."""

MOST_TRIES: Final = 3
MOST_PATIENCE: Final = timedelta(seconds=60)
"""How often, and within what time, a look asks again for what it lacks before it goes on without."""
MOST_WAIT: Final = 3600.0
"""Seconds after which it is looked again whatever Azure asked for."""
_START: Final = "Microsoft.ContainerService/managedClusters/start/action"


def patience(observations: Mapping[Read, Observation], tries: int, waited: timedelta) -> float:
    """Seconds after which to ask again for what is missing; zero to go on without it."""
    left = (MOST_PATIENCE - waited).total_seconds()
    waits = [
        answer.retry_after
        for answer in observations.values()
        if isinstance(answer, Unreadable) and answer.retry_after is not None
    ]
    worth = [seconds for seconds in waits if seconds <= left]
    return max(worth, default=0.0) if tries < MOST_TRIES else 0.0


DEFECTS: Final = (ArithmeticError, AttributeError, LookupError, TypeError, ValueError)
"""What a judgement raises on a body whose fields are of other types than Azure's."""


def believed(
    answers: Mapping[Read, Observation], judge: Callable[[Mapping[Read, Observation]], object]
) -> dict[Read, Observation]:
    """``answers``, but unread those on which ``judge`` breaks, which raises ``DEFECTS``.

    Taken in as they came and halved down to the ones to blame, so that a body that nobody can judge
    stops what hangs on it and nothing else.
    """
    found: dict[Read, Observation] = {
        read: Unreadable("NotUnderstood", "its answer cannot be judged", answer.at)
        if isinstance(answer, Found)
        else answer
        for read, answer in answers.items()
    }

    def take_in(more: Sequence[tuple[Read, Observation]]) -> None:
        try:
            judge({**found, **dict(more)})
        except DEFECTS:
            if len(more) > 1:
                half = len(more) // 2
                take_in(more[:half])
                take_in(more[half:])
        else:
            found.update(more)

    take_in([*answers.items()])
    return found


def blind_spots(
    catalogue: Catalogue, environment: Environment, actual: Actual
) -> tuple[tuple[str, Read], ...]:
    """(remediator, question) of everything that was asked for and not answered."""
    unread = {read for read, _ in actual.unreadable()}
    if not unread:
        return ()
    answered = {r: answer for r, answer in actual.observations.items() if r not in unread}
    seen = replace(actual, observations=answered)
    asked = [
        (remediator.name, read)
        for remediator in catalogue
        for read in remediator.reads(environment, seen)
        if read in unread
    ]
    # A sweep asks for the starts of clusters by itself, for whom a start concerns.
    concerned = [remediator.name for remediator in catalogue if _START in remediator.watches]
    logs = unread - {read for _, read in asked}
    asked += [
        (concerned[-1], read)
        for read in sorted(logs)
        if read.question is Question.POWER_LOG and concerned
    ]
    return tuple(asked)


def unread_findings(
    blind: Sequence[tuple[str, Read]], actual: Actual, findings: Sequence[Finding]
) -> tuple[Finding, ...]:
    """A finding for each question that was not answered and that no finding speaks of."""
    found: dict[str, Finding] = {}
    for remediator, read in blind:
        answer = actual.observations[read]
        if isinstance(answer, Unreadable) and not any(_speaks_of(read, each) for each in findings):
            item = _finding(remediator, read, answer)
            found.setdefault(item.resource.key, item)
    return tuple(found.values())


def _speaks_of(read: Read, told: Finding) -> bool:
    if told.why != UNREADABLE:
        return False
    named = any(str(read.resource).lower() in each.what.lower() for each in told.evidence)
    return named or read.resource.within(told.resource)


def _finding(remediator: str, read: Read, answer: Unreadable) -> Finding:
    what = "resource" if read.question is Question.GET else f"{read.question} {read.detail}".strip()
    item = held(Difference("ContextUnreadable", ()), unread(what, answer))
    return finding(remediator, read.resource, item, owned=True)

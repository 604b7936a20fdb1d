"""Owns what a remediator is: four pure functions and what they need, gathered in one record.

A remediator turns (declared, read) into findings and findings into units of steps. It never
touches the network, the clock, a file or another remediator. Adding one is one file in
``remediators/``, one line in its ``__init__`` and one test file (docs/adding-a-remediator.md).
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum

from shared.model.actual import Actual, Read
from shared.model.environment import Environment
from shared.model.finding import Finding
from shared.model.plan import Unit


class Response(StrEnum):
    """What becomes of a finding of a reason, when nothing stands in the way."""

    REPAIRED = "repaired"
    REPORTED = "reported"  # a person has to act; the message says how
    EITHER = "repaired or reported"  # depending on what was found; the meaning says when
    STATE = "told"  # no drift: why something is not known or not done yet


@dataclass(frozen=True, slots=True)
class Reason:
    """What one reason of findings means and where it comes from.

    Attributes:
        meaning: one line for a person who sees the word for the first time.
        source: which requirement of which document (``shared.remediation.sources``).
        response: what becomes of it.
        disruption: what its repair interrupts; empty when nothing is.
        no_less: why nothing less than deleting or detaching heals it; empty where a write does.
    """

    meaning: str
    source: str
    response: Response = Response.REPAIRED
    disruption: str = ""
    no_less: str = ""


@dataclass(frozen=True, slots=True)
class Remediator:
    """One kind of drift: how it is noticed, proved and put right.

    Attributes:
        name: snake_case, the file's name; modes and guards are given by it.
        watches: ARM operation names whose events concern it, such as
            ``Microsoft.Network/privateEndpoints/delete``.
        permissions: ARM actions that its steps need, linked ones included.
        read_permissions: ARM actions that its reads need.
        needs: names of remediators whose repairs its own rest on. It looks only when they look:
            a compute is not reattached over an endpoint that nobody repairs.
        urgent: whether a burst may not delay it (closing public access).
        reads: what must still be read, given what has been; called until it asks for nothing
            new. It must never ask for something that depends on chance or time.
        detect: every difference, none hidden behind another, each with its evidence.
        plan: units of steps for the findings with disposition REPAIR; no findings, no units.
        reasons: every reason that ``detect`` can give, and what it means.
    """

    name: str
    watches: tuple[str, ...]
    permissions: tuple[str, ...]
    read_permissions: tuple[str, ...]
    reads: Callable[[Environment, Actual], Iterable[Read]]
    detect: Callable[[Environment, Actual], Sequence[Finding]]
    plan: Callable[[Environment, Actual, Sequence[Finding]], Sequence[Unit]]
    reasons: Mapping[str, Reason]
    needs: tuple[str, ...] = ()
    urgent: bool = False


type Catalogue = tuple[Remediator, ...]
"""The active remediators, in the order of ``remediators.REMEDIATORS``."""

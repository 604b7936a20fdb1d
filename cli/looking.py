"""Owns one look at an environment that changes nothing in Azure: what ``plan`` shows."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Iterator, Sequence
from dataclasses import dataclass
from time import sleep
from typing import Final

from cli.session import CHECK_THE_WAY, UNREACHED
from cli.shell import CommandError
from shared.guards import Verdict, mode_of
from shared.model.actual import Observation, Unreadable
from shared.model.environment import Mode
from shared.model.finding import Disposition, Finding
from shared.model.plan import Unit
from shared.model.trigger import Cause, Trigger
from shared.reconcile import PlanningError
from shared.triggers.ids import new_id
from shared.workflow.assess import Held, Later, assess, suspect_restarts
from shared.workflow.papers import Assessment
from shared.workflow.services import Services


def look(
    services: Services, name: str, note: Callable[[str], None], only: Sequence[str] = ()
) -> Assessment:
    """Read, find, plan and guard, as the first round of a run would.

    Restarts that the activity log tells of become debts in the records, as in any run.

    Raises:
        CommandError: when nothing can be said.
    """
    trigger = wish(services, name, only, dry_run=True)
    note(f"reading what '{name}' declares")
    began = services.clock()
    starts = suspect_restarts(services, name, began)
    _check_reached(starts.values())
    try:
        seen = assess(services, trigger, 1, starts)
        while isinstance(seen, Later):
            note(f"asking again in {seen.after:.0f} s: {seen.problem}")
            sleep(seen.after)
            read = {r: a for r, a in starts.items() if not isinstance(a, Unreadable)}
            starts |= suspect_restarts(services, name, began, read)
            seen = assess(services, trigger, 1, starts)
    except PlanningError as error:
        raise CommandError(f"no plan for '{name}': {error}") from error
    finally:
        services.records.drop_papers(trigger.id)
    if isinstance(seen, Held):
        raise CommandError(f"'{seen.holder}' works on '{name}' until {seen.until.isoformat()}")
    if seen.unreadable and len(seen.unreadable) >= seen.azure_calls:
        raise CommandError(f"nothing of '{name}' could be read:", *_why_unread(seen.unreadable))
    return seen


def _check_reached(answers: Collection[Observation]) -> None:
    """Whether any call arrived at all: where none does, asking again for a minute is no help.

    Raises:
        CommandError: when none did.
    """
    failed = [a for a in answers if isinstance(a, Unreadable) and a.code == UNREACHED]
    if failed and len(failed) == len(answers):
        raise CommandError(f"Azure cannot be reached: {failed[0].message}", CHECK_THE_WAY)


_NEXT: Final = (
    (UNREACHED, CHECK_THE_WAY),
    ("SubscriptionNotFound", "az account list shows the subscriptions that you may see"),
    ("InvalidAuthenticationTokenTenant", "az login --tenant TENANT, the one of the subscription"),
    ("ExpiredAuthenticationToken", "az login"),
    ("MissingPermission", "relink permissions --role reader lists the actions that are needed"),
    ("Unauthenticated", "az login, or the identity that this ARM knows"),
)
"""What to do about a code in what could not be read; the first that fits."""
_LONGEST = 300


def _why_unread(unreadable: Sequence[str]) -> Iterator[str]:
    """One example of many alike, how many more there are, and what to do."""
    first = unreadable[0]
    yield first if len(first) <= _LONGEST else f"{first[:_LONGEST]}…"
    if len(unreadable) > 1:
        yield f"and {len(unreadable) - 1} more"
    for code, command in _NEXT:
        if any(code in part for part in unreadable):
            yield f"next: {command}"
            return


def wish(
    services: Services,
    name: str,
    only: Sequence[str],
    *,
    dry_run: bool,
    cause: Cause = Cause.MANUAL,
) -> Trigger:
    """A person's wish for a run of the remediators in ``only`` (none named: all)."""
    return Trigger(
        new_id(), name, cause, services.clock(),
        remediators=tuple(only), dry_run=dry_run, by=person(), note="command line",
    )  # fmt: skip


def person() -> str:
    """Who is at the command line, for records."""
    import getpass  # noqa: PLC0415 - only a run that is recorded asks

    try:
        return f"{getpass.getuser()} (command line)"
    except (OSError, KeyError):
        return "command line"


def drift(findings: Iterable[Finding]) -> tuple[Finding, ...]:
    """The findings that are differences: a refuted suspicion is none."""
    return tuple(f for f in findings if f.disposition is not Disposition.NOT_NEEDED)


def may_go_ahead(verdict: Verdict) -> bool:
    """Whether nothing but the dry run holds a unit back."""
    return verdict.allowed or (verdict.why == "DryRun" and not verdict.would_block)


@dataclass(frozen=True, slots=True)
class Questions:
    """What a person has to agree to: what destroys, and what the mode has them approve."""

    destructive: tuple[Unit, ...]
    approvals: tuple[Unit, ...]

    @property
    def titles(self) -> tuple[str, ...]:
        """What is asked about, each once."""
        units = (*self.destructive, *self.approvals)
        return tuple(dict.fromkeys(unit.title for unit in units))


def questions(services: Services, seen: Assessment) -> Questions:
    """The units that nothing but the dry run holds back and that a person has a say in."""
    environment = services.declared(seen.environment).environment
    verdicts = seen.judgement.verdicts
    ready = [unit for unit in seen.plan.units if may_go_ahead(verdicts[unit.id])]
    modes = {u.id: mode_of(u.remediator, environment, services.settings.mode) for u in ready}
    return Questions(
        tuple(u for u in ready if u.destructive and modes[u.id] is Mode.REMEDIATE),
        tuple(u for u in ready if modes[u.id] is Mode.APPROVE),
    )

"""Timer triggers: NCRONTAB schedules that notice what they missed.

Owns when a timer fires and the status that outlives the process: a schedule missed while the host was
down fires once at the next start, past due. A timer never runs twice at a time.
"""

import asyncio
import json
import logging
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path

from croniter import CroniterError, croniter

from devhost.calls import Calls, refused
from devhost.errors import StartError
from devhost.keys import write_private
from devhost.settings import HostSettings, Json, timespan
from devhost.worker import Function, datum

log = logging.getLogger("devhost")

# The wall clock may jump while the loop sleeps on the monotonic one.
_LONGEST_SLEEP = 30.0
_WITH_SECONDS = 6


@dataclass(frozen=True, slots=True)
class Schedule:
    """An NCRONTAB expression (five fields, or six with seconds first) or a TimeSpan, in UTC."""

    text: str

    def after(self, time: datetime) -> datetime:
        """The first time after a time."""
        if (seconds := timespan(self.text)) is not None:
            return time + timedelta(seconds=seconds)
        seconds_first = len(self.text.split()) == _WITH_SECONDS
        # NCRONTAB wants day of month and day of week both to match; cron wants either.
        cron = croniter(self.text, time, second_at_beginning=seconds_first, day_or=False)
        found: datetime = cron.get_next(datetime)
        return found.astimezone(UTC)


def read_schedule(function: Function, settings: HostSettings) -> Schedule:
    """The schedule of a timer function.

    Raises:
        StartError: it names a setting that is not set, or is not a schedule.
    """
    text = settings.resolve(function.text("schedule"), function=function.name).strip()
    span = timespan(text)
    if span is None:
        try:
            croniter(text, second_at_beginning=len(text.split()) == _WITH_SECONDS, day_or=False)
        except (CroniterError, ValueError) as error:
            raise StartError(
                f"function {function.name}: {text!r} is not an NCRONTAB schedule: {error}"
            ) from error
    elif span <= 0:
        raise StartError(f"function {function.name}: the schedule {text!r} takes no time")
    return Schedule(text)


@dataclass(frozen=True, slots=True)
class Status:
    """When a timer last fired (None: never) and is to fire next."""

    last: datetime | None
    next: datetime
    updated: datetime


def timer_value(status: Status | None, *, past_due: bool) -> Json:
    """What a timer function is given, in the shape of the Functions host."""
    return {
        "Schedule": {"AdjustForDST": True},
        "ScheduleStatus": _told(status) if status else None,
        "IsPastDue": past_due,
    }


@dataclass(frozen=True, slots=True)
class Timer:
    """One timer function. `directory` keeps its status."""

    function: Function
    schedule: Schedule
    directory: Path
    now: Callable[[], datetime]

    async def run(self, calls: Calls) -> None:
        """Fire for ever."""
        now = self.now()
        status = await asyncio.to_thread(self._read)
        past_due = status is not None and status.next <= now
        if past_due or self.function.flag("runOnStartup"):
            status = await self._fire(calls, status, past_due=past_due)
        elif status is None:
            status = await asyncio.to_thread(self._keep, None, now)
        while True:
            await self._sleep_until(status.next)
            status = await self._fire(calls, status, past_due=False)

    async def _fire(self, calls: Calls, status: Status | None, *, past_due: bool) -> Status:
        fired = self.now()
        value = timer_value(status, past_due=past_due)
        answer = await calls.run(self.function, datum(json.dumps(value), "json"))
        if refused(answer):
            raise asyncio.CancelledError
        # Kept after the call: a host that dies in the midst of it fires again, past due.
        return await asyncio.to_thread(self._keep, fired, self.now())

    async def _sleep_until(self, due: datetime) -> None:
        while (left := (due - self.now()).total_seconds()) > 0:  # noqa: ASYNC110 -- for a time of the wall clock
            await asyncio.sleep(min(left, _LONGEST_SLEEP))

    def _keep(self, last: datetime | None, now: datetime) -> Status:
        status = Status(last, self.schedule.after(now), now)
        if self.function.flag("useMonitor", default=True):
            kept = {"Schedule": self.schedule.text, **_told(status)}
            try:
                write_private(self._path, json.dumps(kept) + "\n")
            except OSError as error:
                log.warning("timer %s: its status cannot be kept: %s", self.function.name, error)
        return status

    def _read(self) -> Status | None:
        """The kept status; None when there is none, or it is of another schedule."""
        try:
            kept = json.loads(self._path.read_text("utf-8"))
            if kept["Schedule"] != self.schedule.text:
                return None
            last = datetime.fromisoformat(kept["Last"]) if kept["Last"] else None
            times = (datetime.fromisoformat(kept[name]) for name in ("Next", "LastUpdated"))
            return Status(last, *times)
        except FileNotFoundError:
            return None
        except (ValueError, KeyError, TypeError) as error:
            log.warning("timer %s: its kept status cannot be read: %s", self.function.name, error)
            return None

    @property
    def _path(self) -> Path:
        return self.directory / f"{self.function.name}.json"


def _told(status: Status) -> dict[str, Json]:
    return {
        "Last": status.last.isoformat() if status.last else None,
        "Next": status.next.isoformat(),
        "LastUpdated": status.updated.isoformat(),
    }

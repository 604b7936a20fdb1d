"""Owns watching an environment of a local Azure until nothing is under way any more."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from datetime import datetime, timedelta

import httpx

from cli.demo.azure import DemoError
from cli.demo.show import Show
from cli.local_azure import LocalAzure
from shared.composition import system_clock
from shared.model.json import JsonObject

_LONGEST_SCENE = 60.0
_QUIET_SECONDS = 1.0
_POLL_SECONDS = 0.15
_SOON_SECONDS = 20.0


class Watch:
    """Follows events and runs of one environment and prints them as they come.

    ``place`` is what the ids of its resources hold, in lower case; empty takes every event.
    """

    def __init__(
        self, stage: LocalAzure, show: Show, name: str, begun: float, place: str = ""
    ) -> None:
        self._stage, self._show, self._name, self._begun = stage, show, name, begun
        self._events = len(stage.person.control("GET", "events"))
        self._seen = {record["id"] for record in stage.records.runs(name)}
        self._outcomes: list[str] = []
        self._place = place
        self.records: list[JsonObject] = []

    @property
    def outcome(self) -> str:
        """The best of what the runs of the scene report at their end: repaired beats in sync."""
        order = ("Failed", "Blocked", "Repaired", "Planned", "NotNeeded", "Deferred", "InSync")
        return next((kind for kind in order if kind in self._outcomes), "nothing")

    def during(self, act: Callable[[], None]) -> None:
        """Print what comes while somebody acts.

        Raises:
            DemoError: when what somebody did was refused.
        """
        failed: list[BaseException] = []

        def run() -> None:
            try:
                act()
            except (DemoError, httpx.HTTPError) as error:
                failed.append(error)

        somebody = threading.Thread(target=run, name="somebody")
        somebody.start()
        while somebody.is_alive():
            self.look()
            somebody.join(_POLL_SECONDS)
        if failed:
            raise failed[0]

    def until_quiet(self) -> None:
        """Print what comes until nothing is under way any more."""
        deadline = time.monotonic() + _LONGEST_SCENE
        quiet_since = time.monotonic()
        while time.monotonic() - quiet_since < _QUIET_SECONDS:
            if self.look():
                quiet_since = time.monotonic()
            if time.monotonic() > deadline:
                self._show.say(f"  not quiet within {_LONGEST_SCENE:.0f} s", "red")
                return
            time.sleep(_POLL_SECONDS)

    def look(self) -> bool:
        """Print what is new; whether anything is under way."""
        busy = self._events_new()
        state = self._stage.app.get(f"/api/environments/{self._name}").raise_for_status().json()
        queue = state["queue"]
        after = time.monotonic() - self._begun
        if queue["running"]:
            run = self._stage.app.get(f"/api/runs/{queue['running']}").json()
            self._show.progress(run, after)
        for record in reversed(self._stage.records.runs(self._name, 20)):
            if record["id"] not in self._seen:
                self._seen.add(record["id"])
                self._outcomes.append(record["outcome"])
                self.records.append(record)
                self._show.record(record, after)
                busy = True
        return bool(busy or queue["running"] or queue["pending"] or _soon(queue["wakeAt"]))

    def _events_new(self) -> bool:
        """Print the events of this environment; whether some are still to be delivered."""
        person = self._stage.person
        for event in person.control("GET", f"events?from={self._events}"):
            self._events += 1
            if self._place in event["subject"].lower():
                self._show.event(event, time.monotonic() - self._begun, self._stage.principal)
        waiting = person.control("GET", "subscriptions")
        return any(subscription["pending"] for subscription in waiting)


def _soon(moment: str | None) -> bool:
    """Whether a run is to begin by itself within a few seconds."""
    if moment is None:
        return False
    return datetime.fromisoformat(moment) <= system_clock() + timedelta(seconds=_SOON_SECONDS)

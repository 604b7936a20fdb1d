"""Owns the record of runs: one immutable document each, the newest found first, and their papers.

A run's document lies under its id. Beside it stands an index whose keys begin with the time counted
backwards, so that one listing, cut short, gives the newest. Working papers (plans, observations) are
what activities leave for each other; they go when the run has ended.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from datetime import datetime
from itertools import islice
from typing import Any, Final

from shared.model.json import JsonObject
from shared.records.documents import encode, plain, segment
from shared.records.shelf import Shelf
from shared.records.store import StoreError
from shared.records.values import Paper, RunDocument

_END_OF_TIME: Final = 9_999_999_999_999  # milliseconds; counted backwards from the year 2286


class RunIsImmutableError(StoreError):
    """There is a different document of this run already."""


class Runs(Shelf):
    """Run documents, requests that were merged into runs, and working papers."""

    __slots__ = ()

    def store_run(self, run_id: str, document: JsonObject) -> None:
        """Store what a run did, once. ``document["environment"]`` names its environment.

        Raises:
            RunIsImmutableError: when a different document of the run is stored already.
            TooLargeError: when it is over the limit of a record.
        """
        wanted = plain(document)
        key = f"runs/{segment(run_id)}.json"
        encoded = encode(key, wanted)  # what is too large must not leave an entry behind
        if (stored := self.run(run_id)) is None:
            # The entries come first: one without a document is skipped, a document without an
            # entry would never be listed.
            self._list(run_id, wanted.get("environment"))
            if self.documents.add(key, wanted):
                return
            stored = self.run(run_id)
        if stored is None or encode(key, stored) != encoded:
            raise RunIsImmutableError(f"the run {run_id} is recorded already, differently")

    def run(self, run_id: str) -> JsonObject | None:
        """The document of a run; none for one that lacks what a run's record has."""
        found = self.documents.get(RunDocument, f"runs/{segment(run_id)}.json")
        return dict(found) if found is not None else None

    def runs(self, environment: str | None = None, limit: int = 50) -> tuple[JsonObject, ...]:
        """The newest runs' documents, the newest first."""
        prefix = self.prefix(environment, "newest") if environment is not None else "newest/"
        found = (self.run(run_id) for run_id in self._newest(prefix))
        return tuple(islice((run for run in found if run is not None), limit))

    def point_request(self, request_id: str, run_id: str) -> None:
        """The request was taken by ``run_id`` (merged into it, or its own)."""
        self.documents.put(f"requests/{segment(request_id)}.json", {"run": run_id})

    def request(self, request_id: str) -> str | None:
        """The run that took the request."""
        entry = self.documents.get(dict[str, str], f"requests/{segment(request_id)}.json")
        return entry.get("run") if entry else None

    def put_paper(self, run_id: str, name: str, value: object) -> None:
        """Leave a JSON value, or one of our own values, for the run's other activities."""
        self.documents.put(self._paper(run_id, name), {"value": plain(value)})

    def add_paper(self, run_id: str, name: str, value: object) -> bool:
        """Leave a value unless there is one under this name already; whether it was left."""
        return self.documents.add(self._paper(run_id, name), {"value": plain(value)})

    def paper(self, run_id: str, name: str, kind: Any = Any) -> Any:  # noqa: ANN401 - JSON or ``kind``
        """What was left under ``name``, as plain JSON or as ``kind``; None when nothing was.

        What cannot be used as ``kind`` is set aside.
        """
        paper = self.documents.get(Paper[kind], self._paper(run_id, name))
        return paper.value if paper is not None else None

    def change_paper[T](
        self, run_id: str, name: str, kind: type[T], decide: Callable[[T | None], T | None]
    ) -> None:
        """Replace a paper by ``decide`` of it, called again when somebody else wrote in between.

        Nothing decided, nothing written.
        """

        def change(paper: Paper[T] | None) -> Paper[T] | None:
            decided = decide(paper.value if paper is not None else None)
            return Paper(decided) if decided is not None else None

        self.documents.change(Paper[kind], self._paper(run_id, name), change)  # type: ignore[valid-type] # known at run time

    def runs_with_papers(self, most: int) -> tuple[str, ...]:
        """The names that a run's trigger is kept under: runs that have not dropped their papers."""
        keys = (key.split("/") for key in self.documents.store.keys("papers/"))
        return tuple(islice((key[1] for key in keys if key[2:] == ["trigger.json"]), most))

    def drop_papers(self, run_id: str) -> None:
        """Throw the run's papers away."""
        self.documents.drop_all(f"papers/{segment(run_id)}/")

    def _paper(self, run_id: str, name: str) -> str:
        return f"papers/{segment(run_id)}/{segment(name)}.json"

    def _list(self, run_id: str, environment: object) -> None:
        name = f"{_backwards(self.clock())}~{segment(run_id)}"
        self.documents.put(f"newest/{name}.json", {"run": run_id})
        if isinstance(environment, str):
            self.documents.put(self.key(environment, "newest", name), {"run": run_id})

    def _newest(self, prefix: str) -> Iterator[str]:
        """Run ids, the newest first, each once. The index's documents are not read."""
        seen: set[str] = set()
        for key in self.documents.store.keys(prefix):
            run_id = key.rpartition("~")[2].removesuffix(".json")
            if run_id not in seen:
                seen.add(run_id)
                yield run_id


def _backwards(at: datetime) -> str:
    return f"{_END_OF_TIME - int(at.timestamp() * 1000):013d}"

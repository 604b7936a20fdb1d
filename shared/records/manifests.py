"""Owns what is remembered of manifests: the last valid text, and the version that was accepted."""

from __future__ import annotations

from shared.records.documents import segment
from shared.records.shelf import Shelf
from shared.records.values import Good


class ManifestMemory(Shelf):
    """Last good manifests by file name, accepted versions by environment."""

    __slots__ = ()

    def last_good(self, name: str) -> Good | None:
        """The last valid text of the manifest file ``name``."""
        return self.documents.get(Good, self._good(name))

    def keep_good(self, name: str, version: str, text: str) -> None:
        """Remember a valid text."""
        self.documents.put(self._good(name), Good(version, text, self.clock()))

    def manifests_known(self) -> bool:
        """Whether a valid manifest was ever seen."""
        return next(self.documents.store.keys("manifests/"), None) is not None

    def accepted_version(self, environment: str) -> str | None:
        """The manifest version whose destructive plans need no approval for being new."""
        return self.documents.get(str, self._accepted(environment))

    def accept_version(self, environment: str, version: str) -> None:
        """A destructive plan of this version was approved, or did not need it."""
        self.documents.put(self._accepted(environment), version)

    def _good(self, name: str) -> str:
        return f"manifests/{segment(name)}.json"

    def _accepted(self, environment: str) -> str:
        return self.key(environment, "accepted-version")

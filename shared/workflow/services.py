"""Owns what a run works with: the composition that triggers, activities and the shell share.

Built once a process, on first use: importing the app must not import an Azure SDK.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Protocol

from shared.manifests import Declared, Manifests
from shared.model.actual import Observation, Read
from shared.model.json import JsonObject, clean
from shared.model.progress import Progress
from shared.model.step import Step
from shared.records import Records, Store
from shared.remediator import Catalogue
from shared.settings import Settings
from shared.signals import Signal


class AzureGateway(Protocol):
    """What the workflow needs of ``shared.azure.gateway.Azure``."""

    def read(self, reads: Iterable[Read]) -> dict[Read, Observation]:
        """Answer each question once; what could not be read is ``Unreadable``."""
        ...

    def start(self, step: Step, observed: Mapping[Read, Observation] | None = None) -> Progress:
        """Begin a step; never waits for it."""
        ...

    def look(self, step: Step, token: dict[str, object]) -> Progress:
        """Look at a begun step once."""
        ...

    def warm_up(self) -> None:
        """Begin to load what a repair after a restart will need; returns at once."""
        ...


class ManifestsInForce(Protocol):
    """What the workflow needs of a manifest source."""

    def current(self) -> Manifests:
        """What is in force now."""
        ...


class NotToldError(Exception):
    """What was told did not arrive, as far as is known; it is tried again later."""


class RefusedError(Exception):
    """What was told arrived and will never be taken as it is."""


class UnknownEnvironmentError(LookupError):
    """No manifest declares this environment."""


@dataclass(frozen=True, slots=True)
class Services:
    """Everything that is not a decision. Time and transport come in here and nowhere else."""

    settings: Settings
    records: Records
    manifests: ManifestsInForce
    catalogue: Catalogue
    azure: Callable[[], AzureGateway]
    clock: Callable[[], datetime]
    notify: Callable[[JsonObject], None] | None
    """Tells a webhook, if there is one. Raises ``NotToldError`` or ``RefusedError``."""
    dead_letters: Store | None = None
    report: Callable[[JsonObject], None] = lambda _record: None
    swept: Callable[[JsonObject], None] = lambda _sweep: None
    measure: Callable[[Signal, float, Mapping[str, str]], None] = lambda _s, _value, _where: None
    publish: Callable[[Sequence[JsonObject]], None] | None = None
    """Hands CloudEvents to a topic, if there is one; raises the same. All of them are handed over again."""

    def declared(self, name: str) -> Declared:
        """The manifest in force for an environment, in the cloud that the app runs in.

        Raises:
            UnknownEnvironmentError: naming what there is.
        """
        environments = self.manifests.current().environments
        if name not in environments:
            known = ", ".join(sorted(environments)) or "none"
            asked = clean(name)[:80]
            raise UnknownEnvironmentError(f"no environment is called '{asked}'; declared: {known}")
        declared = environments[name]
        if "cloud" in declared.environment.model_fields_set:
            return declared
        here = declared.environment.model_copy(update={"cloud": self.settings.cloud.value})
        return replace(declared, environment=here)

"""Owns Relink's settings: environment variables become one frozen value, read once.

Every problem is found in one reading and told together, each with the variable, what was found
and what is allowed. What may hold a secret (the query of a webhook, a connection string) never
shows in a message or a ``repr``.
"""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path
from typing import Final, Self
from urllib.parse import SplitResult, urlsplit

from pydantic import BaseModel, ConfigDict, Field

from shared.model.environment import Mode
from shared.model.resource_id import InvalidResourceIdError, ResourceId
from shared.records.opening import ALLOWED_FORMS, is_loopback, read_address

DEFAULT_SWEEP: Final = "0 */30 * * * *"
_GUID: Final = re.compile(r"[0-9a-fA-F]{8}(-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}")
_LONGEST_SETTLE: Final = 3600.0


class Cloud(StrEnum):
    """The Azure clouds that Relink knows."""

    PUBLIC = "public"
    USGOV = "usgov"
    CHINA = "china"


ARM_ENDPOINTS: Final[Mapping[Cloud, str]] = {
    Cloud.PUBLIC: "https://management.azure.com",
    Cloud.USGOV: "https://management.usgovcloudapi.net",
    Cloud.CHINA: "https://management.chinacloudapi.cn",
}


@dataclass(frozen=True, slots=True)
class SettingProblem:
    """One variable that cannot be used. ``found`` holds no secret."""

    variable: str
    found: str
    allowed: str

    def __str__(self) -> str:
        return f"{self.variable}: found {self.found}, allowed is {self.allowed}"


class SettingsError(ValueError):
    """The settings cannot be used; ``problems`` has all of them."""

    def __init__(self, problems: tuple[SettingProblem, ...]) -> None:
        super().__init__("\n".join(str(problem) for problem in problems))
        self.problems = problems


class Settings(BaseModel):
    """What the environment says. Build it with ``Settings.read``."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    environments: str = Field(repr=False)
    records: str | None = Field(default=None, repr=False)
    scopes: tuple[ResourceId, ...] | None = None
    mode: Mode = Mode.OBSERVE
    cloud: Cloud = Cloud.PUBLIC
    arm_endpoint: str = ARM_ENDPOINTS[Cloud.PUBLIC]
    ca_bundle: Path | None = None
    settle_seconds: float = 20.0
    sweep_schedule: str = DEFAULT_SWEEP
    approve_manifest_changes: bool = True
    notify_url: str | None = Field(default=None, repr=False)
    event_topic: str | None = None
    dead_letters: str | None = Field(default=None, repr=False)
    principal_id: str | None = None
    client_id: str | None = None
    application_insights: str | None = Field(default=None, repr=False)

    @classmethod
    def read(cls, environ: Mapping[str, str]) -> Self:
        """Read ``RELINK_*`` and what App Service sets; an empty variable counts as not set.

        ``records`` is None when unset (the embedded host has a folder of its own for them);
        ``arm_endpoint`` is the cloud's when unset, without a slash at the end.

        Raises:
            SettingsError: with every problem.
        """
        reading = _Reading(environ)
        cloud = reading.take("RELINK_CLOUD", Cloud.PUBLIC, _member(Cloud))
        fields = {
            "environments": reading.take("RELINK_ENVIRONMENTS", "", _store, required=True),
            "records": reading.take("RELINK_RECORDS", None, _store),
            "scopes": reading.take("RELINK_SCOPES", None, _scopes),
            "mode": reading.take("RELINK_MODE", Mode.OBSERVE, _member(Mode)),
            "cloud": cloud,
            "arm_endpoint": reading.take("RELINK_ARM_ENDPOINT", ARM_ENDPOINTS[cloud], _arm),
            "ca_bundle": reading.take("RELINK_CA_BUNDLE", None, _file),
            "settle_seconds": reading.take("RELINK_SETTLE_SECONDS", 20.0, _seconds),
            "sweep_schedule": reading.take("RELINK_SWEEP_SCHEDULE", DEFAULT_SWEEP, _ncrontab),
            "approve_manifest_changes": reading.take(
                "RELINK_APPROVE_MANIFEST_CHANGES", default=True, parse=_truth
            ),
            "dead_letters": reading.take("RELINK_DEAD_LETTERS", None, _store),
            "notify_url": reading.take("RELINK_NOTIFY_URL", None, _notify),
            "event_topic": reading.take("RELINK_EVENT_TOPIC", None, _topic),
            "principal_id": reading.take("RELINK_PRINCIPAL_ID", None, _guid),
            "client_id": reading.take("AZURE_CLIENT_ID", None, str),
            "application_insights": reading.take(
                "APPLICATIONINSIGHTS_CONNECTION_STRING", None, str
            ),
        }
        if reading.problems:
            raise SettingsError(tuple(reading.problems))
        return cls.model_validate(fields)


class _NotAllowedError(ValueError):
    """``found`` (safe to show) is not ``allowed``."""

    def __init__(self, found: str, allowed: str) -> None:
        super().__init__(found, allowed)
        self.found = found
        self.allowed = allowed


class _Reading:
    """One pass over the environment that collects problems instead of stopping at the first."""

    def __init__(self, environ: Mapping[str, str]) -> None:
        self._environ = environ
        self.problems: list[SettingProblem] = []

    def take[T, D](
        self, variable: str, default: D, parse: Callable[[str], T], *, required: bool = False
    ) -> T | D:
        """The variable's value, or ``default`` when it is unset or wrong."""
        text = self._environ.get(variable, "").strip()
        if not text:
            if required:
                self.problems.append(SettingProblem(variable, "nothing", ALLOWED_FORMS))
            return default
        try:
            return parse(text)
        except _NotAllowedError as error:
            self.problems.append(SettingProblem(variable, error.found, error.allowed))
        return default


def _member[E: StrEnum](kind: type[E]) -> Callable[[str], E]:
    def parse(text: str) -> E:
        try:
            return kind(text.lower())
        except ValueError:
            raise _NotAllowedError(f"'{text[:80]}'", ", ".join(kind)) from None

    return parse


def _store(text: str) -> str:
    try:
        read_address(text)
    except ValueError as error:
        raise _NotAllowedError(f"an address that cannot be used ({error})", ALLOWED_FORMS) from None
    return text


def _scopes(text: str) -> tuple[ResourceId, ...]:
    allowed = "ids of subscriptions or resource groups, separated by commas"
    found = []
    for part in filter(None, (part.strip() for part in text.split(","))):
        try:
            scope = ResourceId.parse(part)
        except InvalidResourceIdError as error:
            raise _NotAllowedError(str(error), allowed) from None
        if scope.type:
            raise _NotAllowedError(f"the id of a {scope.type}, '{scope}'", allowed)
        found.append(scope)
    if not found:
        raise _NotAllowedError("no id", allowed)
    return tuple(found)


def _arm(text: str) -> str:
    allowed = "https://<host>[:<port>]"
    url = _url(text, allowed)
    if url.scheme != "https" or not url.hostname or url.path.strip("/") or url.query:
        raise _NotAllowedError(f"'{_without_query(text)}'", allowed)
    return text.rstrip("/")


def _file(text: str) -> Path:
    path = Path(text)
    if not path.is_file():
        raise _NotAllowedError(f"'{text[:200]}', which is no file", "the path of a PEM file")
    return path


def _seconds(text: str) -> float:
    allowed = f"seconds from 0 to {_LONGEST_SETTLE:.0f}"
    try:
        seconds = float(text)
    except ValueError:
        raise _NotAllowedError(f"'{text[:80]}'", allowed) from None
    if not math.isfinite(seconds) or not 0 <= seconds <= _LONGEST_SETTLE:
        raise _NotAllowedError(f"'{text[:80]}'", allowed)
    return seconds


def _truth(text: str) -> bool:
    match text.lower():
        case "true" | "1" | "yes" | "on":
            return True
        case "false" | "0" | "no" | "off":
            return False
        case _:
            raise _NotAllowedError(f"'{text[:80]}'", "true or false")


def _notify(text: str) -> str:
    allowed = "an https URL, or http to this machine"
    url = _url(text, allowed)
    safe = url.scheme == "https" or (url.scheme == "http" and is_loopback(text))
    if not url.hostname or not safe:
        raise _NotAllowedError(f"a URL of scheme '{url.scheme[:20]}'", allowed)
    return text


def _topic(text: str) -> str:
    """The endpoint of a custom topic. A key in its query is refused: Relink comes with its identity."""
    allowed = "the https endpoint of an Event Grid topic, such as https://<topic>/api/events"
    url = _url(text, allowed)
    if url.scheme != "https" or not url.hostname or "@" in url.netloc:
        raise _NotAllowedError(f"a URL of scheme '{url.scheme[:20]}'", allowed)
    if url.query or url.fragment:
        raise _NotAllowedError("an address with a query", allowed)
    return text


def _url(text: str, allowed: str) -> SplitResult:
    try:
        url = urlsplit(text)
        _ = url.port  # read only now, and not always a number
    except ValueError:
        raise _NotAllowedError("a malformed URL", allowed) from None
    return url


def _guid(text: str) -> str:
    if not _GUID.fullmatch(text):
        raise _NotAllowedError(f"'{text[:80]}'", "the object id (a guid) of Relink's own identity")
    return text.lower()


def _without_query(url: str) -> str:
    return url.partition("?")[0][:200]


_FIELDS: Final = (
    ("second", 0, 59, ()),
    ("minute", 0, 59, ()),
    ("hour", 0, 23, ()),
    ("day", 1, 31, ()),
    (
        "month", 1, 12,
        ("jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec"),
    ),
    ("day of the week", 0, 7, ("sun", "mon", "tue", "wed", "thu", "fri", "sat")),
)  # fmt: skip


def _ncrontab(text: str) -> str:
    """Six fields, as the timer trigger reads them: seconds come first."""
    parts = text.split()
    if len(parts) != len(_FIELDS):
        raise _NotAllowedError(
            f"{len(parts)} fields in '{text[:80]}'",
            f"six NCRONTAB fields, seconds first, such as '{DEFAULT_SWEEP}'",
        )
    for part, (name, least, most, names) in zip(parts, _FIELDS, strict=True):
        if not all(_is_times(item, least, most, names) for item in part.split(",")):
            raise _NotAllowedError(
                f"'{part[:40]}' as {name}", f"{least} to {most}, with *, ranges, lists and steps"
            )
    return " ".join(parts)


def _is_times(item: str, least: int, most: int, names: tuple[str, ...]) -> bool:
    """Whether ``item`` is ``*``, a value or a range, with or without a step."""
    span, slash, step = item.partition("/")
    if slash and not (step.isdecimal() and 0 < int(step) <= most):
        return False
    if span == "*":
        return True
    ends = [names.index(e) + least if e in names else e for e in span.lower().split("-")]
    if len(ends) > 2 or not all(str(end).isdecimal() for end in ends):  # noqa: PLR2004 - from, to
        return False
    numbers = [int(end) for end in ends]
    return all(least <= number <= most for number in numbers) and numbers == sorted(numbers)

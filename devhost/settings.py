"""What the host reads before it starts: `host.json`, `local.settings.json`, the environment.

Owns merging them as Core Tools does (the environment wins over `local.settings.json`) and the
`%NAME%` indirection of bindings. Refuses encrypted settings files.
"""

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from devhost.errors import StartError

type Json = bool | int | float | str | list["Json"] | dict[str, "Json"] | None

_PERCENT = re.compile(r"%([^%]+)%")
_TIMESPAN = re.compile(r"(?:(\d+)\.)?(\d{1,2}):(\d{2}):(\d{2})(?:\.\d+)?")


def timespan(text: str) -> float | None:
    """Seconds of a .NET TimeSpan (`[days.]hh:mm:ss`), None when the text is not one."""
    found = _TIMESPAN.fullmatch(text.strip())
    if not found:
        return None
    days, hours, minutes, seconds = (int(part or 0) for part in found.groups())
    return ((days * 24 + hours) * 60 + minutes) * 60.0 + seconds


@dataclass(frozen=True, slots=True)
class HostSettings:
    """`host.json` (as parsed) and the app's settings (environment and `local.settings.json`)."""

    document: Mapping[str, Json]
    app: Mapping[str, str]

    def extension(self, *path: str) -> Json:
        """The value at `extensions.<path>` of host.json, None when it is not there."""
        found: Json = dict(self.document)
        for name in ("extensions", *path):
            if not isinstance(found, dict):
                return None
            found = found.get(name)
        return found

    def number(self, *path: str, default: int) -> int:
        """A positive whole number at `extensions.<path>`.

        Raises:
            StartError: something else is there.
        """
        found = self.extension(*path)
        if found is None:
            return default
        if isinstance(found, bool) or not isinstance(found, int) or found < 1:
            raise StartError(
                f"host.json: extensions.{'.'.join(path)} is {found!r}, "
                "expected a whole number above zero"
            )
        return found

    def duration(self, *path: str, default: float) -> float:
        """Seconds of the TimeSpan at `extensions.<path>`.

        Raises:
            StartError: something else is there.
        """
        found = self.extension(*path)
        if found is None:
            return default
        seconds = timespan(found) if isinstance(found, str) else None
        if seconds is None:
            raise StartError(
                f"host.json: extensions.{'.'.join(path)} is {found!r}, expected hh:mm:ss"
            )
        return seconds

    def is_disabled(self, function: str) -> bool:
        """Whether the app setting `AzureWebJobs.NAME.Disabled` switches a function off."""
        return self.app.get(f"AzureWebJobs.{function}.Disabled", "").lower() in ("1", "true")

    def resolve(self, text: str, *, function: str) -> str:
        """A binding's value with every `%NAME%` replaced by that app setting.

        Raises:
            StartError: the setting does not exist; the message names function and setting.
        """

        def setting(found: re.Match[str]) -> str:
            value = self.app.get(found[1])
            if value is None:
                raise StartError(
                    f"function {function}: {found[0]} names an app setting that is not set"
                )
            return value

        return _PERCENT.sub(setting, text)


def read_settings(app_dir: Path, environ: Mapping[str, str]) -> HostSettings:
    """Read the app's two settings files; a missing file counts as an empty one.

    Raises:
        StartError: a file is not a JSON object, or `local.settings.json` is encrypted.
    """
    local = _read_object(app_dir / "local.settings.json")
    if local.get("IsEncrypted") is True:
        raise StartError("local.settings.json is encrypted: run `func settings decrypt` first")
    values = local.get("Values", {})
    if not isinstance(values, dict):
        raise StartError("local.settings.json: Values is not an object")
    app = {name: _as_text(value) for name, value in values.items()}
    return HostSettings(document=_read_object(app_dir / "host.json"), app={**app, **environ})


def _as_text(value: Json) -> str:
    return value if isinstance(value, str) else json.dumps(value)


def _read_object(path: Path) -> dict[str, Json]:
    try:
        document = json.loads(path.read_text("utf-8"))
    except FileNotFoundError:
        return {}
    except ValueError as error:
        raise StartError(f"{path.name} is not JSON: {error}") from error
    if not isinstance(document, dict):
        raise StartError(f"{path.name} is not a JSON object")
    return document

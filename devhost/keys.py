"""The host key: where it comes from and how it is compared.

Owns one key for every function, admin and Event Grid URL, and a second one, derived from it, for the
durable management URLs, which functions hand out to their callers. Neither is logged; one that was
made here is shown as the host starts.
"""

import hashlib
import hmac
import os
import secrets
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

KEY_SETTING = "RELINK_HOST_KEY"
_FILE = "host-key"


@dataclass(frozen=True, slots=True)
class HostKey:
    """A key and where it is from, in words for a person: those show a key only that was made here."""

    value: str
    words: str

    @property
    def durable(self) -> str:
        """The key of the durable management URLs; the host key cannot be learnt from it."""
        return hmac.new(self.value.encode(), b"durabletask", hashlib.sha256).hexdigest()

    def opens(self, offered: str | None) -> bool:
        """Whether the offered key is the host key, compared in constant time."""
        return _same(self.value, offered)

    def opens_durable(self, offered: str | None) -> bool:
        """Whether the offered key is either key."""
        return _same(self.durable, offered) | _same(self.value, offered)


def find_key(given: str | None, environ: Mapping[str, str], state: Path) -> HostKey:
    """The key that was given, else the environment's, else the one kept in the state directory.

    A key that does not exist yet is made (32 random bytes) and kept with mode 0600.
    """
    if given:
        return HostKey(given, "the key given on start")
    if environ.get(KEY_SETTING):
        return HostKey(environ[KEY_SETTING], f"the key of {KEY_SETTING}")
    path = state / _FILE
    try:
        kept = path.read_text("ascii").strip()
    except FileNotFoundError:
        kept = ""
    if not kept:
        kept = secrets.token_urlsafe(32)
        write_private(path, kept + "\n")
    return HostKey(kept, f"key {kept} (kept in {path})")


def write_private(path: Path, text: str) -> None:
    """Write a file that only its owner can read, in one step: a reader sees all of it or none."""
    draft = path.with_name(path.name + ".new")
    draft.unlink(missing_ok=True)
    opened = os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    with os.fdopen(opened, "w", encoding="utf-8") as file:
        file.write(text)
        file.flush()
        os.fsync(file.fileno())
    draft.replace(path)


def _same(expected: str, offered: str | None) -> bool:
    return hmac.compare_digest(expected.encode(), (offered or "").encode())

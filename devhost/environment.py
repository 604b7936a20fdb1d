"""The environment of a process that we start: made for it, so that nothing of ours leads it elsewhere.

Owns the list of what is passed on. What a library wrote into our own environment, the settings of
somebody's shell and the address of a proxy do not reach a child unless whoever starts it gives them.
"""

import os
from collections.abc import Mapping
from typing import Final

KEPT: Final = (
    *("PATH", "HOME", "USER", "LOGNAME", "SHELL", "TERM", "TZ"),
    *("LANG", "LANGUAGE", "LC_ALL", "LC_CTYPE"),
    *("TMPDIR", "TEMP", "TMP", "XDG_CACHE_HOME"),
    *("LD_LIBRARY_PATH", "DYLD_LIBRARY_PATH", "SYSTEMROOT"),  # where some Pythons find their parts
    *("PYTHONPATH", "PYTHONPYCACHEPREFIX", "PYTHONDONTWRITEBYTECODE"),
)
"""What a program needs to find its parts and to speak to a person; nothing that says where Azure is."""


def child_environment(given: Mapping[str, str] | None = None) -> dict[str, str]:
    """What is passed on of ours, and then what is ``given``."""
    kept = {name: os.environ[name] for name in KEPT if name in os.environ}
    return {**kept, **(given or {})}

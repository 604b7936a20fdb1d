"""Owns whether the caller is signed in to Azure: one token, asked for before anything is read.

What azure-identity tells of each credential that it tried is some 40 lines; a person needs one,
with what to run. ``--debug`` shows the whole.
"""

from __future__ import annotations

import os
import re
from typing import TYPE_CHECKING, Final

from cli.shell import CommandError
from shared.azure.errors import Transient, cleaned, read_error

if TYPE_CHECKING:
    from azure.core.credentials import TokenCredential

    from shared.azure.config import ArmConfig

_ENTRA: Final = re.compile(r"AADSTS\d+[^\n]*")
"""What Entra answers when it refuses: a code, and a sentence that explains it."""
_NO_WAY: Final = re.compile(
    r"resolve|establish|refused|timed out|max retries|unreachable|reset", re.IGNORECASE
)
_SECRET: Final = ("AZURE_TENANT_ID", "AZURE_CLIENT_ID", "AZURE_CLIENT_SECRET")


STORAGE: Final = "https://storage.azure.com/.default"
"""The scope of a token for blobs, in every cloud."""


def sign_in(identity: TokenCredential, config: ArmConfig, scope: str = "") -> None:
    """Ask for one token, for ``config``'s ARM or for ``scope``; azure-identity keeps it.

    Raises:
        CommandError: when there is none, with what to run.
    """
    try:
        identity.get_token(scope or config.scope)
    except Exception as error:
        raise CommandError(_why(error, config)) from error


def _why(error: Exception, config: ArmConfig) -> str:
    refused = _ENTRA.search(str(error))
    managed = os.environ.get("IDENTITY_ENDPOINT")
    if managed:
        client = os.environ.get("AZURE_CLIENT_ID")
        what = f"the one that AZURE_CLIENT_ID names, {client}," if client else "one"
        return (
            f"not signed in to Azure: the managed identity at {managed.partition('?')[0]} gave no"
            f" token ({_short(error)}); assign {what} to this machine or app"
        )
    if refused:
        return (
            f"not signed in to Azure: {cleaned(refused[0])[:300]};"
            f" run: {_login()}{_or_mend_the_secret()}"
        )
    if isinstance(read_error(error), Transient) or _unreached(str(error), config.authority):
        return (
            f"not signed in to Azure: {config.authority} cannot be reached;"
            " check the network, DNS and HTTPS_PROXY"
        )
    missing = [name for name in _SECRET if not os.environ.get(name)]
    if os.environ.get("AZURE_CLIENT_SECRET") and missing:
        return f"not signed in to Azure; set {' and '.join(missing)} too, or run: {_login()}"
    return (
        f"not signed in to Azure; run: {_login()}   (a pipeline sets {', '.join(_SECRET[:-1])}"
        f" and {_SECRET[-1]}; on Azure, assign a managed identity)"
    )


def _unreached(text: str, authority: str) -> bool:
    """Whether a credential broke off on its way to Entra; azure-identity keeps only the words."""
    return any(authority in line and _NO_WAY.search(line) is not None for line in text.splitlines())


def _login() -> str:
    tenant = os.environ.get("AZURE_TENANT_ID")
    return f"az login --tenant {tenant}" if tenant else "az login"


def _or_mend_the_secret() -> str:
    given = all(os.environ.get(name) for name in _SECRET)
    return ", or correct AZURE_CLIENT_SECRET" if given else ""


def _short(error: Exception) -> str:
    return cleaned(str(error))[:160]

"""Owns where Azure Resource Manager is and whom tokens are for. Reads no environment variable."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final, Literal, Self
from urllib.parse import urlsplit

type CloudName = Literal["public", "usgov", "china"]

_ARM: Final[dict[CloudName, str]] = {
    "public": "https://management.azure.com",
    "usgov": "https://management.usgovcloudapi.net",
    "china": "https://management.chinacloudapi.cn",
}
_AUTHORITY: Final[dict[CloudName, str]] = {
    "public": "login.microsoftonline.com",
    "usgov": "login.microsoftonline.us",
    "china": "login.chinacloudapi.cn",
}


@dataclass(frozen=True, slots=True)
class ArmConfig:
    """One Azure Resource Manager.

    ``endpoint`` is an https origin without a trailing slash; ``audience`` is what a token is asked
    for; ``ca_bundle`` is the file of an authority that the system does not know, for an ARM behind
    a proxy or a private one.
    """

    endpoint: str
    audience: str
    authority: str
    ca_bundle: str | None
    cloud: CloudName

    @classmethod
    def of(
        cls, cloud: CloudName, endpoint: str | None = None, ca_bundle: str | None = None
    ) -> Self:
        """The cloud's own ARM, or another one that takes the same cloud's tokens.

        Raises:
            ValueError: the cloud is unknown, or the endpoint is not an https origin.
        """
        if cloud not in _ARM:
            raise ValueError(f"cloud '{cloud}': expected one of {', '.join(_ARM)}")
        base = (endpoint or _ARM[cloud]).rstrip("/")
        parts = urlsplit(base)
        if parts.scheme != "https" or not parts.hostname or parts.path or parts.query:
            raise ValueError(
                f"ARM endpoint '{base}': expected https://host[:port] and nothing more"
            )
        return cls(base, _ARM[cloud], _AUTHORITY[cloud], ca_bundle, cloud)

    @property
    def scope(self) -> str:
        """What azure-identity calls the audience."""
        return f"{self.audience}/.default"

    def owns(self, url: str) -> bool:
        """Whether ``url`` lies on ARM's own origin: scheme, host and port, no credentials in it."""
        try:
            theirs = urlsplit(url)
            same_port = (theirs.port or 443) == (urlsplit(self.endpoint).port or 443)
        except ValueError:
            return False
        ours = urlsplit(self.endpoint)
        return (
            theirs.scheme == "https"
            and theirs.hostname == ours.hostname
            and same_port
            and "@" not in theirs.netloc
        )

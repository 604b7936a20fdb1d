"""Owns who exists: principals, the tokens issued to them, and how long a new one takes to be known everywhere."""

import base64
import json
from dataclasses import dataclass
from datetime import datetime, timedelta

from simulator.chance import Chance
from simulator.wire import Json

TENANT = "11111111-1111-1111-1111-111111111111"
ARM_AUDIENCE = "https://management.azure.com/"
TOKEN_LIFETIME = timedelta(hours=24)


@dataclass(frozen=True, slots=True)
class Principal:
    """Somebody who may call ARM; `name` is how drivers name it, `login` how the activity log does."""

    name: str
    object_id: str
    app_id: str
    kind: str
    login: str

    def claims(self) -> dict[str, str]:
        """Return the claims that events and the activity log show."""
        prefix = "http://schemas.microsoft.com/identity/claims"
        soap = "http://schemas.xmlsoap.org/ws/2005/05/identity/claims"
        claims = {
            "aud": ARM_AUDIENCE,
            "iss": f"https://sts.windows.net/{TENANT}/",
            "appid": self.app_id,
            "uti": self.object_id[:8],
            "ver": "1.0",
            f"{prefix}/objectidentifier": self.object_id,
            f"{prefix}/tenantid": TENANT,
            f"{soap}/nameidentifier": self.object_id,
        }
        if self.kind == "User":
            claims |= {"name": self.name, f"{soap}/name": self.login, f"{soap}/upn": self.login}
            claims[f"{prefix}/scope"] = "user_impersonation"
        else:
            claims[f"{prefix}/identityprovider"] = claims["iss"]
        return claims


RELINK = Principal(
    "relink",
    "22222222-2222-2222-2222-222222222222",
    "33333333-3333-3333-3333-333333333333",
    "ServicePrincipal",
    "22222222-2222-2222-2222-222222222222",
)
HUMAN = Principal(
    "human",
    "44444444-4444-4444-4444-444444444444",
    "04b07795-8ddb-461a-bbee-02f9e1bf7b46",
    "User",
    "kim@contoso.example",
)
OPERATOR = Principal(
    "operator",
    "55555555-5555-5555-5555-555555555555",
    "66666666-6666-6666-6666-666666666666",
    "ServicePrincipal",
    "55555555-5555-5555-5555-555555555555",
)
AKS_PROVIDER = Principal(
    "aks",
    "77777777-7777-7777-7777-777777777777",
    "7319c514-987d-4e9b-ac3d-d38c4f427f4c",
    "ServicePrincipal",
    "77777777-7777-7777-7777-777777777777",
)


class Directory:
    """The tenant's principals and the tokens that ARM accepts."""

    def __init__(self) -> None:
        self.principals = {p.name: p for p in (RELINK, HUMAN, OPERATOR, AKS_PROVIDER)}
        self._known: dict[str, datetime] = {}
        self._tokens: dict[str, tuple[str, datetime, str]] = {}

    def by_name(self, name: str) -> Principal:
        """Return a principal; a name never seen becomes a person (whose rights must still be granted)."""
        if name not in self.principals:
            digest = base64.b16encode(name.encode()).decode().lower().ljust(12, "0")[:12]
            object_id = f"88888888-8888-4888-8888-{digest}"
            self.principals[name] = Principal(
                name, object_id, HUMAN.app_id, "User", f"{name}@contoso.example"
            )
        return self.principals[name]

    def by_app(self, app_id: str) -> Principal | None:
        """Return the service principal of an application (client) id."""
        wanted = app_id.lower()
        found = (p for p in self.principals.values() if p.kind != "User")
        return next((p for p in found if p.app_id == wanted), None)

    def register(self, object_id: str, ready: datetime) -> None:
        """Make a principal known; role assignments find it from `ready` on."""
        self._known[object_id.lower()] = ready

    def knows(self, object_id: str, now: datetime) -> bool:
        """Tell whether a role can be assigned to the principal yet."""
        wanted = object_id.lower()
        if any(p.object_id == wanted for p in self.principals.values()):
            return True
        return wanted in self._known and self._known[wanted] <= now

    def forget(self, object_id: str) -> None:
        """Remove a principal, as happens to a system-assigned identity with its resource."""
        self._known.pop(object_id.lower(), None)

    def issue(self, principal: Principal, audience: str, now: datetime, chance: Chance) -> str:
        """Issue a token that looks like Entra's; its signature is random and ARM knows it by heart."""
        expires = now + TOKEN_LIFETIME
        claims: Json = {
            "aud": audience,
            "iss": f"https://sts.windows.net/{TENANT}/",
            "iat": int(now.timestamp()),
            "nbf": int(now.timestamp()),
            "exp": int(expires.timestamp()),
            "appid": principal.app_id,
            "oid": principal.object_id,
            "sub": principal.object_id,
            "tid": TENANT,
            "ver": "1.0",
        }
        if principal.kind == "User":
            claims |= {"upn": principal.login, "name": principal.name}
        head = {"alg": "RS256", "typ": "JWT", "kid": "simulated"}
        token = f"{_segment(head)}.{_segment(claims)}.{chance.hex(64)}"
        self._tokens[token] = (principal.name, expires, audience)
        return token

    def redeem(self, token: str, now: datetime, audience: str = "") -> Principal | None:
        """Return whose valid token this is; None for an unknown or expired one, or one for another audience."""
        name, expires, issued_for = self._tokens.get(token, ("", now, ""))
        if audience and issued_for.rstrip("/").lower() != audience:
            return None
        return self.principals[name] if name and expires > now else None


def _segment(claims: Json) -> str:
    raw = json.dumps(claims, separators=(",", ":")).encode()
    return base64.urlsafe_b64encode(raw).rstrip(b"=").decode()

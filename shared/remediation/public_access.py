"""Owns the judgement of ``publicNetworkAccess``, which knows three values.

``SecuredByPerimeter`` leaves the decision to a network security perimeter and overrides every other
setting (domain.md 5). It is put back where access was opened, which lets in less; it is never put
in the place of ``Disabled``, nor overwritten.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

from shared.model.finding import Disposition, Evidence
from shared.model.json import JsonObject, dig
from shared.model.parts import PublicAccess
from shared.remediation import sources
from shared.remediation.differences import Difference
from shared.remediator import Reason, Response

_SWITCH: Final = "publicNetworkAccess"
_WHY: Final = "NetworkSecurityPerimeter"

REASONS: Final = {
    "SecuredByPerimeter": Reason(
        "A network security perimeter decides over its access, against what is declared.",
        f"{sources.VAULT_NETWORK}: network security perimeter",
        Response.REPORTED,
    ),
    "PerimeterLeft": Reason(
        "Its access is closed and no longer the declared perimeter's.",
        f"{sources.VAULT_NETWORK}: network security perimeter",
        Response.REPORTED,
    ),
}


def in_perimeter(body: JsonObject) -> bool:
    """Whether a network security perimeter decides over the live resource."""
    return str(dig(body, f"properties.{_SWITCH}") or "").lower() == "securedbyperimeter"


def of_public_access(wanted: PublicAccess | None, body: JsonObject) -> Iterator[Difference]:
    """How the switch differs; an absent one counts as Enabled."""
    live = str(dig(body, f"properties.{_SWITCH}") or "Enabled")
    if wanted is None or live.lower() == wanted.lower():
        return
    seen = Evidence(_SWITCH, live, wanted)
    if in_perimeter(body):
        yield Difference("SecuredByPerimeter", (seen,), "", Disposition.REPORT, _WHY)
    elif wanted == "SecuredByPerimeter" and live.lower() != "enabled":
        yield Difference("PerimeterLeft", (seen,), "", Disposition.REPORT, _WHY)
    else:
        reason = "PublicAccessDisabled" if wanted == "Enabled" else "PublicAccessEnabled"
        repair = f"Relink sets {_SWITCH} to {wanted}, and that alone."
        yield Difference(reason, (seen,), repair)

"""Owns what the word means that Azure shows for where a resource stands: the one table of them.

Words are compared without case. Sources: the enumerations of the specifications (Microsoft.Network 2025-09-01,
ContainerService, MachineLearningServices 2025-12-01, Storage, KeyVault, ContainerRegistry,
KubernetesConfiguration, PrivateDns 2024-06-01) and recorded answers. A word that is not here is
unknown: neither in order nor failed nor under way, so a person is told.
"""

from __future__ import annotations

from enum import StrEnum
from types import MappingProxyType
from typing import Final

from shared.model.arm import provisioning_state
from shared.model.json import JsonObject


class Phase(StrEnum):
    """Where a resource or an operation stands."""

    GOOD = "good"  # Azure has ended, and well; or the kind shows no state
    BAD = "bad"  # Azure has ended and will not go on by itself
    UNDER_WAY = "under way"  # Azure is at work: look again
    LEAVING = "leaving"  # at work, and gone at the end
    UNKNOWN = "unknown"  # no word that Relink knows


_WORDS: Final = {
    Phase.GOOD: ("", "succeeded", "completed", "done"),
    Phase.BAD: ("failed", "canceled", "cancelled", "stopped", "timedout", "rejected"),
    Phase.LEAVING: ("deleting", "detaching", "deprovisioning", "removing"),
    Phase.UNDER_WAY: (
        "accepted", "attaching", "configuring", "creating", "inprogress", "migrating", "moving",
        "notstarted", "pending", "provisioning", "reconciling", "reconcilingclusteretcdcertificates",
        "registeringdns", "resizing", "resolvingdns", "restarting", "rotatingclustercertificates",
        "running", "scaling", "softdeleting", "starting", "stopping", "updating", "upgrading",
        "upgradingnodeimageversion", "validating", "waiting",
    ),
}  # fmt: skip
_PHASES: Final = MappingProxyType(
    {word: phase for phase, words in _WORDS.items() for word in words}
)


def phase(word: str) -> Phase:
    """What ``word`` says, a ``provisioningState`` or a ``virtualNetworkLinkState``."""
    return _PHASES.get(word.strip().lower(), Phase.UNKNOWN)


def phase_of(body: JsonObject) -> Phase:
    """What the ``provisioningState`` of ``body`` says."""
    return phase(provisioning_state(body))


def at_work(found: Phase) -> bool:
    """Whether Azure is at work and will come to an end by itself."""
    return found in {Phase.UNDER_WAY, Phase.LEAVING}

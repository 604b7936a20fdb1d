"""Owns what the errors of Kubernetes computes mean: for each, what to do first, and what nobody checks.

Codes and advice: how-to-troubleshoot-kubernetes-compute (03/2025) and domain facts, section 3.1.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from types import MappingProxyType
from typing import Final

from shared.model.environment import Compute
from shared.model.finding import Evidence
from shared.model.json import dig

_REATTACH: Final = "repair the cluster's endpoint, then detach and attach the compute"

FIRST: Final = MappingProxyType(
    {
        "GenericComputeError": f"the workspace cannot talk to the cluster; {_REATTACH}",
        "ComputeNotFound": "the workspace does not know the compute; attach it under the same name",
        "ComputeNotAccessible": f"the workspace has no access through the compute; {_REATTACH}",
        "InvalidComputeInformation": f"the compute's record is not valid any more; {_REATTACH}",
        "InvalidComputeNoKubernetesConfiguration": f"the compute has lost its cluster; {_REATTACH}",
        "ClusterNotReachable": "see that the cluster runs and its endpoint is Approved, then wait "
        "some minutes",
        "GenericClusterError": "the cluster's API server failed; look at the health of the cluster",
        "ClusterNotFound": "the cluster does not exist under the declared id; correct the manifest",
        "ClusterUnauthorized": "the trusted access token has expired; it is renewed within minutes",
        "RefreshExtensionIdentityNotSet": "the extension has no identity; install it again",
    }
)
"""Error code of a compute or its cluster to what to do first."""

_KNOWN: Final = MappingProxyType({code.lower(): (code, text) for code, text in FIRST.items()})


def explained(codes: Sequence[str]) -> Iterator[Evidence]:
    """A line for each documented code, in the order in which they came, each once."""
    for code in dict.fromkeys(code.lower() for code in codes):
        if code in _KNOWN:
            name, text = _KNOWN[code]
            yield Evidence(name, f"documented; {text}")


def remarks(compute: Compute) -> str:
    """What a person has to know before the compute is attached; nothing where there is nothing.

    Attaching neither makes nor checks the namespace, and of several user-assigned identities only
    the first counts (how-to-attach-kubernetes-to-workspace).
    """
    namespace = dig(compute.body, "properties.properties.namespace") or "default"
    said = [f"That the namespace '{namespace}' exists is not checked."]
    assigned = list(dig(compute.body, "identity.userAssignedIdentities") or ())
    if len(assigned) > 1:
        said.append(f"Of its {len(assigned)} identities only the first counts: {assigned[0]}.")
    return " ".join(said)

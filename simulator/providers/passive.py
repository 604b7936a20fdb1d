"""Owns kinds that environments contain but nothing is simulated of: they can be written, read, listed and deleted."""

from simulator.kind import Kind

TYPES = (
    "Microsoft.OperationalInsights/workspaces",
    "Microsoft.Network/bastionHosts",
    "Microsoft.Network/publicIPAddresses",
    "Microsoft.Network/applicationSecurityGroups",
    "Microsoft.Network/routeTables",
    "Microsoft.Compute/virtualMachines",
    "Microsoft.Compute/virtualMachineScaleSets",
)


class Passive(Kind):
    """A kind with no behaviour of its own."""

    load_rank = 1

    def __init__(self, type_name: str) -> None:
        self.type = type_name


KINDS: tuple[Kind, ...] = tuple(Passive(t) for t in TYPES)

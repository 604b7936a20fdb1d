"""``relink permissions``: what the identity has to be allowed, from the remediators themselves."""

from __future__ import annotations

from enum import StrEnum
from typing import Annotated

import typer

from cli.shell import shell_of

EXAMPLES = """\b
Examples:
  relink permissions --role reader
  relink permissions --role writer --json
"""

CORE_READS = (
    # Reads of the guards and of the assessment, whichever remediators are active.
    "Microsoft.Authorization/locks/read",
    "Microsoft.Authorization/permissions/read",
    "Microsoft.Authorization/roleAssignments/read",
    "Microsoft.ContainerService/managedClusters/privateLinkResources/read",
    "Microsoft.ContainerService/managedClusters/read",
    "Microsoft.Insights/eventtypes/values/read",
    "Microsoft.KubernetesConfiguration/extensions/read",
    "Microsoft.MachineLearningServices/workspaces/jobs/read",
    "Microsoft.MachineLearningServices/workspaces/onlineEndpoints/deployments/read",
    "Microsoft.MachineLearningServices/workspaces/onlineEndpoints/read",
    "Microsoft.Network/virtualNetworks/subnets/read",
)


class Role(StrEnum):
    """What the actions are for."""

    READER = "reader"
    WRITER = "writer"


def permissions(
    ctx: typer.Context,
    role: Annotated[
        Role | None, typer.Option(help="reader: to observe; writer: to repair; else both.")
    ] = None,
    *,
    as_json: Annotated[bool, typer.Option("--json", help="A JSON list.")] = False,
) -> None:
    """List the ARM actions that the active remediators need, one a line."""
    from remediators import REMEDIATORS  # noqa: PLC0415 - --help must stay quick

    found: dict[str, str] = {}
    for remediator in REMEDIATORS:
        if role is not Role.WRITER:
            found |= {action.lower(): action for action in remediator.read_permissions}
        if role is not Role.READER:
            found |= {action.lower(): action for action in remediator.permissions}
    if role is not Role.WRITER:
        found |= {action.lower(): action for action in CORE_READS}
    actions = [found[key] for key in sorted(found)]
    shell = shell_of(ctx)
    if as_json:
        shell.document(actions)
    else:
        shell.text("\n".join(actions))

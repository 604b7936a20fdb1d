"""Owns jobs: they are written, read and listed with the state that their writer gives them; nothing runs.

A job with `properties.status` Running and `properties.computeId` stands for work that a compute is busy with.
"""

from typing import override

from simulator.context import Context
from simulator.kind import Kind
from simulator.providers import links
from simulator.store import Resource


class Jobs(Kind):
    """Microsoft.MachineLearningServices/workspaces/jobs."""

    type = f"{links.WORKSPACE}/jobs"
    needs_location = False
    has_state = False

    @override
    def complete(self, context: Context, resource: Resource) -> None:
        del context
        resource.properties.setdefault("jobType", "Command")
        resource.properties.setdefault("status", "Running")


KINDS: tuple[Kind, ...] = (Jobs(),)

"""Owns jobs: they are written, read and listed with the state that their writer gives them; nothing runs.

A job with `properties.status` Running and `properties.computeId` stands for work that a compute is busy with.
"""

from typing import override

from simulator.call import Call
from simulator.context import Context
from simulator.errors import bad_request
from simulator.kind import Kind
from simulator.providers import links
from simulator.store import Resource


class Jobs(Kind):
    """Microsoft.MachineLearningServices/workspaces/jobs."""

    type = f"{links.WORKSPACE}/jobs"
    needs_location = False
    has_state = False
    dates_itself = True

    @override
    def check(self, call: Call) -> None:
        properties = call.properties()
        needed = ("jobType", "command", "environmentId")
        command = properties.get("jobType", "Command") == "Command"
        missing = [m for m in needed if command and not properties.get(m)]
        if missing:
            raise bad_request("UserError", f"A command job needs {' and '.join(missing)}.")

    @override
    def complete(self, context: Context, resource: Resource) -> None:
        del context
        properties = resource.properties
        if properties.setdefault("jobType", "Command") == "Command":
            properties.setdefault("command", "python main.py")
            properties.setdefault("environmentId", "azureml:environment:1")
        properties.setdefault("status", "Running")


KINDS: tuple[Kind, ...] = (Jobs(),)

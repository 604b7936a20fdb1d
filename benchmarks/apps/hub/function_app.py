"""An app that does nothing, durably: so many orchestrations of three activities."""

from collections.abc import Generator
from typing import Any

import azure.durable_functions as df
from durabletask import task

app = df.DFApp()
type Flow = Generator[task.Task[Any], Any, int]


@app.activity_trigger(input_name="value")
def echo(value: int) -> int:
    """Nothing."""
    return value


@app.orchestration_trigger(context_name="context")
def three(context: task.OrchestrationContext, value: int) -> Flow:
    """Three activities, one after the other."""
    total = 0
    for _ in range(3):
        total += yield context.call_activity("echo", input=value)
    return total

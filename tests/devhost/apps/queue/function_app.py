"""Queue functions: one that tells what it was given, one that always fails, one without a connection."""

import json
import os
from pathlib import Path

import azure.functions as func

app = func.FunctionApp()
MARKS = Path(os.environ["MARKS"])


@app.queue_trigger(arg_name="message", queue_name="%QUEUE%", connection="STORE")
def take(message: func.QueueMessage) -> None:
    body = message.get_body().decode()
    with (MARKS / "taken").open("a", encoding="utf-8") as file:
        file.write(json.dumps([body, message.dequeue_count, bool(message.insertion_time)]) + "\n")
    if body == "bad":
        raise RuntimeError("on purpose")


@app.queue_trigger(arg_name="message", queue_name="x", connection="NOT_SET")
def never(message: func.QueueMessage) -> None:
    raise AssertionError(message)

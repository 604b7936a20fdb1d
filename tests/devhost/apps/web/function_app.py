"""HTTP, Event Grid and timer functions that tell what they were given."""

import json
import os
import time
from pathlib import Path

import azure.functions as func

app = func.FunctionApp(http_auth_level=func.AuthLevel.FUNCTION)
MARKS = Path(os.environ["MARKS"])


def told(name: str, what: object) -> None:
    with (MARKS / name).open("a", encoding="utf-8") as file:
        file.write(json.dumps(what) + "\n")


def as_json(what: object, status: int = 200) -> func.HttpResponse:
    return func.HttpResponse(json.dumps(what), status_code=status, mimetype="application/json")


@app.route(route="echo/{name}/{n:int?}", methods=["GET", "POST"])
def echo(req: func.HttpRequest) -> func.HttpResponse:
    return as_json(
        {
            "method": req.method,
            "url": req.url,
            "route": dict(req.route_params),
            "query": dict(req.params),
            "header": req.headers.get("X-Sample"),
            "body": req.get_body().decode("latin-1"),
        }
    )


@app.route(route="echo/literal", methods=["GET"], trigger_arg_name="_req")
def literal(_req: func.HttpRequest) -> str:
    return "the literal one"


@app.route(route="binary", methods=["POST"])
def binary(req: func.HttpRequest) -> func.HttpResponse:
    return func.HttpResponse(req.get_body()[::-1], mimetype="application/octet-stream")


@app.route(
    route="health", methods=["GET"], trigger_arg_name="_req", auth_level=func.AuthLevel.ANONYMOUS
)
async def health(_req: func.HttpRequest) -> func.HttpResponse:
    return as_json({"ok": True})


@app.route(route="files/{*path}", methods=["GET"])
def files(req: func.HttpRequest) -> func.HttpResponse:
    return as_json(req.route_params["path"])


@app.route(route="cookie", methods=["GET"], trigger_arg_name="_req")
def cookie(_req: func.HttpRequest) -> func.HttpResponse:
    answer = func.HttpResponse(status_code=204)
    answer.headers.add("Set-Cookie", "a=1; Path=/")
    answer.headers.add("Set-Cookie", "b=2; HttpOnly")
    return answer


@app.route(route="fails", methods=["GET"], trigger_arg_name="_req")
def fails(_req: func.HttpRequest) -> func.HttpResponse:
    raise RuntimeError("on purpose")


@app.function_name("switched_off")
@app.route(route="off", methods=["GET"], trigger_arg_name="_req")
def off(_req: func.HttpRequest) -> func.HttpResponse:
    return as_json("on")


@app.event_grid_trigger(arg_name="event")
def grid(event: func.EventGridEvent) -> None:
    """Gets both kinds of events: which one follows the payload."""
    if event.subject == "/fails":
        raise RuntimeError("on purpose")
    told("grid", [type(event).__name__, event.id, event.subject, event.get_json()])


@app.generic_trigger(arg_name="events", type="eventGridTrigger", cardinality="many")
def batches(events: str) -> None:
    told("batches", [event["id"] for event in json.loads(events)])


@app.timer_trigger(schedule="%EVERY_SECOND%", arg_name="timer")
def tick(timer: func.TimerRequest) -> None:
    told("tick", [timer.past_due, time.time()])


@app.timer_trigger(schedule="0 0 0 1 1 *", arg_name="timer", run_on_startup=True)
def yearly(timer: func.TimerRequest) -> None:
    told("yearly", timer.past_due)

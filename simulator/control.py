"""Owns the control API: how a demo or a test looks behind ARM and breaks things as a person would.

Plain http on loopback, no authentication: it is a tool of whoever runs the simulator.
"""

import json
from typing import Any

from simulator.call import split_url
from simulator.cloud import Cloud
from simulator.delivery.grid import EventGrid
from simulator.delivery.storage import plane_from
from simulator.faults import fault_from
from simulator.wire import Exchange, Json, Request, Response


class Control:
    """Answers `/control/...`."""

    def __init__(self, cloud: Cloud, event_grid: EventGrid) -> None:
        self._cloud = cloud
        self._grid = event_grid

    def answer(self, request: Request) -> Response:
        """Answer a control request: 400 for one that is not understood, 404 for what does not exist."""
        path, query = split_url(request.url)
        try:
            body = json.loads(request.body) if request.body.strip() else {}
            return self._route(request.method, path.removeprefix("/control/"), query, body)
        except (ValueError, KeyError, TypeError) as error:
            return _reply(400, {"error": f"{type(error).__name__}: {error}"})

    def _route(self, method: str, path: str, query: dict[str, str], body: Json) -> Response:
        topic, _, rest = path.partition("/")
        match topic:
            case "faults":
                return self._faults(method, body)
            case "subscriptions":
                return self._subscriptions(method, rest, body)
            case "planes" if method == "POST":
                return self._plane(body)
            case "call" if method == "POST":
                return self._call(body)
            case "state" if method == "GET":
                found = self._cloud.inspect("/" + rest.strip("/"))
                return _reply(200 if found else 404, found)
            case _:
                return self._record(topic, query)

    def _record(self, topic: str, query: dict[str, str]) -> Response:
        match topic:
            case "health":
                return _reply(200, {"status": "ok", "speed": self._cloud.context.speed})
            case "events":
                return _reply(200, self._cloud.events[int(query.get("from", "0")) :])
            case "exchanges":
                found = [_exchange(e) for e in list(self._cloud.exchanges)]
                return _reply(200, [e for e in found if query.get("polls") or not e["poll"]])
            case _:
                return _reply(404, {"error": f"{topic} is not known"})

    def _call(self, body: Json) -> Response:
        caller = str(body.get("caller", "human"))
        reply = self._cloud.call(
            str(body["method"]), str(body["url"]), body.get("body"), caller=caller
        )
        whole = {"status": reply.status, "headers": reply.headers, "body": reply.json()}
        return _reply(200, whole)

    def _plane(self, body: Json) -> Response:
        given = dict(body)
        resource_id = str(given.pop("resourceId"))
        self._grid.planes[resource_id.lower()] = plane_from(given)
        return _reply(201, body)

    def _faults(self, method: str, body: Json) -> Response:
        match method:
            case "POST":
                self._cloud.add_fault(fault_from(body))
                return _reply(201, body)
            case "DELETE":
                self._cloud.clear_faults()
                self._grid.release()
                return Response(204, {}, b"")
            case _:
                active = self._cloud.faults.active
                return _reply(200, [{"kind": f.kind.value, "struck": f.struck} for f in active])

    def _subscriptions(self, method: str, name: str, body: Json) -> Response:
        match method:
            case "POST":
                return _reply(201, self._grid.subscribe(body).view())
            case "DELETE":
                self._grid.unsubscribe(name)
                return Response(204, {}, b"")
            case _:
                views = [s.view() | {"dead": s.dead} for s in self._grid.subscriptions.values()]
                return _reply(200, views)


def _exchange(exchange: Exchange) -> Json:
    whole: Json = json.loads(exchange.line())
    return whole | {"poll": exchange.poll}


def _reply(status: int, body: Any) -> Response:  # noqa: ANN401 - any JSON value
    return Response(status, {"Content-Type": "application/json"}, json.dumps(body).encode())

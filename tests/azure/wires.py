"""Wires for tests: the simulator without a socket, and canned answers. Both are requests adapters."""

from __future__ import annotations

import io
import json
import re
import threading
import time
from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from typing import Any
from urllib.parse import urlsplit

import requests
import urllib3
from azure.core.credentials import AccessToken
from azure.core.pipeline.transport import RequestsTransport
from requests.adapters import BaseAdapter

from shared.azure.config import ArmConfig
from shared.azure.gateway import Azure
from shared.model.progress import Progress, Waiting
from shared.model.resource_id import ResourceId
from shared.model.step import Step
from simulator.cloud import Cloud
from simulator.directory import RELINK
from simulator.sandbox import Sandbox
from simulator.wire import Request

PUBLIC = ArmConfig.of("public")
NOON = datetime(2026, 11, 1, 12, tzinfo=UTC)


class Token:
    """A credential whose token somebody else makes."""

    def __init__(self, make: Callable[[], str]) -> None:
        self._make = make
        self.scopes: list[str] = []

    def get_token(self, *scopes: str, **_: object) -> AccessToken:
        self.scopes += scopes
        return AccessToken(self._make(), int(time.time()) + 3600)


def _text(value: str | bytes) -> str:
    return value if isinstance(value, str) else value.decode()


class _Adapter(BaseAdapter):
    def send(
        self, request: requests.PreparedRequest, *_: object, **__: object
    ) -> requests.Response:
        status, headers, body = self.answer(request)
        answer = requests.Response()
        answer.status_code = status
        answer.headers.update(headers)
        answer.url = request.url or ""
        answer.request = request
        raw = urllib3.HTTPResponse(io.BytesIO(body), headers, status, preload_content=False)
        answer.raw = raw
        return answer

    def answer(self, request: requests.PreparedRequest) -> tuple[int, Mapping[str, str], bytes]:
        raise NotImplementedError

    def close(self) -> None:
        """Nothing is open."""


class Direct(_Adapter):
    """Hands each request to the simulator's state machine."""

    def __init__(self, cloud: Cloud) -> None:
        self._cloud = cloud

    def answer(self, request: requests.PreparedRequest) -> tuple[int, Mapping[str, str], bytes]:
        parts = urlsplit(request.url or "")
        body = request.body or b""
        assert isinstance(body, str | bytes), "the product streams nothing"
        asked = Request(
            request.method or "",
            f"{parts.path}?{parts.query}" if parts.query else parts.path,
            {name: _text(value) for name, value in request.headers.items()},
            body.encode() if isinstance(body, str) else body,
        )
        given = self._cloud.handle(asked)
        return given.status, given.headers, given.body


def shown(resource: ResourceId, **properties: object) -> dict[str, Any]:
    """How ARM shows ``resource``; an account never without its network rules."""
    told = {"provisioningState": "Succeeded", **properties}
    if resource.type == "microsoft.storage/storageaccounts":
        told.setdefault("networkAcls", {"defaultAction": "Deny"})
    return {"id": resource.text, "name": resource.name, "properties": told}


class Canned(_Adapter):
    """Answers by the first rule whose method and path fit; each rule may hold several answers."""

    def __init__(self) -> None:
        self._rules: list[tuple[str, str, list[tuple[int, Mapping[str, str], Any]]]] = []
        self.asked: list[requests.PreparedRequest] = []

    def rule(
        self,
        method: str,
        path: str,
        *answers: tuple[int, Any] | tuple[int, Any, Mapping[str, str]],
    ) -> None:
        full = [(a[0], a[2] if len(a) > 2 else {}, a[1]) for a in answers]
        self._rules.append((method, path, full))

    def answer(self, request: requests.PreparedRequest) -> tuple[int, Mapping[str, str], bytes]:
        self.asked.append(request)
        for method, path, answers in self._rules:
            if request.method == method and re.search(path, request.url or "", re.IGNORECASE):
                status, headers, body = answers.pop(0) if len(answers) > 1 else answers[0]
                if isinstance(body, Exception):
                    raise body
                text = json.dumps(body).encode() if body is not None else b""
                return status, {"Content-Type": "application/json", **headers}, text
        raise AssertionError(f"nothing canned for {request.method} {request.url}")


def transport(adapter: BaseAdapter) -> RequestsTransport:
    session = requests.Session()
    session.mount("https://", adapter)
    return RequestsTransport(session=session, session_owner=False)


def over_canned(canned: Canned, clock: Callable[[], datetime] = lambda: NOON) -> Azure:
    return Azure(PUBLIC, Token(lambda: "t"), clock, transport=transport(canned))


def over_cloud(cloud: Cloud) -> Azure:
    token = Token(lambda: cloud.token(RELINK))
    return Azure(PUBLIC, token, cloud.context.clock.now, transport=transport(Direct(cloud)))


def carry(
    azure: Azure,
    step: Step,
    tick: Callable[[float], None],
    *,
    looks: int = 400,
) -> Progress:
    """Start ``step`` and look until it is over; ``tick`` lets time pass (or waits)."""
    progress = azure.start(step)
    for _ in range(looks):
        if not isinstance(progress, Waiting):
            return progress
        assert json.loads(json.dumps(progress.token)) == progress.token
        tick(progress.after)
        progress = azure.look(step, progress.token)
    raise AssertionError(f"still waiting after {looks} looks: {progress}")


class Bench:
    """A gateway, the cloud behind it, and the ids of the environment ``prod``."""

    def __init__(self, azure: Azure, cloud: Cloud, clock: object) -> None:
        self.azure, self.cloud = azure, cloud
        self._clock = clock
        self.places = Sandbox().plan

    def id(self, text: str) -> ResourceId:
        return ResourceId.parse(text)

    @property
    def endpoint(self) -> ResourceId:
        return self.id(self.places.id("ml", "Microsoft.Network/privateEndpoints/prod-blob-pe"))

    @property
    def cluster_endpoint(self) -> ResourceId:
        return self.id(self.places.id("hub", "Microsoft.Network/privateEndpoints/prod-aks-pe"))

    @property
    def cluster(self) -> ResourceId:
        return self.id(self.places.cluster)

    @property
    def compute(self) -> ResourceId:
        return self.id(f"{self.places.workspace}/computes/k8s-a")

    @property
    def subscription(self) -> ResourceId:
        return self.id(f"/subscriptions/{self.places.subscription}")

    def live(self, resource: ResourceId) -> dict[str, Any]:
        body = self.cloud.get(resource.text)
        assert body is not None, f"{resource} is not there"
        return body

    def human(self, method: str, resource: ResourceId, body: object = None, query: str = "") -> int:
        url = f"{resource.text}?api-version=2024-01-01{query}"
        status = self.cloud.call(method, url, body).status  # type: ignore[arg-type]
        assert status < 300, f"{method} {resource}: {status}"
        self.settle()
        return status

    def settle(self) -> None:
        while self.cloud.next_due() is not None:
            self.tick(1.0)
            self.cloud.advance()

    def tick(self, seconds: float) -> None:
        if hasattr(self._clock, "advance"):
            self._clock.advance(seconds)
        else:
            threading.Event().wait(0.02)

    def carry(self, step: Step) -> Progress:
        return carry(self.azure, step, self.tick)

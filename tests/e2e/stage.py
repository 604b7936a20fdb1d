"""The whole product in one process on virtual time, with the simulator called without a socket.

Real SDK clients, real remediators, the real orchestrators on the inline engine; only the wire and
the clock are exchanged. Every schedule is reproducible.
"""

from __future__ import annotations

import copy
import io
import json
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from azure.core.credentials import AccessToken
from azure.core.pipeline.transport import RequestsTransport
from requests import PreparedRequest, Response, Session
from requests.adapters import BaseAdapter
from requests.structures import CaseInsensitiveDict

from remediators import REMEDIATORS
from shared.azure.config import ArmConfig
from shared.azure.gateway import Azure
from shared.composition import compose
from shared.model.codec import dump
from shared.model.environment import Environment
from shared.model.trigger import Cause, Trigger
from shared.triggers.intake import Intake
from shared.workflow.activities import ACTIVITIES
from shared.workflow.inline import Engine, VirtualTime
from shared.workflow.outbox import deliver_all
from shared.workflow.services import Services
from simulator.clock import VirtualClock
from simulator.cloud import Cloud
from simulator.directory import RELINK
from simulator.wire import Request
from simulator.worlds import private_inference
from simulator.worlds.plan import SUBSCRIPTION, Plan

START = datetime(2026, 11, 2, 9, 0, tzinfo=UTC)
ARM = "https://management.azure.com"
WRITABLE = ("location", "tags", "identity", "sku", "kind")


type Times = list[tuple[datetime, int]]
"""When which status was answered."""


class Wireless(BaseAdapter):
    """requests' wire, straight into the simulator."""

    def __init__(self, cloud: Cloud, clock: VirtualClock, times: Times) -> None:
        super().__init__()
        self._cloud, self._clock, self._times = cloud, clock, times

    def send(self, request: PreparedRequest, *_: object, **__: object) -> Response:
        body = request.body or b""
        raw = body.encode() if isinstance(body, str) else body
        assert isinstance(raw, bytes), "the product sends no streams"
        url = str(request.url).removeprefix(ARM)
        headers = {name: str(value) for name, value in request.headers.items()}
        answer = self._cloud.handle(Request(str(request.method), url, headers, raw))
        self._times.append((self._clock.now(), answer.status))
        response = Response()
        response.status_code = answer.status
        response.headers = CaseInsensitiveDict(answer.headers)
        response.raw = io.BytesIO(answer.body)
        response.request = request
        response.url = str(request.url)
        return response

    def close(self) -> None: ...


def transport(cloud: Cloud, clock: VirtualClock, times: Times) -> RequestsTransport:
    """azure-core's own transport over that wire; ``times`` gets a line an exchange."""
    session = Session()
    session.mount(ARM, Wireless(cloud, clock, times))
    return RequestsTransport(session=session, session_owner=False)


class Identity:
    """Tokens of the simulated managed identity, fresh each time: they live by the virtual clock."""

    def __init__(self, cloud: Cloud) -> None:
        self._cloud = cloud

    def get_token(self, *_: str, **__: object) -> AccessToken:
        return AccessToken(self._cloud.token(RELINK), 0)

    def get_token_info(self, *scopes: str, **_: object) -> AccessToken:
        return self.get_token(*scopes)


def declared(world: Iterable[Mapping[str, Any]], name: str) -> dict[str, Any]:
    """A manifest of a world of ``simulator.worlds``, written without reading it from Azure."""
    resources = list(world)
    kind = _by_type(resources)
    workspaces = kind("Microsoft.MachineLearningServices/workspaces")
    names = ("storageAccount", "keyVault", "containerRegistry")
    return {
        "apiVersion": "relink/v1",
        "kind": "Environment",
        "name": name,
        "workspaces": [
            {
                "id": each["id"],
                "publicNetworkAccess": "Disabled",
                **{key: each["properties"][key] for key in names},
            }
            for each in workspaces
        ],
        "storageAccounts": _access(kind("Microsoft.Storage/storageAccounts")),
        "keyVaults": _access(kind("Microsoft.KeyVault/vaults")),
        "registries": _access(kind("Microsoft.ContainerRegistry/registries")),
        "clusters": [
            {"id": each["id"]} for each in kind("Microsoft.ContainerService/managedClusters")
        ],
        "privateEndpoints": _endpoints(resources, kind),
        "computes": _computes(resources, kind),
    }


def _by_type(resources: list[Mapping[str, Any]]) -> Callable[[str], list[Mapping[str, Any]]]:
    def kind(wanted: str) -> list[Mapping[str, Any]]:
        found = []
        for each in resources:
            tail = each["id"].rsplit("/providers/", 1)[1].split("/")
            if "/".join([tail[0], *tail[1::2]]).lower() == wanted.lower():
                found.append(each)
        return [each for each in found if "-other" not in each["id"]]

    return kind


def _access(resources: Iterable[Mapping[str, Any]]) -> list[dict[str, Any]]:
    return [
        {
            "id": each["id"],
            "publicNetworkAccess": "Disabled",
            "defaultAction": "Deny",
            "trustedServices": True,
        }
        for each in resources
    ]


def _endpoints(
    resources: list[Mapping[str, Any]], kind: Callable[[str], list[Mapping[str, Any]]]
) -> list[dict[str, Any]]:
    found = []
    groups = kind("Microsoft.Network/privateEndpoints/privateDnsZoneGroups")
    records = [each for each in resources if "/A/" in each["id"]]
    for each in kind("Microsoft.Network/privateEndpoints"):
        body = {key: copy.deepcopy(each[key]) for key in ("location", "tags", "properties")}
        part: dict[str, Any] = {"id": each["id"], "body": body}
        for group in groups:
            if group["id"].startswith(each["id"] + "/"):
                zones = [
                    {
                        "name": config["name"],
                        "privateDnsZoneId": config["properties"]["privateDnsZoneId"],
                    }
                    for config in group["properties"]["privateDnsZoneConfigs"]
                ]
                part["zoneGroup"] = {"name": group["id"].rsplit("/", 1)[1], "zones": zones}
        if "-aks-pe" in each["id"]:
            site = each["id"].split("/")[4]
            own = [r for r in records if r["id"].split("/")[4] == site]
            part["records"] = [
                {"zone": r["id"].split("/A/")[0], "name": r["id"].split("/A/")[1]} for r in own
            ]
        found.append(part)
    return found


def _computes(
    resources: list[Mapping[str, Any]], kind: Callable[[str], list[Mapping[str, Any]]]
) -> list[dict[str, Any]]:
    assignments = [r for r in resources if "/roleAssignments/" in r["id"]]
    found = []
    for each in kind("Microsoft.MachineLearningServices/workspaces/computes"):
        if each["properties"]["computeType"] != "Kubernetes":
            continue
        body = {key: copy.deepcopy(each[key]) for key in (*WRITABLE[:3], "properties")}
        principal = body["identity"].pop("principalId", None)
        body["identity"].pop("tenantId", None)
        roles = [
            {
                "role": r["properties"]["roleDefinitionId"].rsplit("/", 1)[1],
                "scope": r["id"].split("/providers/Microsoft.Authorization")[0],
            }
            for r in assignments
            if principal and r["properties"]["principalId"] == principal
        ]
        found.append({"id": each["id"], "body": body, **({"roles": roles} if roles else {})})
    return found


@dataclass
class Stage:
    """One simulated Azure, one Relink, one clock. ``place`` holds manifests and records."""

    place: Path
    environ: Mapping[str, str]
    cloud: Cloud
    clock: VirtualClock
    services: Services
    azure: Azure
    notices: list[Mapping[str, Any]]
    intake: Intake
    name: str
    hook: Callable[[str, Mapping[str, Any]], None] | None = None
    after: Callable[[str, Mapping[str, Any]], None] | None = None
    prefix: str = ""
    times: Times = field(default_factory=list)
    signals: list[tuple[str, str, Any]] = field(default_factory=list)
    engine: Engine | None = None
    _ids: int = 0

    @property
    def ids(self) -> Plan:
        """Where things are in this world."""
        return Plan(self.name, SUBSCRIPTION, "westeurope")

    @property
    def environment(self) -> Environment:
        """What is declared."""
        return self.services.declared(self.name).environment

    def reborn(self, prefix: str = "again-") -> Stage:
        """A new process over the same cloud and records."""
        stage = assemble(self.cloud, self.clock, self.environ, self.place, self.name)
        stage.prefix = prefix
        return stage

    def advance(self, seconds: float) -> None:
        """Let time pass, operation by operation."""
        until = self.clock.now() + timedelta(seconds=seconds)
        while (due := self.cloud.next_due()) is not None and due <= until:
            self.clock.advance(max(0.0, (due - self.clock.now()).total_seconds()))
            self.cloud.advance()
        self.clock.advance(max(0.0, (until - self.clock.now()).total_seconds()))
        self.cloud.advance()

    def human(
        self, method: str, url: str, body: dict[str, Any] | None = None, query: str = ""
    ) -> dict[str, Any]:
        """A person's request, which is accepted; ``url`` without api-version."""
        answer = self.cloud.call(method, f"{url}?api-version=2024-01-01{query}", body)
        assert answer.status < 300, (method, url, answer.status, answer.body)
        return json.loads(answer.body) if answer.body else {}

    def restart(self, cluster: str) -> None:
        """Stop and start a cluster, as a person would."""
        self.human("POST", f"{cluster}/stop")
        self.advance(400)
        self.human("POST", f"{cluster}/start")
        self.advance(600)

    def trigger(self, cause: Cause = Cause.SWEEP, **more: Any) -> Trigger:  # noqa: ANN401 - Trigger's own fields
        """A wish for a run of everything."""
        self._ids += 1
        run = f"{self.prefix}run-{self._ids}"
        return Trigger(run, self.name, cause, self.clock.now(), **more)

    def run(self, trigger: Trigger | None = None) -> dict[str, Any]:
        """One run to its end, and the deliveries after it; its record."""
        wish = trigger or self.trigger()
        engine = Engine(self._call, VirtualTime(self.clock.now, self.advance))
        engine.signals = self.signals
        self.engine = engine
        engine.run("reconcile", dump(wish), wish.id)
        engine.drain()
        deliver_all(self.services, self.name)
        record = self.services.records.run(wish.id)
        assert record is not None
        return dict(record)

    def run_until_calm(self, most: int = 6) -> list[dict[str, Any]]:
        """Sweeps until one finds nothing to do; their records."""
        records = []
        for _ in range(most):
            records.append(self.run())
            if not records[-1]["units"] and records[-1]["outcome"] in {"InSync", "NotNeeded"}:
                return records
            wake = records[-1]["wakeAt"]
            if wake:
                until = datetime.fromisoformat(wake) - self.clock.now()
                self.advance(max(1.0, until.total_seconds()))
        raise AssertionError([(r["outcome"], [o["kind"] for o in r["outcomes"]]) for r in records])

    def events_since(self, position: int) -> list[dict[str, Any]]:
        """The events that Azure has emitted."""
        return list(self.cloud.events[position:])

    def deliver(self, events: Iterable[Mapping[str, Any]]) -> list[Trigger]:
        """Take events in; the wishes that come of it."""
        return [wish for event in events for wish in self.intake.take(event)]

    def writes(self) -> list[str]:
        """What Relink wrote: method and path."""
        return [
            f"{exchange.method} {exchange.url.split('?')[0]}"
            for exchange in self.cloud.writes()
            if exchange.caller == "relink"
        ]

    def _call(self, name: str, message: dict[str, Any]) -> dict[str, Any]:
        if self.hook is not None:
            self.hook(name, message)
        answer = ACTIVITIES[name](self.services, message)
        if self.after is not None:
            self.after(name, message)
        return answer


def build(
    tmp_path: Path,
    *,
    name: str = "prod",
    change: Callable[[dict[str, Any]], None] | None = None,
    environ: Mapping[str, str] | None = None,
    azure: type[Cloud] = Cloud,
    shape: Callable[[list[dict[str, Any]]], None] | None = None,
    **world: Any,  # noqa: ANN401 - options of the simulated world
) -> Stage:
    """A healthy world with its manifest.

    ``shape`` edits the resources before they are loaded, ``change`` the manifest before it is
    written.
    """
    clock = VirtualClock(START)
    cloud = azure(clock)
    resources = private_inference(prefix=name, **world)
    if shape is not None:
        shape(resources)
    cloud.load(copy.deepcopy(resources))
    clock.advance(3600)
    cloud.advance()
    manifest = declared(resources, name)
    if change is not None:
        change(manifest)
    folder = tmp_path / "environments"
    folder.mkdir(parents=True, exist_ok=True)
    (folder / f"{name}.yaml").write_text(json.dumps(manifest, indent=1))
    return assemble(cloud, clock, environ or {}, tmp_path, name)


def assemble(
    cloud: Cloud, clock: VirtualClock, environ: Mapping[str, str], place: Path, name: str
) -> Stage:
    """A Relink over what is there: called again, it is a process started anew."""
    times: Times = []
    azure = Azure(
        ArmConfig.of("public"),
        Identity(cloud),
        clock.now,
        transport=transport(cloud, clock, times),
        concurrency=1,
    )
    notices: list[Mapping[str, Any]] = []
    settings = {
        "RELINK_ENVIRONMENTS": (place / "environments").as_uri(),
        "RELINK_RECORDS": (place / "records").as_uri(),
        "RELINK_MODE": "remediate",
        "RELINK_APPROVE_MANIFEST_CHANGES": "false",
        "RELINK_PRINCIPAL_ID": RELINK.object_id,
        **environ,
    }
    composed = compose(settings, REMEDIATORS, clock=clock.now, azure=lambda: azure)
    services = replace(composed, notify=notices.append)
    stage = Stage(place, environ, cloud, clock, services, azure, notices, Intake(services), name)
    stage.times = times
    return stage

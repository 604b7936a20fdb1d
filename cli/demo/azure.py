"""Owns the person at the keyboard: what somebody does to Azure, and how Azure looks afterwards.

Talks to the simulator's control API only. What is compared before and after is read here, from ARM
and from what the simulator alone knows (whether a compute can reach its cluster), so that the
product does not judge itself.
"""

from __future__ import annotations

import time
from collections.abc import Iterable
from typing import Any

import httpx

from shared.model.environment import Compute, Environment, PrivateEndpoint
from shared.model.json import dig
from shared.model.resource_id import ResourceId

_VERSION = "api-version=2024-01-01"
_PATIENCE = 30.0
_BUSY = frozenset({"starting", "stopping", "updating", "creating", "deleting"})


class DemoError(Exception):
    """The demo cannot go on; the message says what was attempted and what was found."""


class Person:
    """Somebody with owner rights."""

    def __init__(self, control: str) -> None:
        self._http = httpx.Client(base_url=control, timeout=30.0, trust_env=False)

    def close(self) -> None:
        """Hang up."""
        self._http.close()

    def call(
        self, method: str, resource: ResourceId | str, body: object = None, tail: str = ""
    ) -> dict[str, Any]:
        """One ARM request; the JSON answer (empty where there is none). Waits while it is busy."""
        message = {"method": method, "url": f"{resource}{tail}?{_VERSION}", "body": body}
        deadline = time.monotonic() + _PATIENCE
        answer = self._http.post("call", json=message).raise_for_status().json()
        while answer["status"] in {409, 429} and time.monotonic() < deadline:
            time.sleep(0.2)
            answer = self._http.post("call", json=message).raise_for_status().json()
        if answer["status"] >= 400 and not (method == "GET" and answer["status"] == 404):  # noqa: PLR2004 - HTTP
            raise DemoError(f"{method} {resource}{tail} was refused: {answer['body']}")
        body = answer["body"]
        return dict(body) if isinstance(body, dict) else {}

    def wait_until(self, resource: ResourceId, path: str, wanted: str, seconds: float = 60) -> None:
        """Wait for a field to have a value and for the resource to be settled."""
        deadline = time.monotonic() + seconds
        while time.monotonic() < deadline:
            body = self.call("GET", resource)
            state = str(dig(body, "properties.provisioningState") or "").lower()
            if str(dig(body, path) or "").lower() == wanted.lower() and state not in _BUSY:
                return
            time.sleep(0.1)
        raise DemoError(f"{resource} did not reach {path} = {wanted} within {seconds:.0f} s")

    def wait_gone(self, resource: ResourceId, seconds: float = 60) -> None:
        """Wait for a resource to be deleted."""
        deadline = time.monotonic() + seconds
        while time.monotonic() < deadline:
            if "id" not in self.call("GET", resource):
                return
            time.sleep(0.1)
        raise DemoError(f"{resource} was not deleted within {seconds:.0f} s")

    def control(self, method: str, path: str, body: object = None) -> Any:  # noqa: ANN401 - JSON
        """A request to the control API itself."""
        answer = self._http.request(method, path, json=body).raise_for_status()
        return answer.json() if answer.content else None

    def writes_by_relink(self) -> list[str]:
        """What Relink's identity has written so far: method and path of each request."""
        return [
            f"{exchange['method']} {exchange['url'].split('?')[0]}"
            for exchange in self.control("GET", "exchanges")
            if exchange["caller"] == "relink" and exchange["method"] != "GET"
        ]

    def portrait(self, environment: Environment) -> dict[str, Any]:
        """How the environment looks, without what may differ after a repair (addresses, guids)."""
        seen: dict[str, Any] = {}
        addresses: set[str] = set()
        for endpoint in environment.private_endpoints:
            seen[endpoint.id.text], address = self._endpoint(endpoint)
            addresses.add(address)
        for compute in environment.computes:
            seen[compute.id.text] = self._compute(compute)
        for zone in _zones(environment):
            seen[zone.text] = self._records(zone, addresses)
        for resource in guarded(environment):
            seen[resource.text] = self._access(resource)
        return seen

    def _endpoint(self, endpoint: PrivateEndpoint) -> tuple[dict[str, Any], str]:
        body = self.call("GET", endpoint.id)
        listed = "privateLinkServiceConnections"
        connections = dig(body, f"properties.{listed}") or []
        connections += dig(body, f"properties.manual{listed[0].upper()}{listed[1:]}") or []
        nic = ResourceId.maybe(dig((dig(body, "properties.networkInterfaces") or [{}])[0], "id"))
        card = self.call("GET", nic) if nic else {}
        address = dig(
            (dig(card, "properties.ipConfigurations") or [{}])[0], "properties.privateIPAddress"
        )
        groups = self.call("GET", endpoint.id, tail="/privateDnsZoneGroups")
        zones = [
            sorted(
                str(dig(config, "properties.privateDnsZoneId")).lower()
                for config in dig(group, "properties.privateDnsZoneConfigs") or []
            )
            for group in groups.get("value", [])
        ]
        state = "properties.privateLinkServiceConnectionState.status"
        told = {
            "status": [dig(connection, state) for connection in connections],
            "target": [dig(c, "properties.privateLinkServiceId") for c in connections],
            "subnet": dig(body, "properties.subnet.id"),
            "tags": body.get("tags"),
            "zones": zones,
        }
        return told, str(address)

    def _compute(self, compute: Compute) -> dict[str, Any]:
        hidden = self._http.get(f"state{compute.id}").json()
        body = self.call("GET", compute.id)
        names = ("computeType", "resourceId", "disableLocalAuth", "properties", "provisioningState")
        return {
            "reaches its cluster": hidden.get("alive"),
            "roles": self._roles(compute, str(dig(body, "identity.principalId") or "")),
            "identity": dig(body, "identity.type"),
            "tags": body.get("tags"),
            **{name: dig(body, f"properties.{name}") for name in names},
        }

    def _roles(self, compute: Compute, principal: str) -> list[str]:
        """The declared roles that the compute's own identity holds."""
        held = []
        for role in compute.roles:
            tail = "/providers/Microsoft.Authorization/roleAssignments"
            listed = self.call("GET", role.scope, tail=tail).get("value", [])
            held += [
                f"{role.role} at {role.scope}"
                for each in listed
                if dig(each, "properties.principalId") == principal
                and str(dig(each, "properties.roleDefinitionId")).endswith(role.role)
            ]
        return sorted(held)

    def _records(self, zone: ResourceId, addresses: set[str]) -> dict[str, str]:
        """Name → whether the record leads to an endpoint's interface that exists."""
        told = {}
        for record in self.call("GET", zone, tail="/A").get("value", []):
            found = {entry["ipv4Address"] for entry in dig(record, "properties.aRecords") or []}
            told[record["name"]] = (
                "leads to an endpoint" if found <= addresses else f"stale: {found}"
            )
        return told

    def _access(self, resource: ResourceId) -> dict[str, Any]:
        body = self.call("GET", resource)
        names = ("publicNetworkAccess", "networkAcls", "networkRuleSet", "networkRuleBypassOptions")
        told = {name: dig(body, f"properties.{name}") for name in names}
        if isinstance(told["networkAcls"], dict) and "bypass" in told["networkAcls"]:
            # A comma list whose order says nothing.
            listed = sorted(word.strip() for word in told["networkAcls"]["bypass"].split(","))
            told["networkAcls"] = {**told["networkAcls"], "bypass": listed}
        return told


def guarded(environment: Environment) -> list[ResourceId]:
    """Everything with network access of its own."""
    found = [account.id for account in environment.storage_accounts]
    found += [vault.id for vault in environment.key_vaults]
    found += [registry.id for registry in environment.registries]
    return found + [workspace.id for workspace in environment.workspaces]


def _zones(environment: Environment) -> Iterable[ResourceId]:
    zones = {record.zone for each in environment.private_endpoints for record in each.records}
    for endpoint in environment.private_endpoints:
        if endpoint.zone_group:
            zones |= {config.private_dns_zone_id for config in endpoint.zone_group.zones}
    return sorted(zones)


def differences(before: dict[str, Any], after: dict[str, Any]) -> list[str]:
    """What does not look as it did, a line each."""
    found = []
    for resource, was in before.items():
        now = after.get(resource, {})
        for name in sorted({*was, *now}):
            if was.get(name) != now.get(name):
                short = resource.rsplit("/", 1)[1]
                found.append(f"{short}: {name} was {was.get(name)!r}, is {now.get(name)!r}")
    return found

"""Owns the judgement of rules that let a subnet in and no longer do: by what they do, not by their ids.

A storage account shows the state of each rule (``Provisioning``, ``Deprovisioning``, ``Succeeded``,
``Failed``, ``NetworkSourceDeleted``; storageAccounts 2024-01-01). One whose subnet was deleted stays
listed and lets nobody in, also when a subnet of that name is made again: it has to be removed and
added. Vaults and registries show no such state.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

from shared.model.actual import Absent, Actual, Found, Read
from shared.model.environment import StorageAccount
from shared.model.finding import Disposition, Evidence
from shared.model.json import JsonObject, dig
from shared.model.resource_id import ResourceId
from shared.remediation.commands import run
from shared.remediation.differences import Difference, get, held, unread

_RULES: Final = "properties.networkAcls.virtualNetworkRules"
_DEAD: Final = frozenset({"networksourcedeleted", "failed"})


def dead_rules(part: StorageAccount, body: JsonObject) -> dict[ResourceId, str]:
    """The declared subnets whose rule lets nobody in, each with the state that says so."""
    found = {}
    for rule in dig(body, _RULES) or ():
        subnet, state = ResourceId.maybe(dig(rule, "id")), str(dig(rule, "state") or "")
        if subnet in part.allowed_subnets and state.lower() in _DEAD:
            found[subnet] = state
    return found


def rule_reads(part: StorageAccount, actual: Actual) -> Iterator[Read]:
    """The subnets of dead rules: whether there is something to let in again."""
    yield from (get(subnet) for subnet in sorted(dead_rules(part, actual.body(part.id) or {})))


def of_dead_rules(part: StorageAccount, body: JsonObject, actual: Actual) -> Iterator[Difference]:
    """What is wrong with them: a person removes and adds, or takes the subnet out of the manifest."""
    dead = dead_rules(part, body)
    seen = {subnet: Evidence(f"rule of {subnet}", dead[subnet], "Succeeded") for subnet in dead}
    there = [subnet for subnet in sorted(dead) if isinstance(actual.answer(subnet), Found)]
    gone = [subnet for subnet in sorted(dead) if isinstance(actual.answer(subnet), Absent)]
    if there:
        evidence = tuple(seen[subnet] for subnet in there)
        command = " && ".join(
            run(
                f"az storage account network-rule {verb}", "--account-name", part.id.name,
                "--resource-group", part.id.resource_group,
                "--subscription", part.id.subscription, "--subnet", subnet.text,
            )
            for subnet in there
            for verb in ("remove", "add")
        )  # fmt: skip
        report = Disposition.REPORT
        yield Difference("SubnetRuleDead", evidence, "", report, "ByHand", command)
    elif gone:
        lost = (Evidence("subnet", f"none at {subnet} (404)", "the subnet") for subnet in gone)
        evidence = (*(seen[subnet] for subnet in gone), *lost)
        yield Difference("SubnetRuleDead", evidence, "", Disposition.REPORT, "ResourceGone")
    elif dead:
        first = min(dead)
        obstacle = unread(f"subnet {first}", actual.answer(first))
        yield held(Difference("SubnetRuleDead", tuple(seen.values())), obstacle)

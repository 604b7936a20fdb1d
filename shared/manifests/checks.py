"""Owns what no manifest can know of itself: scopes, roles, names and owners across files."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator, Sequence
from typing import Final

from shared.manifests.document import Path
from shared.manifests.parsing import Parsed, texts
from shared.manifests.problem import Problem
from shared.model.environment import (
    SECTIONS,
    Environment,
    Insights,
    ManagedCompute,
    NetworkSecurityGroup,
    Peering,
    PrivateDnsZone,
    SecurityRule,
    UserIdentity,
    VirtualNetwork,
    ZoneLink,
)
from shared.model.resource_id import InvalidResourceIdError, ResourceId
from shared.model.roles import ALLOWED_ROLES, role_name


def power_problems(parsed: Parsed, scopes: tuple[ResourceId, ...] | None) -> Iterator[Problem]:
    """Ids outside of ``scopes`` and roles outside of the list.

    Every text that is an id counts, those inside of bodies as well (subnets, targets, zones,
    scopes of roles, user-assigned identities). Without ``scopes``, the subscriptions of the
    manifest's own workspaces are allowed.
    """
    allowed = scopes if scopes is not None else _own_subscriptions(parsed.environment)
    shown = ", ".join(str(scope) for scope in allowed) or "none: RELINK_SCOPES is not set"
    for path, text in texts(parsed.document.value):
        if not text.lower().startswith("/subscriptions/"):
            continue
        try:
            resource = ResourceId.parse(text)
        except InvalidResourceIdError as error:
            yield parsed.problem(path, found="", allowed="a resource id", message=str(error))
            continue
        if not any(resource.within(scope) for scope in allowed):
            yield parsed.problem(
                path, found=f"'{text}'", allowed=shown, message="is outside of RELINK_SCOPES"
            )
    yield from _role_problems(parsed)


def _own_subscriptions(environment: Environment) -> tuple[ResourceId, ...]:
    found = {workspace.id.subscription.lower() for workspace in environment.workspaces}
    return tuple(ResourceId.parse(f"/subscriptions/{guid}") for guid in sorted(found))


def _role_problems(parsed: Parsed) -> Iterator[Problem]:
    for at, compute in enumerate(parsed.environment.computes):
        for number, role in enumerate(compute.roles):
            if role_name(role.role) is None:
                yield parsed.problem(
                    ("computes", at, "roles", number, "role"),
                    found=f"'{role.role}'",
                    allowed=", ".join(f"{guid} ({name})" for guid, name in ALLOWED_ROLES.items()),
                    message="is not a role that a manifest may give",
                )


def name_problems(parsed: Sequence[Parsed], incumbents: frozenset[str]) -> dict[str, Problem]:
    """By file: manifests whose name another one has.

    One keeps it: a file of ``incumbents`` (it had the name before) ahead of others, then the
    first in the order of files.
    """
    keeper: dict[str, Parsed] = {}
    found: dict[str, Problem] = {}
    for each in sorted(parsed, key=lambda each: (each.file not in incumbents, each.file)):
        first = keeper.setdefault(each.environment.name, each)
        if first is not each:
            found[each.file] = each.problem(
                ("name",),
                found=f"'{each.environment.name}'",
                allowed="a name that no other manifest has",
                message=f"is the name of the environment in {first.file} already",
            )
    return found


def settle_owners(parsed: Sequence[Parsed]) -> tuple[dict[str, Environment], tuple[Problem, ...]]:
    """By file: each environment, with ``owned: false`` on what two manifests claim.

    A resource, or an own A record, that two manifests own is written by neither until one of them
    says ``owned: false``; each claim is a problem that names the other file. What environments
    share by nature (a peering, a zone's link, a security rule) may be declared by several, as long
    as all say the same.
    """
    claims: dict[str, list[tuple[Parsed, Path]]] = defaultdict(list)
    said: dict[str, set[str]] = defaultdict(set)
    for each in parsed:
        for key, path, content in _claims(each.environment):
            claims[key].append((each, path))
            said[key].add(content or each.file)
    contested: dict[str, set[Path]] = defaultdict(set)
    problems = []
    for key, holders in claims.items():
        if len({each.file for each, _ in holders}) > 1 and len(said[key]) > 1:
            for each, path in holders:
                contested[each.file].add(path[:2])
                problems.append(_overlap(each, path, key, holders))
    settled = {each.file: _disowned(each.environment, contested[each.file]) for each in parsed}
    return settled, tuple(problems)


def _claims(environment: Environment) -> Iterator[tuple[str, Path, str]]:
    """What the environment owns: key, path, and what it says of it where others may say the same."""
    for attribute, name in SECTIONS.items():
        for at, part in enumerate(getattr(environment, attribute)):
            if part.owned and isinstance(part, _SHARED):
                yield from _shared_claims(part, (name, at))
            elif part.owned and not isinstance(part, _NEVER_WRITTEN):
                yield part.id.key, (name, at, "id"), ""
    for at, endpoint in enumerate(environment.private_endpoints):
        for number, record in enumerate(endpoint.records if endpoint.owned else ()):
            path = ("privateEndpoints", at, "records", number)
            yield f"{record.zone.key}/a/{record.name.lower()}", path, ""


_SHARED: Final = (VirtualNetwork, NetworkSecurityGroup, PrivateDnsZone)
_NEVER_WRITTEN: Final = (Insights, ManagedCompute, UserIdentity)
"""Reported on, or, as an identity, given roles that take nothing from another manifest's."""


def _shared_claims(
    part: VirtualNetwork | NetworkSecurityGroup | PrivateDnsZone, path: Path
) -> Iterator[tuple[str, Path, str]]:
    items: list[Peering | SecurityRule | ZoneLink]
    match part:
        case VirtualNetwork():
            kind, items = "peerings", [*part.peerings]
        case NetworkSecurityGroup():
            kind, items = "rules", [*part.rules]
        case PrivateDnsZone():
            kind, items = "links", [*part.links]
    for number, item in enumerate(items):
        key = f"{part.id.key}/{kind}/{item.name.lower()}"
        yield key, (*path, kind, number), item.model_dump_json().lower()


def _overlap(own: Parsed, path: Path, key: str, holders: Iterable[tuple[Parsed, Path]]) -> Problem:
    others = sorted({each.file for each, _ in holders if each.file != own.file})
    return own.problem(
        path,
        found=key,
        allowed="one manifest that owns it; the others say owned: false",
        message=f"is owned by {' and '.join(others)} as well, so it is written by neither",
    )


def _disowned(environment: Environment, contested: set[Path]) -> Environment:
    if not contested:
        return environment
    changed = {}
    for attribute, name in SECTIONS.items():
        parts = getattr(environment, attribute)
        changed[attribute] = tuple(
            part.model_copy(update={"owned": False}) if (name, at) in contested else part
            for at, part in enumerate(parts)
        )
    return environment.model_copy(update=changed)

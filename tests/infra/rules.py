"""Rules over parsed templates: what Relink's own infrastructure must never do. Each gives problems."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

MOST_VALUES = 25
NEVER_ON_FLEX = frozenset(
    {
        "FUNCTIONS_WORKER_RUNTIME",
        "FUNCTIONS_EXTENSION_VERSION",
        "SCM_DO_BUILD_DURING_DEPLOYMENT",
        "ENABLE_ORYX_BUILD",
        "WEBSITE_CONTENTSHARE",
        "WEBSITE_CONTENTAZUREFILECONNECTIONSTRING",
        "WEBSITE_RUN_FROM_PACKAGE",
        "WEBSITE_VNET_ROUTE_ALL",
        "AzureWebJobsStorage",
    }
)


@dataclass(frozen=True, slots=True)
class Resource:
    """A resource of a template: its type without the version, and its properties by path."""

    type: str
    existing: bool
    body: Any
    line: int

    def at(self, path: str) -> Any:  # noqa: ANN401 - a node, or nothing
        """The node at a dotted path; nothing where there is none."""
        node = self.body
        for part in path.split("."):
            node = next((v for k, v in _props(node) if k == part), None)
            if node is None:
                return None
        return node

    def value(self, path: str) -> object:
        """The literal at a path; nothing where it is missing or computed."""
        node = self.at(path)
        if node is None:
            return None
        match node.k:
            case "str" if all(isinstance(part, str) for part in node.parts):
                return "".join(node.parts)
            case "bool" | "int":
                return node.value
            case _:
                return None


def _props(node: Any) -> Iterator[tuple[Any, Any]]:  # noqa: ANN401 - the parser's nodes
    if node is not None and node.k == "obj":
        for key, value, _ in node.props:
            yield key, value


def nodes(found: Any) -> Iterator[Any]:  # noqa: ANN401 - the parser's nodes
    """Every node in a tree."""
    if isinstance(found, list | tuple):
        for each in found:
            yield from nodes(each)
    elif hasattr(found, "k") and hasattr(found, "f"):
        yield found
        yield from nodes(list(found.f.values()))


def resources(statements: list[Any]) -> list[Resource]:
    """The resources of a template, nested ones with their parent's type."""
    return [r for each in statements if each.k == "resource" for r in _resource(each, "")]


def _resource(node: Any, parent: str) -> Iterator[Resource]:  # noqa: ANN401 - the parser's node
    name = "".join(part for part in node.type.parts if isinstance(part, str)).partition("@")[0]
    name = f"{parent}/{name}" if parent else name
    body = node.body
    while body.k in {"for", "if"}:
        body = body.body
    yield Resource(name, node.existing, body, node.line)
    for nested in body.nested:
        yield from _resource(nested, name)


def no_keys(statements: list[Any]) -> Iterator[str]:
    """Nothing lists keys, and no connection string with a key is built."""
    for node in nodes(statements):
        if node.k == "call" and str(node.name).startswith("list"):
            yield f"line {node.line}: calls {node.name}"
        if node.k == "str" and any(isinstance(p, str) and "AccountKey=" in p for p in node.parts):
            yield f"line {node.line}: a connection string with a key"


def storage_knows_no_keys(statements: list[Any]) -> Iterator[str]:
    """Storage accounts refuse shared keys, public blobs and old TLS."""
    wanted = {
        "properties.allowSharedKeyAccess": False,
        "properties.allowBlobPublicAccess": False,
        "properties.supportsHttpsTrafficOnly": True,
        "properties.minimumTlsVersion": "TLS1_2",
    }
    yield from _values(statements, "Microsoft.Storage/storageAccounts", wanted)


def telemetry_knows_no_keys(statements: list[Any]) -> Iterator[str]:
    """Application Insights and Log Analytics take Entra tokens only."""
    yield from _values(
        statements, "Microsoft.Insights/components", {"properties.DisableLocalAuth": True}
    )
    yield from _values(
        statements,
        "Microsoft.OperationalInsights/workspaces",
        {"properties.features.disableLocalAuth": True},
    )


def own_topic_knows_no_keys(statements: list[Any]) -> Iterator[str]:
    """The topic of Relink's own events takes Entra tokens, CloudEvents and TLS 1.2 only."""
    wanted = {
        "properties.inputSchema": "CloudEventSchemaV1_0",
        "properties.disableLocalAuth": True,
        "properties.minimumTlsVersionAllowed": "1.2",
    }
    yield from _values(statements, "Microsoft.EventGrid/topics", wanted)


def app_is_closed(statements: list[Any]) -> Iterator[str]:
    """The app speaks https only; FTP and basic publishing are off."""
    wanted = {"properties.httpsOnly": True, "properties.siteConfig.ftpsState": "Disabled"}
    yield from _values(statements, "Microsoft.Web/sites", wanted)
    policy = "Microsoft.Web/sites/basicPublishingCredentialsPolicies"
    yield from _values(statements, policy, {"properties.allow": False})
    sites = [r for r in resources(statements) if r.type == "Microsoft.Web/sites" and not r.existing]
    named = {r.value("name") for r in resources(statements) if r.type == policy}
    if sites and named != {"ftp", "scm"}:
        yield "basic publishing is not declared off for both ftp and scm"


def app_is_what_relink_runs_on(statements: list[Any]) -> Iterator[str]:
    """Python 3.13; the package is fetched by identity."""
    config = "properties.functionAppConfig"
    wanted = {
        f"{config}.runtime.name": "python",
        f"{config}.runtime.version": "3.13",
        f"{config}.deployment.storage.authentication.type": "UserAssignedIdentity",
    }
    yield from _values(statements, "Microsoft.Web/sites", wanted)


def no_setting_that_flex_refuses(statements: list[Any]) -> Iterator[str]:
    """Settings that Flex Consumption does not take, and the host's storage by connection string."""
    for key in app_settings(statements) & NEVER_ON_FLEX:
        yield f"the app setting {key}"


def app_settings(statements: list[Any]) -> frozenset[str]:
    """The names of all app settings, conditional ones included."""
    found: set[str] = set()
    for resource in resources(statements):
        if (
            resource.type == "Microsoft.Web/sites/config"
            and resource.value("name") == "appsettings"
        ):
            inner = resource.at("properties")
            found |= {k for n in nodes(inner) if n.k == "obj" for k, _ in _props(n)}
    return frozenset(str(key) for key in found)


def principals_have_a_type(statements: list[Any]) -> Iterator[str]:
    """Every assignment says whose it is, so that a fresh principal is not looked up too early."""
    for resource in resources(statements):
        assigns = resource.type == "Microsoft.Authorization/roleAssignments"
        if assigns and resource.at("properties.principalType") is None:
            yield f"line {resource.line}: an assignment without principalType"


def roles_list_their_actions(statements: list[Any]) -> Iterator[str]:
    """Custom roles take generated lists; none has a wildcard or is free to be assigned anywhere."""
    for resource in resources(statements):
        if resource.type != "Microsoft.Authorization/roleDefinitions":
            continue
        for node in nodes(resource.at("properties.permissions")):
            if node.k == "str":
                yield f"line {resource.line}: an action that is not generated: {node.parts}"
        scopes = resource.at("properties.assignableScopes")
        if scopes is None or any(n.k == "str" and n.parts == ["/"] for n in nodes(scopes)):
            yield f"line {resource.line}: assignable anywhere"


def writers_are_conditional(statements: list[Any]) -> Iterator[str]:
    """Whatever assigns a role called writer carries the condition to the closed list."""
    for node in statements:
        if node.k != "resource" or node.existing or node.name != "writes":
            continue
        for resource in _resource(node, ""):
            if resource.at("properties.condition") is None:
                yield f"line {resource.line}: the writer's assignment has no condition"
            if resource.value("properties.conditionVersion") != "2.0":
                yield f"line {resource.line}: the condition has no version"


def writing_is_optional(statements: list[Any]) -> Iterator[str]:
    """A writer's role and its assignment exist only where the mode allows writing."""
    for node in statements:
        if node.k == "resource" and node.name in {"writer", "writes"} and node.body.k != "if":
            yield f"line {node.line}: {node.name} does not depend on the mode"


def events_are_not_lost(statements: list[Any]) -> Iterator[str]:
    """Event subscriptions bury by identity, and filter by the generated operations."""
    for resource in resources(statements):
        if not resource.type.endswith("/eventSubscriptions"):
            continue
        if resource.at("properties.deadLetterWithResourceIdentity") is None:
            yield f"line {resource.line}: no dead letters by identity"
        if resource.at("properties.deadLetterDestination") is not None:
            yield f"line {resource.line}: dead letters by key"
        filters = resource.at("properties.filter.advancedFilters")
        if filters is None:
            yield f"line {resource.line}: no filter"
        for node in nodes(filters) if filters else ():
            if node.k == "arr" and len(node.items) > MOST_VALUES:
                yield f"line {resource.line}: over {MOST_VALUES} values"
            values = dict(_props(node)).get("values")
            if values is not None and (values.k != "prop" or values.name != "operations"):
                yield f"line {resource.line}: operations that are not generated"


def alerts_reach_somebody(statements: list[Any]) -> Iterator[str]:
    """Every rule has an action and resolves itself."""
    for resource in resources(statements):
        if resource.type.lower().endswith(("/scheduledqueryrules", "/metricalerts")):
            if resource.at("properties.actions") is None:
                yield f"line {resource.line}: an alert that tells nobody"
            if resource.value("properties.enabled") is not True:
                yield f"line {resource.line}: an alert that is off"


def nothing_is_public_by_type(statements: list[Any]) -> Iterator[str]:
    """Containers are never public."""
    containers = "Microsoft.Storage/storageAccounts/blobServices/containers"
    yield from _values(statements, containers, {"properties.publicAccess": "None"})


def _values(statements: list[Any], kind: str, wanted: Mapping[str, object]) -> Iterator[str]:
    for resource in resources(statements):
        if resource.type != kind or resource.existing:
            continue
        for path, value in wanted.items():
            if resource.value(path) != value:
                yield f"line {resource.line}: {kind} {path} is not {value}"


type Rule = Callable[[list[Any]], Iterator[str]]

RULES: tuple[Rule, ...] = (
    no_keys,
    storage_knows_no_keys,
    telemetry_knows_no_keys,
    own_topic_knows_no_keys,
    app_is_closed,
    app_is_what_relink_runs_on,
    no_setting_that_flex_refuses,
    principals_have_a_type,
    roles_list_their_actions,
    writers_are_conditional,
    writing_is_optional,
    events_are_not_lost,
    alerts_reach_somebody,
    nothing_is_public_by_type,
)

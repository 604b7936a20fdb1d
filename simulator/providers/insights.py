"""Owns Application Insights components and diagnostic settings, the extension that any resource may have.

Settings are told to the resource they lie on and go with it; Resource Graph and lists of resources show none of them.
PATCH of a component knows tags only. Shapes: insights components 2020-02-02, diagnosticSettings 2021-05-01-preview.
"""

from collections.abc import Iterable
from typing import override

from simulator.call import Call
from simulator.clock import stamp
from simulator.context import Context
from simulator.directory import TENANT
from simulator.errors import ArmError, bad_request
from simulator.kind import Kind
from simulator.paths import same
from simulator.store import Resource
from simulator.wire import Json, Reply

COMPONENTS = "Microsoft.Insights/components"
SETTINGS = "Microsoft.Insights/diagnosticSettings"
LOGS = "Microsoft.OperationalInsights/workspaces"
MOST_SETTINGS = 5
# What sending to a destination needs there: member of the setting, action.
DESTINATIONS = {
    "workspaceId": f"{LOGS}/sharedKeys/action",
    "storageAccountId": "Microsoft.Storage/storageAccounts/listKeys/action",
    "eventHubAuthorizationRuleId": "Microsoft.EventHub/namespaces/authorizationRules/listkeys/action",
    "marketplacePartnerId": "",
}
_ACCESS = ("publicNetworkAccessForIngestion", "publicNetworkAccessForQuery")


class Components(Kind):
    """An Application Insights component; who reaches it from public networks is two members of it."""

    type = COMPONENTS
    create_status = 200
    load_rank = 3
    read_only = frozenset(
        [
            "provisioningState",
            "AppId",
            "ApplicationId",
            "InstrumentationKey",
            "ConnectionString",
            "CreationDate",
            "TenantId",
            "Name",
            "PrivateLinkScopedResources",
        ]
    )

    @override
    def check(self, call: Call) -> None:
        super().check(call)
        if not call.body.get("kind"):
            raise bad_request("MissingRequiredProperty", "A component needs its kind.")
        for member in _ACCESS:
            if call.properties().get(member, "Enabled") not in (
                "Enabled",
                "Disabled",
                "SecuredByPerimeter",
            ):
                raise bad_request("InvalidRequestContent", f"{member} is Enabled or Disabled.")

    @override
    def complete(self, context: Context, resource: Resource) -> None:
        properties = resource.properties
        properties.setdefault("Application_Type", "web")
        properties.setdefault("AppId", context.chance.guid())
        properties.setdefault("InstrumentationKey", context.chance.guid())
        properties["ApplicationId"] = properties["Name"] = resource.name
        properties.setdefault("CreationDate", stamp(resource.created))
        properties["TenantId"] = TENANT
        properties.setdefault("RetentionInDays", 90)
        properties.setdefault("IngestionMode", "LogAnalytics")
        for member in _ACCESS:
            properties.setdefault(member, "Enabled")
        region = str(resource.body.get("location"))
        properties["ConnectionString"] = (
            f"InstrumentationKey={properties['InstrumentationKey']};"
            f"IngestionEndpoint=https://{region}-0.in.applicationinsights.azure.com/"
        )
        resource.body.setdefault("kind", "web")

    @override
    def merge(self, call: Call, resource: Resource) -> None:
        """Take the tags over; other members of a PATCH are not looked at."""
        resource.body["tags"] = call.body.get("tags") or {}


class DiagnosticSettings(Kind):
    """Where a resource's logs and metrics are sent; it lies on the resource and goes with it."""

    type = SETTINGS
    needs_location = False
    has_state = False
    create_status = 200
    load_rank = 9

    @override
    def check(self, call: Call) -> None:
        """Want a resource, a destination that exists, something to send, and a free place."""
        scope, properties = call.path.scope, call.properties()
        _want(call, scope)
        sent = [d for d in DESTINATIONS if properties.get(d)]
        if not sent:
            raise bad_request(
                "BadRequest",
                "At least one data sink needs to be specified: a storage account, an event hub or a workspace.",
            )
        for member in ("workspaceId", "storageAccountId"):
            if properties.get(member):
                _want(call, str(properties[member]))
        if not properties.get("logs") and not properties.get("metrics"):
            raise bad_request("BadRequest", "At least one log or metric has to be named.")
        others = [s for s in settings_on(call.context, scope) if s.key != call.path.key]
        if len(others) >= MOST_SETTINGS:
            raise bad_request(
                "BadRequest",
                f"The resource {scope} has {MOST_SETTINGS} diagnostic settings, the most there can be.",
            )
        self._refuse_doubles(call, others)

    def _refuse_doubles(self, call: Call, others: list[Resource]) -> None:
        wanted = call.properties()
        for other in others:
            for sink in ("workspaceId", "storageAccountId"):
                if wanted.get(sink) and same(wanted[sink], other.properties.get(sink)):
                    raise ArmError(
                        409,
                        "Conflict",
                        f"Data sink '{wanted[sink]}' is already used in diagnostic setting '{other.name}'.",
                    )

    @override
    def linked(self, call: Call) -> Iterable[tuple[str, str]]:
        """Want the keys of each destination."""
        for member, action in DESTINATIONS.items():
            target = call.properties().get(member)
            if target and action:
                yield action, str(target)

    @override
    def complete(self, context: Context, resource: Resource) -> None:
        del context
        properties = resource.properties
        for member in ("logs", "metrics"):
            properties.setdefault(member, [])
            for entry in properties[member]:
                entry.setdefault("retentionPolicy", {"enabled": False, "days": 0})
        for member in (*DESTINATIONS, "eventHubName", "logAnalyticsDestinationType"):
            properties.setdefault(member, None)

    @override
    def list(self, call: Call) -> list[Json]:
        """Return the settings of the very resource, not those of what lies under it."""
        _want(call, call.path.scope)
        return [self.shown(call.context, s) for s in settings_on(call.context, call.path.scope)]

    @override
    def patch(self, call: Call) -> Reply:
        raise ArmError(405, "MethodNotAllowed", f"PATCH is not allowed on {call.path}.")


def settings_on(context: Context, scope: str) -> list[Resource]:
    """Return the diagnostic settings of a resource itself."""
    return [s for s in context.store.of_type(SETTINGS, scope) if same(s.path.scope, scope)]


def _want(call: Call, resource_id: str) -> None:
    if call.context.store.get(resource_id) is None:
        raise ArmError(404, "ResourceNotFound", f"{resource_id} was not found.")


KINDS: tuple[Kind, ...] = (Components(), DiagnosticSettings())

"""Owns resource providers as ARM lists them: namespaces with their types, all registered.

`az` and azure-ai-ml ask here which api-versions a type has; the simulated Azure takes any, so one of each provider's is named.
"""

from simulator.call import Call
from simulator.errors import bad_request
from simulator.kind import Kind
from simulator.wire import Json, Reply

TYPE = "Microsoft.Resources/providers"
_VERSIONS = {
    "microsoft.network": "2024-01-01",
    "microsoft.containerservice": "2024-02-01",
    "microsoft.machinelearningservices": "2024-04-01",
    "microsoft.storage": "2023-05-01",
    "microsoft.keyvault": "2023-07-01",
    "microsoft.containerregistry": "2023-07-01",
    "microsoft.authorization": "2022-04-01",
    "microsoft.eventgrid": "2022-06-15",
    "microsoft.managedidentity": "2023-01-31",
    "microsoft.kubernetes": "2024-01-01",
    "microsoft.kubernetesconfiguration": "2023-05-01",
}
_LOCATIONS = ["West Europe", "North Europe", "East US"]


class Namespaces(Kind):
    """`/subscriptions/{s}/providers[/{namespace}]`; registering changes nothing."""

    type = TYPE

    def read(self, call: Call) -> Reply:
        """Return one provider."""
        found = next((p for p in self.list(call) if _is(p, call.path.name)), None)
        if found is None:
            raise bad_request(
                "InvalidResourceNamespace",
                f"The resource namespace '{call.path.name}' is invalid.",
            )
        return Reply(200, found)

    def list(self, call: Call) -> list[Json]:
        """Return every provider."""
        from simulator.providers import ALL  # noqa: PLC0415 - the catalogue contains this kind

        types: dict[str, list[str]] = {}
        for kind in ALL:
            namespace, _, tail = kind.type.partition("/")
            if tail and kind.type != TYPE:
                types.setdefault(namespace, []).append(tail)
        return [_provider(call, namespace, tails) for namespace, tails in sorted(types.items())]

    def act(self, call: Call) -> Reply:
        """Answer register and unregister with the provider as it is."""
        if call.verb.lower() not in ("register", "unregister"):
            return super().act(call)
        call.context.ended(call.begun())
        return self.read(call)


def _is(provider: Json, namespace: str) -> bool:
    return str(provider["namespace"]).lower() == namespace.lower()


def _provider(call: Call, namespace: str, tails: list[str]) -> Json:
    version = _VERSIONS.get(namespace.lower(), "2021-04-01")
    return {
        "id": f"/subscriptions/{call.path.subscription}/providers/{namespace}",
        "namespace": namespace,
        "registrationState": "Registered",
        "registrationPolicy": "RegistrationRequired",
        "resourceTypes": [
            {
                "resourceType": tail,
                "locations": list(_LOCATIONS),
                "apiVersions": [version],
                "defaultApiVersion": version,
                "capabilities": "SupportsTags, SupportsLocation",
            }
            for tail in tails
        ],
    }


KINDS: tuple[Kind, ...] = (Namespaces(),)

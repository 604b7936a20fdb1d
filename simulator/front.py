"""Owns what lies beside ARM: cloud metadata, the Entra endpoints that `az` and azure-ai-ml ask for, custom topics.

Metadata and Entra answer without a token. A client secret of any non-empty value is accepted for a known application.
"""

from urllib.parse import parse_qsl

from simulator.call import split_url
from simulator.context import Context
from simulator.directory import TENANT, TOKEN_LIFETIME
from simulator.providers import custom_topics
from simulator.wire import Json, Reply, Request


def answer(context: Context, request: Request) -> Reply | None:
    """Answer what is not ARM's; None hands the request on."""
    path, query = split_url(request.url)
    lowered = path.lower().rstrip("/")
    if lowered == "/metadata/endpoints":
        metadata = cloud_metadata(context.endpoint)
        single = query.get("api-version", "") >= "2022"
        return Reply(200, metadata if single else [metadata])
    if lowered.endswith("/discovery/instance"):
        return Reply(200, _discovery(context.endpoint))
    if lowered.endswith("/.well-known/openid-configuration"):
        return Reply(200, _openid(context.endpoint))
    if lowered.endswith(("/oauth2/v2.0/token", "/oauth2/token")):
        return _token(context, request)
    return custom_topics.publish(context, request)


def cloud_metadata(endpoint: str) -> Json:
    """Describe this cloud as ARM's `/metadata/endpoints` does (2022-09-01: one object)."""
    slash = endpoint + "/"
    suffixes = {
        "azureDataLakeStoreFileSystem": "azuredatalakestore.net",
        "acrLoginServer": "azurecr.io",
        "sqlServerHostname": "database.windows.net",
        "azureDataLakeAnalyticsCatalogAndJob": "azuredatalakeanalytics.net",
        "keyVaultDns": "vault.azure.net",
        "storage": "core.windows.net",
        "azureFrontDoorEndpointSuffix": "azurefd.net",
    }
    plain = (
        "portal media graph batch vmImageAliasDoc activeDirectoryDataLake sqlManagement appInsightsResourceId "
        "appInsightsTelemetryChannelResourceId attestationResourceId synapseAnalyticsResourceId "
        "logAnalyticsResourceId ossrDbmsResourceId gallery"
    )
    return {
        **dict.fromkeys(plain.split(), endpoint),
        "name": "Simulated",
        "resourceManager": slash,
        "graphAudience": slash,
        "microsoftGraphResourceId": slash,
        "suffixes": suffixes,
        "authentication": {
            "loginEndpoint": slash,
            "audiences": [slash, endpoint],
            "tenant": "common",
            "identityProvider": "AAD",
        },
    }


def _openid(endpoint: str) -> Json:
    base = f"{endpoint}/{TENANT}"
    return {
        "token_endpoint": f"{base}/oauth2/v2.0/token",
        "authorization_endpoint": f"{base}/oauth2/v2.0/authorize",
        "device_authorization_endpoint": f"{base}/oauth2/v2.0/devicecode",
        "issuer": f"{base}/v2.0",
        "tenant_region_scope": None,
        "cloud_instance_name": "simulated",
    }


def _discovery(endpoint: str) -> Json:
    host = endpoint.split("//", 1)[1]
    alias = {"preferred_network": host, "preferred_cache": host, "aliases": [host]}
    return {
        "tenant_discovery_endpoint": f"{endpoint}/{TENANT}/v2.0/.well-known/openid-configuration",
        "api-version": "1.1",
        "metadata": [alias],
    }


def _token(context: Context, request: Request) -> Reply:
    form = dict(parse_qsl(request.body.decode("utf-8", "replace")))
    directory = context.state.directory
    principal = directory.by_app(form.get("client_id", ""))
    if principal is None or not (form.get("client_secret") or form.get("client_assertion")):
        return Reply(
            401,
            {
                "error": "invalid_client",
                "error_description": "AADSTS7000215: Invalid client secret or unknown application.",
            },
        )
    scope = form.get("scope") or form.get("resource") or context.endpoint
    audience = scope.split()[0].removesuffix(".default")
    token = directory.issue(principal, audience, context.now(), context.chance)
    seconds = int(TOKEN_LIFETIME.total_seconds())
    return Reply(
        200,
        {
            "token_type": "Bearer",
            "expires_in": seconds,
            "ext_expires_in": seconds,
            "access_token": token,
        },
    )

"""Owns how the product is put together from its settings: the one place that reads the clock.

Time and transport are arguments everywhere else (design, "Time and transport are arguments").
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, datetime
from typing import TYPE_CHECKING

from shared import telemetry
from shared.azure.config import ArmConfig
from shared.manifests import Manifests, ManifestSource
from shared.model.json import JsonObject
from shared.records import Records, Store, open_store
from shared.remediator import Catalogue
from shared.settings import SettingProblem, Settings, SettingsError
from shared.workflow.services import AzureGateway, NotToldError, RefusedError, Services

if TYPE_CHECKING:
    from azure.core.credentials import TokenCredential

    from shared.azure.topic import Topic
    from shared.webhook import Webhook


def system_clock() -> datetime:
    """The time. Only composition roots read it."""
    return datetime.now(UTC)  # noqa: TID251 - this is the composition root


def compose(
    environ: Mapping[str, str],
    catalogue: Catalogue,
    *,
    clock: Callable[[], datetime] = system_clock,
    azure: Callable[[], AzureGateway] | None = None,
) -> Services:
    """Services from environment variables. Nothing is connected before it is used.

    Raises:
        SettingsError: naming every setting that is missing or wrong.
    """
    settings = Settings.read(environ)
    if settings.records is None:
        problem = SettingProblem("RELINK_RECORDS", "nothing", "file:///dir or a blob container URL")
        raise SettingsError((problem,))
    credential = _Once(lambda: _credential(settings))
    telemetry.configure(settings.application_insights, _telemetry_credential(environ, credential))
    records = Records(open_store(settings.records, credential), clock)
    source = ManifestSource(open_store(settings.environments, credential), records, settings)
    return Services(
        settings=settings,
        records=records,
        manifests=_Baseline(source, records),
        catalogue=catalogue,
        azure=azure or _Once(lambda: _gateway(settings, credential(), clock)),
        clock=clock,
        notify=_notifier(settings.notify_url),
        dead_letters=_dead_letters(settings, credential),
        report=telemetry.report,
        swept=telemetry.swept,
        measure=telemetry.measure,
        publish=_publisher(settings, credential),
    )


class _Once[T]:
    """A value made when it is first wanted, by one thread."""

    def __init__(self, make: Callable[[], T]) -> None:
        self._make = make
        self._lock = threading.Lock()
        self._made: list[T] = []

    def __call__(self) -> T:
        with self._lock:
            if not self._made:
                self._made.append(self._make())
        return self._made[0]


class _Baseline:
    """The manifests in force; those that a fresh records store meets first count as accepted.

    What comes later is a change, and its first destructive plan waits for approval.
    """

    def __init__(self, source: ManifestSource, records: Records) -> None:
        self._source = source
        self._records = records
        self._known = False

    def current(self) -> Manifests:
        """What is in force now."""
        fresh = not self._known and not self._records.manifests_known()
        manifests = self._source.current()
        if fresh:
            for name, declared in manifests.environments.items():
                self._records.accept_version(name, declared.version)
        self._known = self._known or bool(manifests.environments)
        return manifests


def _dead_letters(settings: Settings, credential: Callable[[], TokenCredential]) -> Store | None:
    """Where Event Grid puts what it could not deliver, if that is told."""
    return open_store(settings.dead_letters, credential) if settings.dead_letters else None


def _telemetry_credential(
    environ: Mapping[str, str], credential: Callable[[], TokenCredential]
) -> TokenCredential | None:
    """Our identity where Application Insights takes Entra tokens only (domain.md 8)."""
    entra = (
        "authorization=aad" in environ.get("APPLICATIONINSIGHTS_AUTHENTICATION_STRING", "").lower()
    )
    return credential() if entra else None


def _config(settings: Settings) -> ArmConfig:
    bundle = str(settings.ca_bundle) if settings.ca_bundle else None
    return ArmConfig.of(settings.cloud.value, settings.arm_endpoint, bundle)


def _credential(settings: Settings) -> TokenCredential:
    from shared.azure.credentials import credential  # noqa: PLC0415 - azure-identity loads late

    return credential(_config(settings))


def _gateway(
    settings: Settings, credential: TokenCredential, clock: Callable[[], datetime]
) -> AzureGateway:
    from shared.azure.gateway import Azure  # noqa: PLC0415 - the SDKs load late

    return Azure(_config(settings), credential, clock, told=telemetry.arm_call)


def _publisher(
    settings: Settings, credential: Callable[[], TokenCredential]
) -> Callable[[Sequence[JsonObject]], None] | None:
    """The topic, if one is set; its SDK loads with the first event."""
    if settings.event_topic is None:
        return None
    endpoint, bundle = settings.event_topic, _config(settings).ca_bundle

    def connected() -> Topic:
        from shared.azure.topic import Topic  # noqa: PLC0415 - azure-eventgrid loads late

        return Topic(endpoint, credential(), bundle)

    topic = _Once(connected)

    def publish(events: Sequence[JsonObject]) -> None:
        from shared.azure.topic import TopicError, UnreadableError  # noqa: PLC0415 - the same

        try:
            topic().publish(events)
        except UnreadableError as error:
            raise RefusedError(str(error)) from None
        except TopicError as error:
            raise NotToldError(str(error)) from None

    return publish


def _notifier(url: str | None) -> Callable[[JsonObject], None] | None:
    """The webhook, if one is set; its client loads with the first message."""
    if url is None:
        return None

    def connected() -> Webhook:
        from shared.webhook import Webhook  # noqa: PLC0415 - httpx is not needed to index the app

        return Webhook(url)

    webhook = _Once(connected)
    return lambda message: webhook().tell(message)

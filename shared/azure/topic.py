"""Owns the custom topic of Event Grid that hears what Relink found and did. Waits and retries nothing.

Imports azure-eventgrid, so it is imported by the first delivery.
"""

from __future__ import annotations

import logging
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, Final
from urllib.parse import urlsplit

from azure.core.exceptions import AzureError, HttpResponseError
from azure.core.messaging import CloudEvent
from azure.eventgrid import EventGridPublisherClient

from shared.azure.deadline import within
from shared.azure.transport import BoundedTransport
from shared.model.json import JsonObject

if TYPE_CHECKING:
    from azure.core.credentials import TokenCredential

_UNREADABLE: Final = frozenset({400, 413})
_SECONDS: Final = 5
_WHOLE_SECONDS: Final = 15
"""A token, a request and its answer, however slowly their bytes come."""

# Options of a request reach the transport through ``send`` alone (4.22 drops those of the constructor),
# and the models that they pass on the way complain about each of them.
logging.getLogger("azure.eventgrid._legacy").setLevel(logging.ERROR)


class TopicError(Exception):
    """The topic did not take the events now; sent again, they are the same."""


class UnreadableError(Exception):
    """The topic calls the events, or one of them, unreadable; it would call them that again."""


class Topic:
    """One topic and who we are to it (role *EventGrid Data Sender*)."""

    def __init__(self, endpoint: str, credential: TokenCredential, ca_bundle: str | None) -> None:
        self._host = urlsplit(endpoint).netloc
        self._endpoint, self._credential = endpoint, credential
        self._options: dict[str, Any] = {
            "retry_total": 0,  # what was not taken goes out again later
            "permit_redirects": False,
            "connection_timeout": _SECONDS,
            "read_timeout": _SECONDS,
            "connection_verify": ca_bundle or True,
        }

    def publish(self, events: Sequence[JsonObject]) -> None:
        """Send CloudEvents, as ``shared.ledger`` makes them, in their order and in one request.

        Raises:
            TopicError: it could not be reached or refused us. The events may have arrived.
            UnreadableError: it will take none of them together; each for itself, perhaps.
        """
        # A client a time: it leaves answers unread, so a connection that it keeps is of no more use.
        wire = BoundedTransport(seconds=_WHOLE_SECONDS)
        with (
            within(_WHOLE_SECONDS),
            EventGridPublisherClient(self._endpoint, self._credential, transport=wire) as client,
        ):
            self._send(client, events)

    def _send(self, client: EventGridPublisherClient, events: Sequence[JsonObject]) -> None:
        """Errors are told by status and kind: texts of others may hold anything."""
        try:
            client.send([CloudEvent.from_dict(dict(event)) for event in events], **self._options)
        except HttpResponseError as error:
            why = error.status_code or type(error).__name__
            if error.status_code in _UNREADABLE:
                text = f"the topic {self._host} cannot read {len(events)} events: {why}"
                raise UnreadableError(text) from None
            raise TopicError(f"the topic {self._host} refused: {why}") from None
        except AzureError as error:
            text = f"the topic {self._host} cannot be reached: {type(error).__name__}"
            raise TopicError(text) from None

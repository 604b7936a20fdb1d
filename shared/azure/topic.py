"""Owns the custom topic of Event Grid that hears what Relink found and did. Waits and retries nothing.

Imports azure-eventgrid, so it is imported by the first run that has something to say.
"""

from __future__ import annotations

import logging
from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, Any, Final
from urllib.parse import urlsplit

from azure.core.exceptions import AzureError, HttpResponseError
from azure.core.messaging import CloudEvent
from azure.eventgrid import EventGridPublisherClient

from shared.model.json import JsonObject

if TYPE_CHECKING:
    from azure.core.credentials import TokenCredential

_LOG = logging.getLogger("relink.topic")
_MOST_AT_ONCE: Final = 50
"""Far below what a topic takes in one request (1 MB); an event of ours has about 1 KB."""
_UNREADABLE: Final = frozenset({400, 413})
_SECONDS: Final = 5

# Options of a request reach the transport through ``send`` alone (4.22 drops those of the constructor),
# and the models that they pass on the way complain about each of them.
logging.getLogger("azure.eventgrid._legacy").setLevel(logging.ERROR)


class TopicError(Exception):
    """The topic did not take the events now; sent again, they are the same."""


class Topic:
    """One topic and who we are to it (role *EventGrid Data Sender*)."""

    def __init__(self, endpoint: str, credential: TokenCredential, ca_bundle: str | None) -> None:
        self._host = urlsplit(endpoint).netloc
        self._endpoint, self._credential = endpoint, credential
        self._options: dict[str, Any] = {
            "retry_total": 0,  # a run does not sleep; what was not taken goes out with the next one
            "permit_redirects": False,
            "connection_timeout": _SECONDS,
            "read_timeout": _SECONDS,
            "connection_verify": ca_bundle or True,
        }

    def publish(self, events: Sequence[JsonObject]) -> None:
        """Send CloudEvents, as ``shared.ledger`` makes them, in their order.

        Events that the topic calls unreadable are logged and left out: it would call them that again.

        Raises:
            TopicError: it could not be reached or refused us. Some of the events may have arrived.
        """
        # A client a time: it leaves answers unread, so a connection that it keeps is of no more use.
        with EventGridPublisherClient(self._endpoint, self._credential) as client:
            for part in _parts(events):
                self._send(client, part)

    def _send(self, client: EventGridPublisherClient, part: Sequence[JsonObject]) -> None:
        try:
            client.send([CloudEvent.from_dict(dict(event)) for event in part], **self._options)
        except HttpResponseError as error:
            if error.status_code not in _UNREADABLE:
                why = error.status_code or type(error).__name__
                raise TopicError(f"the topic {self._host} refused: {why}") from error
            _LOG.exception("the topic %s cannot read %d events", self._host, len(part))
        except AzureError as error:
            text = f"the topic {self._host} cannot be reached: {type(error).__name__}"
            raise TopicError(text) from error


def _parts(events: Sequence[JsonObject]) -> Iterator[Sequence[JsonObject]]:
    for begin in range(0, len(events), _MOST_AT_ONCE):
        yield events[begin : begin + _MOST_AT_ONCE]

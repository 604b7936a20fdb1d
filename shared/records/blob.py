"""Owns documents in a blob container: one block blob each, compare-and-set by etag conditions.

Importing this module imports the storage SDK, so only ``opening`` does, and only when a blob
container is configured. How long one exchange may take is said here (``options``); the whole of a
call, its retries and a body that drips, is bounded by ``BoundedStore``.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any, Final

import requests
from azure.core import MatchConditions
from azure.core.exceptions import (
    ResourceExistsError,
    ResourceModifiedError,
    ResourceNotFoundError,
)
from azure.core.pipeline.transport import RequestsTransport
from azure.storage.blob import BlobProperties, ContainerClient
from requests.adapters import HTTPAdapter

from shared.records.bounded import on_late
from shared.records.deadline import left
from shared.records.store import (
    Conflict,
    Mark,
    Stored,
    StoreError,
    StoreUnavailableError,
    checked_key,
)

_NO_CONTAINER: Final = "ContainerNotFound"
_NOT_THERE: Final = frozenset({_NO_CONTAINER, "BlobNotFound"})
"""What proves that there is no document. Any other 404 (of a proxy, of a wrong name) proves nothing."""
_CONNECT_SECONDS: Final = 5.0
_READ_SECONDS: Final = 10.0


class _Wire(HTTPAdapter):
    """A response that drips when its call is given up is cut off, or it would drip on unheard."""

    def send(self, request: requests.PreparedRequest, *args: Any, **more: Any) -> requests.Response:  # noqa: ANN401 - as requests has it
        response = super().send(request, *args, **more)
        on_late(response.raw.shutdown)
        return response


class _Transport(RequestsTransport):  # type: ignore[misc] # untyped to mypy
    """Asks nothing any more once the time of the call is over; else the SDK would try again."""

    def send(self, request: Any, **more: Any) -> Any:  # noqa: ANN401 - two kinds of requests
        if left(_READ_SECONDS) <= 0:
            raise TimeoutError("the time of this call is over")
        return super().send(request, **more)


def options() -> dict[str, Any]:
    """What a container's client is made with: short waits, two retries (the SDK's begin at 15 s)."""
    session = requests.Session()
    session.mount("https://", _Wire(max_retries=0))
    session.mount("http://", _Wire(max_retries=0))
    return {
        "transport": _Transport(session=session, session_owner=True),
        "connection_timeout": _CONNECT_SECONDS,
        "read_timeout": _READ_SECONDS,
        "retry_total": 2,
        "initial_backoff": 1,
        "increment_base": 2,
        "random_jitter_range": 1,
    }


class BlobStore:
    """A ``Store`` in one container, which is made by the first write if it is missing."""

    def __init__(self, container: ContainerClient) -> None:
        self._container = container

    def __repr__(self) -> str:
        return f"BlobStore({self._container.primary_endpoint.partition('?')[0]!r})"

    def read(self, key: str) -> Stored | None:
        """See ``Store.read``."""
        with self._asking("read", key):
            try:
                blob = self._container.download_blob(checked_key(key))
                return Stored(blob.readall(), _bare(blob.properties.etag))
            except ResourceNotFoundError as error:
                if _code(error) not in _NOT_THERE:
                    raise
                return None

    def write(
        self, key: str, data: bytes, *, if_match: str | None = None, if_absent: bool = False
    ) -> str:
        """See ``Store.write``."""
        with self._asking("write", key):
            try:
                return self._upload(key, data, if_match, if_absent=if_absent)
            except ResourceNotFoundError as error:
                if _code(error) not in _NOT_THERE:
                    raise
                if _code(error) != _NO_CONTAINER:
                    raise Conflict(f"{key} is gone") from error
            self._make_container()
            return self._upload(key, data, if_match, if_absent=if_absent)

    def delete(self, key: str, *, if_match: str | None = None) -> None:
        """See ``Store.delete``."""
        with self._asking("delete", key):
            try:
                self._container.delete_blob(checked_key(key), **_only_if(if_match))
            except ResourceNotFoundError as error:
                if _code(error) not in _NOT_THERE:
                    raise
                if if_match is not None:
                    raise Conflict(f"{key} is gone") from error

    def keys(self, prefix: str = "") -> Iterator[str]:
        """See ``Store.keys``. Pages are fetched as they are consumed."""
        for blob in self._list(prefix):
            yield str(blob.name)

    def marks(self, prefix: str = "") -> Mapping[str, Mark]:
        """See ``Store.marks``. A mark is the blob's etag."""
        with self._asking("list", prefix):
            found = self._container.list_blobs(name_starts_with=prefix or None)
            return {str(blob.name): Mark(_bare(blob.etag), int(blob.size or 0)) for blob in found}

    def _list(self, prefix: str) -> Iterator[BlobProperties]:
        with self._asking("list", prefix):
            try:
                yield from self._container.list_blobs(name_starts_with=prefix or None)
            except ResourceNotFoundError as error:
                if _code(error) != _NO_CONTAINER:
                    raise
                return  # no container yet: nothing in it

    def _upload(self, key: str, data: bytes, if_match: str | None, *, if_absent: bool) -> str:
        # Without overwriting, the SDK sends If-None-Match: * by itself.
        written = self._container.get_blob_client(checked_key(key)).upload_blob(
            data, overwrite=not if_absent, **_only_if(if_match)
        )
        return _bare(written["etag"])

    def _make_container(self) -> None:
        try:
            self._container.create_container()
        except ResourceExistsError:  # somebody else was faster
            return

    @contextmanager
    def _asking(self, what: str, key: str) -> Iterator[None]:
        try:
            yield
        except (ResourceExistsError, ResourceModifiedError) as error:
            raise Conflict(f"{key} is not what was expected: {_code(error)}") from error
        except StoreError:
            raise
        except Exception as error:  # whatever the SDK makes of an answer that is none
            raise StoreUnavailableError(
                f"cannot {what} '{key}' in {self!r}: {_code(error)}"
            ) from error


def _code(error: Exception) -> str:
    """Storage's own code ("BlobNotFound"), which the SDK adds as it maps a response."""
    return str(getattr(error, "error_code", None) or type(error).__name__)


def _bare(etag: object) -> str:
    return str(etag or "").strip('"')


def _only_if(etag: str | None) -> dict[str, Any]:
    """The SDK passes a condition of None on to the transport, which refuses it."""
    if etag is None:
        return {}
    return {"etag": f'"{etag}"', "match_condition": MatchConditions.IfNotModified}

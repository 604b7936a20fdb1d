"""Owns documents in a blob container: one block blob each, compare-and-set by etag conditions.

Importing this module imports the storage SDK, so only ``opening`` does, and only when a blob
container is configured.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any, Final

from azure.core import MatchConditions
from azure.core.exceptions import (
    AzureError,
    ResourceExistsError,
    ResourceModifiedError,
    ResourceNotFoundError,
)
from azure.storage.blob import BlobProperties, ContainerClient

from shared.records.store import Conflict, Mark, Stored, StoreUnavailableError, checked_key

_NO_CONTAINER: Final = "ContainerNotFound"


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
            except ResourceNotFoundError:
                return None

    def write(
        self, key: str, data: bytes, *, if_match: str | None = None, if_absent: bool = False
    ) -> str:
        """See ``Store.write``."""
        with self._asking("write", key):
            try:
                return self._upload(key, data, if_match, if_absent=if_absent)
            except ResourceNotFoundError as error:
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
                if if_match is not None:
                    raise Conflict(f"{key} is gone") from error

    def keys(self, prefix: str = "") -> Iterator[str]:
        """See ``Store.keys``. Pages are fetched as they are consumed."""
        for blob in self._list(prefix):
            yield str(blob.name)

    def marks(self, prefix: str = "") -> Mapping[str, Mark]:
        """See ``Store.marks``. A mark is the blob's etag."""
        return {
            str(blob.name): Mark(_bare(blob.etag), int(blob.size or 0))
            for blob in self._list(prefix)
        }

    def _list(self, prefix: str) -> Iterator[BlobProperties]:
        with self._asking("list", prefix):
            try:
                yield from self._container.list_blobs(name_starts_with=prefix or None)
            except ResourceNotFoundError:  # no container yet: nothing in it
                return

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
        except AzureError as error:
            raise StoreUnavailableError(
                f"cannot {what} '{key}' in {self!r}: {_code(error)}"
            ) from error


def _code(error: AzureError) -> str:
    """Storage's own code ("BlobNotFound"), which the SDK adds as it maps a response."""
    return str(getattr(error, "error_code", None) or type(error).__name__)


def _bare(etag: object) -> str:
    return str(etag or "").strip('"')


def _only_if(etag: str | None) -> dict[str, Any]:
    """The SDK passes a condition of None on to the transport, which refuses it."""
    if etag is None:
        return {}
    return {"etag": f'"{etag}"', "match_condition": MatchConditions.IfNotModified}

"""Owns what the settings ``RELINK_ENVIRONMENTS`` and ``RELINK_RECORDS`` may say, and opens it.

Three forms: ``file:///folder``, the https URL of a blob container, and for Azurite a connection
string whose ``BlobEndpoint`` is on this machine, with one more part, ``Container=name``.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Final
from urllib.parse import unquote, urlsplit

from shared.records.bounded import BoundedStore
from shared.records.folder import FolderStore
from shared.records.store import Store

if TYPE_CHECKING:
    from azure.core.credentials import TokenCredential

_CONTAINER: Final = re.compile(r"[a-z0-9](?:-?[a-z0-9]){2,62}")
_LOOPBACK: Final = frozenset({"127.0.0.1", "localhost", "::1"})
ALLOWED_FORMS: Final = (
    "file:///folder, https://<account>.blob.<suffix>/<container>, or on this machine "
    "BlobEndpoint=http://127.0.0.1:<port>/<account>;AccountName=…;AccountKey=…;Container=<name>"
)


class Form(StrEnum):
    """How the documents are reached."""

    FOLDER = "folder"
    CONTAINER = "container"
    LOOPBACK = "loopback"


@dataclass(frozen=True, slots=True)
class Address:
    """A store's address, taken apart. ``shown`` holds no secret."""

    form: Form
    shown: str
    folder: Path | None = None
    container: str = ""
    connection: str = ""


def is_loopback(url: str) -> bool:
    """Whether ``url`` leads to this machine by a name that cannot be pointed elsewhere."""
    return urlsplit(url).hostname in _LOOPBACK


def read_address(text: str) -> Address:
    """Take an address apart.

    Raises:
        ValueError: saying what is wrong with it, without repeating secrets.
    """
    if "BlobEndpoint=" in text:
        return _connection(text)
    url = urlsplit(text)
    if url.scheme == "file":
        path = Path(unquote(url.path))
        if url.netloc or not path.is_absolute():
            raise ValueError("a file URL has three slashes and an absolute path")
        return Address(Form.FOLDER, text, folder=path)
    if url.scheme != "https" or not url.hostname:
        raise ValueError(f"found a URL that begins with '{url.scheme}:'")
    if url.query or url.fragment or url.username:
        raise ValueError("a container URL carries no token: Relink signs in with its identity")
    container = url.path.strip("/")
    if not _CONTAINER.fullmatch(container):
        raise ValueError(f"found '{container[:80]}' in place of one container name")
    return Address(Form.CONTAINER, text, container=container)


def open_store(url: str, credential_factory: Callable[[], TokenCredential]) -> Store:
    """The store at ``url``. The credential is made, and the SDK imported, only for a container.

    Raises:
        ValueError: when ``url`` is none of the three forms.
    """
    address = read_address(url)
    match address.form:
        case Form.FOLDER if address.folder is not None:
            return FolderStore(address.folder)
        case Form.LOOPBACK:
            return _open_connection(address)
        case _:
            return _open_container(url, credential_factory)


def _open_container(url: str, credential_factory: Callable[[], TokenCredential]) -> Store:
    from azure.storage.blob import ContainerClient  # noqa: PLC0415 - indexing must not pay for it

    from shared.records.blob import BlobStore, options  # noqa: PLC0415 - the same

    client = ContainerClient.from_container_url(url, credential=credential_factory(), **options())
    return BoundedStore(BlobStore(client))


def _open_connection(address: Address) -> Store:
    from azure.storage.blob import ContainerClient  # noqa: PLC0415 - indexing must not pay for it

    from shared.records.blob import BlobStore, options  # noqa: PLC0415 - the same

    client = ContainerClient.from_connection_string(
        address.connection, address.container, **options()
    )
    return BoundedStore(BlobStore(client))


def _connection(text: str) -> Address:
    parts = dict(part.split("=", 1) for part in text.split(";") if "=" in part)
    endpoint = parts.get("BlobEndpoint", "")
    container = parts.pop("Container", "")
    if not is_loopback(endpoint):
        raise ValueError("a connection string is accepted for this machine only (Azurite)")
    if not _CONTAINER.fullmatch(container):
        raise ValueError("the connection string needs a part Container=<name>")
    connection = ";".join(f"{name}={value}" for name, value in parts.items())
    shown = f"{endpoint}/{container}"
    return Address(Form.LOOPBACK, shown, container=container, connection=connection)

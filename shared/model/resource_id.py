"""Owns what an Azure resource id is; refuses anything that ARM could read as another path.

A ``ResourceId`` is the only way to build a request path, so its grammar is strict: an id from a
manifest or an event can never smuggle in a query, a parent step or an encoded slash.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from functools import lru_cache
from typing import Final, Self

from pydantic import GetCoreSchemaHandler
from pydantic_core import CoreSchema, core_schema

_GUID: Final = r"[0-9a-fA-F]{8}(?:-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}"
_SUBSCRIPTION: Final = re.compile(rf"/subscriptions/({_GUID})(?=/|$)", re.IGNORECASE)
_GROUP: Final = re.compile(r"/resourceGroups/([\w().-]{0,89}[\w()-])(?=/|$)", re.IGNORECASE)
_NAMESPACE: Final = re.compile(r"[A-Za-z][A-Za-z0-9]*(?:\.[A-Za-z][A-Za-z0-9]*)+")
_TYPE: Final = re.compile(r"[A-Za-z][A-Za-z0-9]*")
_NAME: Final = re.compile(r"[\w.()@*~+-]{1,260}", re.ASCII)
_LONGEST: Final = 2048
_REMEMBERED: Final = 8192
_EXTENSIONS: Final = "microsoft.authorization"


class InvalidResourceIdError(ValueError):
    """The text is not an Azure resource id; the message says where it stops being one."""


@dataclass(frozen=True, slots=True)
class _Provider:
    """One ``/providers/…`` part: a namespace and its (type, name) pairs."""

    namespace: str
    pairs: tuple[tuple[str, str], ...]


@dataclass(frozen=True, slots=True, eq=False, order=False)
class ResourceId:
    """A subscription, a resource group or a resource, compared without case (domain.md 1.1).

    ``text`` keeps the casing that was read. Extension resources (a lock, a role assignment) carry
    two provider parts; ``type`` and ``name`` are those of the last.
    """

    text: str
    _key: str = field(repr=False)
    _head: str = field(repr=False)
    _providers: tuple[_Provider, ...] = field(repr=False)

    @classmethod
    def parse(cls, text: str) -> Self:
        """Read ``/subscriptions/<guid>[/resourceGroups/<name>][/providers/…]…``.

        Raises:
            InvalidResourceIdError: naming the part that was found and what belongs there.
        """
        if not isinstance(text, str) or len(text) > _LONGEST:
            raise InvalidResourceIdError(
                f"a resource id is a text of at most {_LONGEST} characters"
            )
        return cls._parsed(text)

    @classmethod
    @lru_cache(maxsize=_REMEMBERED)
    def _parsed(cls, text: str) -> Self:
        """The same few ids are read from every body; values are frozen, so they are shared."""
        trimmed = text.rstrip("/") if text.count("/") > 1 else text
        subscription = _SUBSCRIPTION.match(trimmed)
        if subscription is None:
            raise InvalidResourceIdError(
                f"'{text[:120]}' does not begin with /subscriptions/<guid>"
            )
        end = subscription.end()
        group = _GROUP.match(trimmed, end)
        if group is not None:
            end = group.end()
        providers = tuple(_read_providers(trimmed, end))
        return cls(trimmed, trimmed.lower(), trimmed[:end], providers)

    @classmethod
    def maybe(cls, text: object) -> Self | None:
        """The id in ``text``, or nothing when it is not one."""
        try:
            return cls.parse(text) if isinstance(text, str) else None
        except InvalidResourceIdError:
            return None

    @property
    def key(self) -> str:
        """The id in lower case: what to sort, hash and store by."""
        return self._key

    @property
    def subscription(self) -> str:
        """The subscription's guid."""
        return self.text.split("/")[2]

    @property
    def resource_group(self) -> str:
        """The resource group's name, or an empty text for a subscription-level resource."""
        parts = self._head.split("/")
        return parts[4] if len(parts) > 4 else ""  # noqa: PLR2004 - /subscriptions/s/resourceGroups/g

    @property
    def group(self) -> ResourceId:
        """The resource group (or subscription) that holds this resource."""
        return ResourceId.parse(self._head)

    @property
    def type(self) -> str:
        """Such as ``microsoft.network/privateendpoints``, in lower case; empty for a group."""
        if not self._providers:
            return ""
        last = self._providers[-1]
        return "/".join([last.namespace, *(kind for kind, _ in last.pairs)]).lower()

    @property
    def name(self) -> str:
        """The last name of the id."""
        return self.text.rsplit("/", 1)[1]

    @property
    def names(self) -> tuple[str, ...]:
        """The names along the last provider part: ``(workspace, compute)`` for a compute."""
        return tuple(name for _, name in self._providers[-1].pairs) if self._providers else ()

    @property
    def parent(self) -> ResourceId | None:
        """The enclosing resource, then the group, then the subscription, then nothing."""
        if self._providers:
            last = self._providers[-1]
            if len(last.pairs) > 1:
                return ResourceId.parse("/".join(self.text.split("/")[:-2]))
            depth = 2 + 2 * len(last.pairs)
            return ResourceId.parse("/".join(self.text.split("/")[:-depth]))
        return ResourceId.parse("/".join(self.text.split("/")[:3])) if self.resource_group else None

    @property
    def scope(self) -> ResourceId:
        """What an extension resource (lock, role assignment) is attached to; itself otherwise.

        One attached to a group or subscription has a single provider part, as any resource has; it
        is told by its namespace.
        """
        if not self._providers:
            return self
        last = self._providers[-1]
        if len(self._providers) == 1 and last.namespace.lower() != _EXTENSIONS:
            return self
        return ResourceId.parse("/".join(self.text.split("/")[: -(2 + 2 * len(last.pairs))]))

    def child(self, kind: str, name: str) -> ResourceId:
        """The child resource of type ``kind``."""
        return ResourceId.parse(f"{self.text}/{kind}/{name}")

    def extension(self, provider_type: str, name: str) -> ResourceId:
        """The extension resource ``provider_type`` (namespace/type) attached to this one."""
        return ResourceId.parse(f"{self.text}/providers/{provider_type}/{name}")

    def within(self, other: ResourceId) -> bool:
        """Whether this is ``other`` or lies below it."""
        return self._key == other._key or self._key.startswith(other._key + "/")

    def __eq__(self, other: object) -> bool:
        return self._key == other._key if isinstance(other, ResourceId) else NotImplemented

    def __lt__(self, other: ResourceId) -> bool:
        return self._key < other._key

    def __hash__(self) -> int:
        return hash(self._key)

    def __str__(self) -> str:
        return self.text

    @classmethod
    def __get_pydantic_core_schema__(
        cls,
        _source: object,
        _handler: GetCoreSchemaHandler,
    ) -> CoreSchema:
        """A JSON string on the outside, a ``ResourceId`` on the inside."""
        text = core_schema.no_info_after_validator_function(cls.parse, core_schema.str_schema())
        return core_schema.json_or_python_schema(
            json_schema=text,
            python_schema=core_schema.union_schema([core_schema.is_instance_schema(cls), text]),
            serialization=core_schema.plain_serializer_function_ser_schema(
                str, return_schema=core_schema.str_schema()
            ),
        )


def _read_providers(text: str, start: int) -> list[_Provider]:
    """The ``/providers/…`` parts of ``text`` from ``start`` on."""
    found: list[_Provider] = []
    parts = text[start:].split("/")[1:] if start < len(text) else []
    position = 0
    while position < len(parts):
        if parts[position].lower() != "providers":
            raise InvalidResourceIdError(
                f"'{text}': found '{parts[position]}', expected 'providers'"
            )
        stop = next(
            (i for i in range(position + 2, len(parts), 2) if parts[i].lower() == "providers"),
            len(parts),
        )
        found.append(_read_provider(text, parts[position + 1 : stop]))
        position = stop
    return found


def _read_provider(text: str, parts: list[str]) -> _Provider:
    """One namespace with its type/name pairs."""
    if not parts or not _NAMESPACE.fullmatch(parts[0]):
        raise InvalidResourceIdError(f"'{text}': no resource provider after 'providers'")
    rest = parts[1:]
    if not rest or len(rest) % 2:
        raise InvalidResourceIdError(f"'{text}': each resource type needs exactly one name")
    pairs = tuple(zip(rest[::2], rest[1::2], strict=True))
    for kind, name in pairs:
        if not _TYPE.fullmatch(kind):
            raise InvalidResourceIdError(f"'{text}': '{kind}' is not a resource type")
        if not _NAME.fullmatch(name) or not name.strip("."):
            raise InvalidResourceIdError(f"'{text}': '{name}' is not a resource name")
    return _Provider(parts[0], pairs)

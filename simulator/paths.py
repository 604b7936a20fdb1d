"""Owns the grammar of ARM paths: subscription, group, provider, types, names and extension scopes."""

from dataclasses import dataclass
from typing import Self

RESOURCES = "Microsoft.Resources"


@dataclass(frozen=True, slots=True)
class Path:
    """A parsed ARM path; a collection has one type more than names.

    `scope` is what precedes the last `/providers/` (empty at tenant level). Subscriptions and resource groups are
    types of Microsoft.Resources, as in the names of their actions.
    """

    scope: str
    namespace: str
    types: tuple[str, ...]
    names: tuple[str, ...]

    @classmethod
    def parse(cls, text: str) -> Self:
        """Parse a path without its query; raises ValueError for what is no ARM path."""
        parts = [part for part in text.split("/") if part]
        lowered = [part.lower() for part in parts]
        if "providers" not in lowered:
            return cls("", RESOURCES, tuple(parts[0::2]), tuple(parts[1::2]))
        if lowered[-1] == "providers":
            # The list of providers of a subscription.
            scope = "".join(f"/{part}" for part in parts[:-1])
            return cls(scope, RESOURCES, ("providers",), ())
        at = len(lowered) - 1 - lowered[::-1].index("providers")
        if at + 1 >= len(parts):
            raise ValueError(f"{text!r} names no resource provider")
        scope = "".join(f"/{part}" for part in parts[:at])
        rest = parts[at + 2 :]
        return cls(scope, parts[at + 1], tuple(rest[0::2]), tuple(rest[1::2]))

    @property
    def type(self) -> str:
        """The type as written, such as Microsoft.Network/virtualNetworks/subnets."""
        return "/".join((self.namespace, *self.types))

    @property
    def is_collection(self) -> bool:
        """Whether the path names a list rather than one resource."""
        return len(self.types) == len(self.names) + 1

    @property
    def name(self) -> str:
        """The last name."""
        return self.names[-1] if self.names else ""

    @property
    def subscription(self) -> str:
        """The subscription's id, empty at tenant level."""
        return _after(str(self), "subscriptions")

    @property
    def group(self) -> str:
        """The resource group's name, empty outside of one."""
        return _after(str(self), "resourcegroups")

    @property
    def parent(self) -> "Path":
        """The path one level up: the owner of a child, or the list's owner for a collection."""
        if self.is_collection:
            return Path(self.scope, self.namespace, self.types[:-1], self.names)
        return Path(self.scope, self.namespace, self.types[:-1], self.names[:-1])

    @property
    def key(self) -> str:
        """The path in lower case: ids are compared without case."""
        return str(self).lower()

    def __str__(self) -> str:
        tail = "".join(f"/{part}" for part in _interleave(self.types, self.names))
        if self.namespace == RESOURCES and not self.scope:
            return tail
        return f"{self.scope}/providers/{self.namespace}{tail}"


def _interleave(types: tuple[str, ...], names: tuple[str, ...]) -> list[str]:
    pairs = [part for pair in zip(types, names, strict=False) for part in pair]
    return [*pairs, *types[len(names) :]]


def _after(text: str, word: str) -> str:
    parts = text.split("/")
    lowered = text.lower().split("/")
    at = lowered.index(word) if word in lowered else -1
    return parts[at + 1] if 0 <= at < len(parts) - 1 else ""


def type_of(resource_id: str) -> str:
    """Return the type an id names."""
    return Path.parse(resource_id).type


def last(resource_id: str) -> str:
    """Return the last segment of an id."""
    return resource_id.rstrip("/").rsplit("/", 1)[-1]


def same(one: str | None, other: str | None) -> bool:
    """Compare two ids as ARM does."""
    return (one or "").rstrip("/").lower() == (other or "").rstrip("/").lower()


def within(scope: str, resource_id: str) -> bool:
    """Tell whether a resource is the scope or lies under it."""
    inner, outer = resource_id.lower(), scope.rstrip("/").lower()
    return inner == outer or inner.startswith(outer + "/")

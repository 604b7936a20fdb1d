"""Owns the passage of our values to and from JSON: records, durable inputs and ``--json``."""

from __future__ import annotations

from collections.abc import Hashable
from functools import cache
from typing import Any, cast

from pydantic import TypeAdapter


@cache
def _adapter(kind: Hashable) -> TypeAdapter[Any]:
    adapter: TypeAdapter[Any] = TypeAdapter(cast("Any", kind))
    return adapter


def dump(value: object, kind: Hashable = None) -> Any:  # noqa: ANN401 - JSON
    """``value`` as plain JSON values. ``kind`` is its type where Python cannot tell (unions)."""
    if kind is None and isinstance(value, tuple | list):
        return [dump(item) for item in value]
    return _adapter(kind or cast("Hashable", type(value))).dump_python(value, mode="json")


def load[T](kind: type[T], value: object) -> T:
    """A value of ``kind`` from plain JSON values.

    Raises:
        pydantic.ValidationError: when the JSON does not fit.
    """
    loaded: T = _adapter(cast("Hashable", kind)).validate_python(value)
    return loaded

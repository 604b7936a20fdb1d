"""Owns what expressions of a query compute with: JSON values, times and spans, compared as Kusto does."""

import re
from collections.abc import Callable
from datetime import datetime, timedelta
from typing import Any

from simulator.clock import stamp

type Value = Any
_UNITS = {"d": "days", "h": "hours", "m": "minutes", "s": "seconds"}


def text(value: Value) -> str:
    """Return a value as `tostring` does: nothing is empty, booleans are lower case."""
    if value is None:
        return ""
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, datetime):
        return stamp(value)
    return str(value)


def span(literal: str) -> timedelta:
    """Return what a literal such as `7d` lasts."""
    return timedelta(**{_UNITS[literal[-1]]: int(literal[:-1])})


def moment(value: Value) -> datetime | None:
    """Return a value as a time; None for what is none."""
    if isinstance(value, datetime):
        return value
    trimmed = re.sub(r"(\.\d{6})\d+", r"\1", text(value).replace("Z", "+00:00"))
    try:
        return datetime.fromisoformat(trimmed)
    except ValueError:
        return None


def is_true(value: Value) -> bool:
    """Return whether a condition holds; a boolean may have come as text."""
    return value is True or text(value).lower() == "true"


def ordering(value: Value) -> tuple[int, float, str]:
    """Return a sort key: nothing first, numbers by size, the rest by text."""
    if value is None:
        return (0, 0.0, "")
    if isinstance(value, bool | int | float):
        return (1, float(value), "")
    return (2, 0.0, text(value))


def less(one: Value, other: Value) -> bool:
    """Compare numbers, times or texts; nothing is never less."""
    if one is None or other is None:
        return False
    if isinstance(one, datetime) or isinstance(other, datetime):
        left, right = moment(one), moment(other)
        return left is not None and right is not None and left < right
    return ordering(one) < ordering(other)


def equal(one: Value, other: Value) -> bool:
    """Compare as `==`: with case, numbers and booleans with their texts."""
    return text(one) == text(other)


def _folded(test: Callable[[str, str], bool]) -> Callable[[Value, Value], bool]:
    return lambda one, other: test(text(one).lower(), text(other).lower())


def _has(whole: str, word: str) -> bool:
    return re.search(rf"(?<![a-z0-9]){re.escape(word)}(?![a-z0-9])", whole) is not None


COMPARISONS: dict[str, Callable[[Value, Value], bool]] = {
    "==": equal,
    "!=": lambda one, other: not equal(one, other),
    "=~": _folded(str.__eq__),
    "!~": _folded(str.__ne__),
    "<": less,
    ">": lambda one, other: less(other, one),
    "<=": lambda one, other: less(one, other) or equal(one, other),
    ">=": lambda one, other: less(other, one) or equal(one, other),
    "has": _folded(_has),
    "contains": _folded(lambda one, other: other in one),
    "startswith": _folded(str.startswith),
    "endswith": _folded(str.endswith),
}

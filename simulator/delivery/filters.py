"""Owns an event subscription's filter, in ARM's own shape (EventSubscriptionFilter, 2022-06-15).

Strings are compared without case; several values of one filter are alternatives, several filters all hold; a missing key
matches nothing but the negative operators. A key's dots are levels, so claims, whose names have dots, cannot be named.
"""

from collections.abc import Callable
from typing import Any

from simulator.errors import ArmError, bad_request
from simulator.wire import Json

MOST_FILTERS = 25
MOST_VALUES = 25
LONGEST_VALUE = 512

_STRINGS: dict[str, Callable[[str, str], bool]] = {
    "stringin": str.__eq__,
    "stringbeginswith": str.startswith,
    "stringendswith": str.endswith,
    "stringcontains": str.__contains__,
}
_NUMBERS: dict[str, Callable[[float, float], bool]] = {
    "numberlessthan": float.__lt__,
    "numberlessthanorequals": float.__le__,
    "numbergreaterthan": float.__gt__,
    "numbergreaterthanorequals": float.__ge__,
}
_NEGATIVE = {
    "stringnotin": "stringin",
    "stringnotbeginswith": "stringbeginswith",
    "stringnotendswith": "stringendswith",
    "stringnotcontains": "stringcontains",
    "numbernotin": "numberin",
    "numbernotinrange": "numberinrange",
}
_PLAIN = frozenset({"numberin", "numberinrange", "boolequals", "isnullorundefined", "isnotnull"})
_KNOWN = frozenset(_STRINGS) | frozenset(_NUMBERS) | frozenset(_NEGATIVE) | _PLAIN


def check(given: Json) -> None:
    """Refuse what Event Grid refuses; raises ArmError InvalidRequest."""
    advanced: list[Json] = given.get("advancedFilters") or []
    values = [v for one in advanced for v in one.get("values") or [one.get("value")]]
    unknown = [
        one
        for one in advanced
        if not one.get("key") or str(one.get("operatorType")).lower() not in _KNOWN
    ]
    if unknown:
        raise _refused(f"the advanced filter {unknown[0]} has no key or an unknown operatorType")
    if len(advanced) > MOST_FILTERS or len(values) > MOST_VALUES:
        raise _refused(
            f"{len(advanced)} advanced filters with {len(values)} values exceed the limit of "
            f"{MOST_FILTERS} filters and {MOST_VALUES} values"
        )
    if any(isinstance(v, str) and len(v) > LONGEST_VALUE for v in values):
        raise _refused(f"a filter value is longer than {LONGEST_VALUE} characters")


def matches(given: Json, event: Json) -> bool:
    """Tell whether a filter lets an event (as it is delivered) through."""
    subject, kind = str(event["subject"]), str(event.get("eventType") or event.get("type"))
    begins, ends = (str(given.get(m) or "") for m in ("subjectBeginsWith", "subjectEndsWith"))
    if not given.get("isSubjectCaseSensitive"):
        subject, begins, ends = subject.lower(), begins.lower(), ends.lower()
    included = {str(t).lower() for t in given.get("includedEventTypes") or []} - {"all"}
    return (
        subject.startswith(begins)
        and subject.endswith(ends)
        and (not included or kind.lower() in included)
        and all(_holds(one, event) for one in given.get("advancedFilters") or [])
    )


def _holds(one: Json, event: Json) -> bool:
    operator = str(one["operatorType"]).lower()
    value = _value(event, str(one["key"]))
    wanted = one.get("values") or ([one["value"]] if "value" in one else [])
    if operator in _NEGATIVE:
        return not _positive(_NEGATIVE[operator], value, wanted)
    return _positive(operator, value, wanted)


def _positive(operator: str, value: Any, wanted: list[Any]) -> bool:  # noqa: ANN401 - any JSON value
    if operator in ("isnullorundefined", "isnotnull"):
        return (value is None) is (operator == "isnullorundefined")
    if operator in _STRINGS:
        test = _STRINGS[operator]
        return isinstance(value, str) and any(test(value.lower(), str(w).lower()) for w in wanted)
    if operator == "boolequals":
        return isinstance(value, bool) and value in wanted
    if not isinstance(value, int | float) or isinstance(value, bool):
        return False
    if operator == "numberinrange":
        return any(low <= value <= high for low, high in wanted)
    compare = _NUMBERS.get(operator, float.__eq__)
    return any(compare(float(value), float(w)) for w in wanted)


def _value(event: Json, key: str) -> Any:  # noqa: ANN401 - any JSON value
    found: Any = event
    for part in key.split("."):
        if not isinstance(found, dict):
            return None
        folded = {k.lower(): v for k, v in found.items()}
        found = folded.get(part.lower())
    return found


def _refused(why: str) -> ArmError:
    return bad_request("InvalidRequest", f"Invalid event subscription request: {why}.")

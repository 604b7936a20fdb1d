"""Owns conditions of role assignments (version 2.0), as far as they bound who may assign which role to whom.

Understood: `ActionMatches`, the attributes RoleDefinitionId, PrincipalId and PrincipalType of @Request and @Resource,
comparisons over GUIDs and strings, `!`, AND, OR and parentheses. Conditions on data actions are kept and not evaluated:
no data action is simulated.
"""

import re
from collections.abc import Mapping

from simulator.roles import matches

ASSIGNMENTS = "microsoft.authorization/roleassignments"
_TOKEN = re.compile(
    r"\s*(?:(?P<mark>[()!{},])|(?P<attribute>@(?:Request|Resource)\[[^\]]+\])|(?P<text>'[^']*')"
    r"|(?P<word>[\w:.-]+))"
)
_QUANTIFIERS = (
    "foranyofanyvalues:",
    "foranyofallvalues:",
    "forallofanyvalues:",
    "forallofallvalues:",
)
_EQUAL = ("guidequals", "stringequals", "stringequalsignorecase")
_UNEQUAL = ("guidnotequals", "stringnotequals", "stringnotequalsignorecase")

type Attributes = Mapping[str, str]


def concerns(action: str) -> bool:
    """Tell whether conditions are evaluated for an action."""
    return action.lower().startswith(f"{ASSIGNMENTS}/")


def holds(condition: str, action: str, attributes: Attributes) -> bool:
    """Tell whether a condition lets an action pass; one that is not understood lets nothing pass."""
    try:
        reader = _Reader(condition, action, attributes)
        return reader.disjunction() and reader.at_end
    except (ValueError, IndexError):
        return False


class _Reader:
    """Evaluates while it reads."""

    def __init__(self, condition: str, action: str, attributes: Attributes) -> None:
        self._tokens = _tokens(condition)
        self._at = 0
        self._action = action
        self._attributes = {k.lower(): v.lower() for k, v in attributes.items()}

    @property
    def at_end(self) -> bool:
        """Whether everything was read."""
        return self._at == len(self._tokens)

    def _next(self) -> str:
        return "" if self.at_end else self._tokens[self._at].lower()

    def _takes(self, *wanted: str) -> bool:
        found = self._next() in wanted
        self._at += found
        return found

    def _need(self, wanted: str) -> None:
        if not self._takes(wanted):
            raise ValueError(f"{wanted} is expected")

    def disjunction(self) -> bool:
        """Read alternatives."""
        value = self._conjunction()
        while self._takes("or", "||"):
            other = self._conjunction()
            value = value or other
        return value

    def _conjunction(self) -> bool:
        value = self._negation()
        while self._takes("and", "&&"):
            other = self._negation()
            value = value and other
        return value

    def _negation(self) -> bool:
        if self._takes("!", "not"):
            return not self._negation()
        if self._takes("("):
            value = self.disjunction()
            self._need(")")
            return value
        if self._takes("actionmatches"):
            patterns = self._values()
            return matches(patterns, self._action)
        return self._comparison()

    def _comparison(self) -> bool:
        attribute = self._tokens[self._at]
        self._at += 1
        found = re.fullmatch(r"@\w+\[(?:[^:\]]+:)?(\w+)\]", attribute)
        operator = self._next()
        self._at += 1
        for quantifier in _QUANTIFIERS:
            operator = operator.removeprefix(quantifier)
        values = [v.lower() for v in self._values()]
        if found is None or operator not in (*_EQUAL, *_UNEQUAL):
            raise ValueError(f"{attribute} {operator} is not understood")
        value = self._attributes.get(found[1].lower(), "")
        return (value in values) is (operator in _EQUAL)

    def _values(self) -> list[str]:
        self._need("{")
        found: list[str] = []
        while not self._takes("}"):
            found.append(self._tokens[self._at].strip("'"))
            self._at += 1
            self._takes(",")
        return found


def _tokens(condition: str) -> list[str]:
    found, at = [], 0
    text = condition.strip()
    while at < len(text):
        match = _TOKEN.match(text, at)
        if match is None:
            raise ValueError(f"{text[at : at + 20]!r} is not understood")
        found.append(match.group().strip())
        at = match.end()
    return found

"""Owns how a query's text is cut into tokens; refuses what it cannot cut, in Azure's error shape."""

import re
from dataclasses import dataclass
from enum import StrEnum

from simulator.errors import ArmError

_TOKEN = re.compile(
    r"(?P<space>\s+|//[^\n]*)"
    r"|(?P<text>@?'(?:[^'\\]|\\.)*'|@?\"(?:[^\"\\]|\\.)*\")"
    r"|(?P<span>\d+(?:d|h|m|s)\b)"
    r"|(?P<number>\d+(?:\.\d+)?)"
    r"|(?P<name>[A-Za-z_$][\w$]*~?)"
    r"|(?P<mark>==|!=|=~|!~|<=|>=|[<>=,.()\[\]!|-])"
)


class Sort(StrEnum):
    """What a token is."""

    TEXT = "text"
    SPAN = "span"
    NUMBER = "number"
    NAME = "name"
    MARK = "mark"
    END = "end"


@dataclass(frozen=True, slots=True)
class Token:
    """A piece of a query."""

    sort: Sort
    text: str


def refused(why: str) -> ArmError:
    """Make Azure's refusal of a query, with a reason that says what is not understood."""
    return ArmError(
        400,
        "BadRequest",
        f"Please provide below info when asking for support: Query is invalid: {why}.",
    )


def tokens(query: str) -> list[Token]:
    """Cut a query into tokens, an END last; raises ArmError BadRequest."""
    found, at = [], 0
    while at < len(query):
        match = _TOKEN.match(query, at)
        if match is None:
            raise refused(f"{query[at : at + 20]!r} is not understood")
        at = match.end()
        if match.lastgroup != "space":
            found.append(Token(Sort(str(match.lastgroup)), _value(match)))
    return [*found, Token(Sort.END, "")]


def _value(match: re.Match[str]) -> str:
    text = match.group()
    if match.lastgroup != "text":
        return text
    if text.startswith("@"):
        return text[2:-1]
    return re.sub(r"\\(.)", r"\1", text[1:-1])

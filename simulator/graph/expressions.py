"""Owns expressions: how they are parsed and what they give for a row; refuses functions that it does not know.

`or` binds weaker than `and`, which binds weaker than comparisons. Members that are missing are nothing, columns that
are missing an error, as in Azure.
"""

from collections.abc import Callable, Collection
from datetime import datetime

from simulator.graph.lexing import Sort, Token, refused
from simulator.graph.values import COMPARISONS, Value, equal, is_true, moment, span, text
from simulator.wire import Json

type Expression = Callable[[Json], Value]
_NEGATED = {f"!{name}": name for name in ("has", "contains", "startswith", "endswith")}


class Parser:
    """Reads expressions from tokens; `columns` are those that exist at this point of the query."""

    def __init__(self, tokens: list[Token], now: datetime) -> None:
        self._tokens = tokens
        self._at = 0
        self._now = now
        self.columns: Collection[str] = ()

    # -- tokens -------------------------------------------------------------------------------------------

    @property
    def next(self) -> Token:
        """The token to be read."""
        return self._tokens[self._at]

    def take(self) -> Token:
        """Read a token."""
        token = self.next
        self._at += token.sort is not Sort.END
        return token

    def takes(self, *wanted: str) -> bool:
        """Read a mark or word if it is next, compared without case."""
        found = self._is_word and self.next.text.lower() in wanted
        self._at += found
        return found

    @property
    def _is_word(self) -> bool:
        return self.next.sort in (Sort.MARK, Sort.NAME)

    def need(self, wanted: str) -> None:
        """Read a mark or word that must be next."""
        if not self.takes(wanted):
            raise refused(f"{wanted!r} is expected before {self.next.text!r}")

    def name(self) -> str:
        """Read a name."""
        token = self.take()
        if token.sort is not Sort.NAME:
            raise refused(f"a name is expected, not {token.text!r}")
        return token.text

    # -- conditions ---------------------------------------------------------------------------------------

    def expression(self) -> Expression:
        """Read an expression."""
        left = self._conjunction()
        while self.takes("or"):
            left = _either(left, self._conjunction())
        return left

    def _conjunction(self) -> Expression:
        left = self._comparison()
        while self.takes("and"):
            left = _both(left, self._comparison())
        return left

    def _comparison(self) -> Expression:
        left = self._primary()
        negated = self.takes("!")
        word = self.next.text.lower()
        if self._is_word and word in ("in", "in~"):
            self.take()
            return _member_of(left, self._list(), folded=word == "in~", negated=negated)
        if self._is_word and word in COMPARISONS:
            self.take()
            return _compared(left, word, self._primary(), negated=negated)
        if negated:
            raise refused(f"!{word} is not simulated")
        return left

    def _list(self) -> list[Expression]:
        self.need("(")
        found = [self._primary()]
        while self.takes(","):
            found.append(self._primary())
        self.need(")")
        return found

    # -- values -------------------------------------------------------------------------------------------

    def _primary(self) -> Expression:
        if self.takes("("):
            inner = self.expression()
            self.need(")")
            return inner
        token = self.take()
        match token.sort:
            case Sort.TEXT | Sort.NUMBER | Sort.SPAN:
                return _constant(_literal(token))
            case Sort.NAME if token.text.lower() in ("true", "false"):
                return _constant(token.text.lower() == "true")
            case Sort.NAME if self.takes("("):
                return self._members(self._call(token.text.lower()))
            case Sort.NAME:
                return self._members(self._column(token.text))
            case _:
                raise refused(f"{token.text!r} is not understood")

    def _column(self, name: str) -> Expression:
        if name not in self.columns:
            raise refused(f"failed to resolve scalar expression named '{name}'")
        return lambda row: row.get(name)

    def _members(self, value: Expression) -> Expression:
        while True:
            if self.takes("."):
                value = _member(value, self.name())
            elif self.takes("["):
                token = self.take()
                self.need("]")
                key = int(token.text) if token.sort is Sort.NUMBER else token.text
                value = _member(value, key)
            else:
                return value

    def _call(self, function: str) -> Expression:
        arguments: list[Expression] = []
        while not self.takes(")"):
            arguments.append(self.expression())
            if not self.takes(","):
                self.need(")")
                break
        return self._applied(function, arguments)

    def _applied(self, function: str, arguments: list[Expression]) -> Expression:
        if function == "now" and not arguments:
            return _constant(self._now)
        if function == "ago" and len(arguments) == 1:
            back = arguments[0]
            return lambda row: self._now - back(row)
        known = FUNCTIONS.get((function, len(arguments))) or FUNCTIONS.get((function, -1))
        if known is None:
            raise refused(
                f"the function {function!r} with {len(arguments)} arguments is not simulated"
            )
        return lambda row: known(*(argument(row) for argument in arguments))


def _literal(token: Token) -> Value:
    match token.sort:
        case Sort.NUMBER:
            return float(token.text) if "." in token.text else int(token.text)
        case Sort.SPAN:
            return span(token.text)
        case _:
            return token.text


def _constant(value: Value) -> Expression:
    return lambda _: value


def _both(left: Expression, right: Expression) -> Expression:
    return lambda row: is_true(left(row)) and is_true(right(row))


def _either(left: Expression, right: Expression) -> Expression:
    return lambda row: is_true(left(row)) or is_true(right(row))


def _compared(left: Expression, word: str, right: Expression, *, negated: bool) -> Expression:
    if negated and f"!{word}" not in _NEGATED:
        raise refused(f"!{word} is not simulated")
    test = COMPARISONS[word]
    return lambda row: test(left(row), right(row)) is not negated


def _member_of(
    left: Expression, items: list[Expression], *, folded: bool, negated: bool
) -> Expression:
    same = COMPARISONS["=~"] if folded else equal

    def holds(row: Json) -> bool:
        value = left(row)
        return any(same(value, item(row)) for item in items) is not negated

    return holds


def _member(value: Expression, key: str | int) -> Expression:
    def found(row: Json) -> Value:
        whole = value(row)
        if isinstance(key, int):
            inside = isinstance(whole, list) and -len(whole) <= key < len(whole)
            return whole[key] if inside else None
        return whole.get(key) if isinstance(whole, dict) else None

    return found


FUNCTIONS: dict[tuple[str, int], Callable[..., Value]] = {
    ("tolower", 1): lambda v: text(v).lower(),
    ("toupper", 1): lambda v: text(v).upper(),
    ("tostring", 1): text,
    ("tobool", 1): is_true,
    ("todatetime", 1): moment,
    ("datetime", 1): moment,
    ("not", 1): lambda v: not is_true(v),
    ("isnull", 1): lambda v: v is None,
    ("isnotnull", 1): lambda v: v is not None,
    ("isempty", 1): lambda v: text(v) == "",
    ("isnotempty", 1): lambda v: text(v) != "",
    ("array_length", 1): lambda v: len(v) if isinstance(v, list) else None,
    ("iff", 3): lambda test, yes, no: yes if is_true(test) else no,
    ("coalesce", -1): lambda *values: next((v for v in values if text(v) != ""), None),
    ("strcat", -1): lambda *values: "".join(text(v) for v in values),
    ("split", 2): lambda v, separator: text(v).split(text(separator)),
}

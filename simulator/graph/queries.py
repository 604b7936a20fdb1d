"""Owns queries: tables and the operators after them, applied to rows in order; refuses every other operator."""

from collections.abc import Callable, Mapping
from datetime import datetime

from simulator.graph.expressions import Expression, Parser
from simulator.graph.lexing import Sort, refused, tokens
from simulator.graph.values import Value, is_true, ordering, text
from simulator.wire import Json

type Tables = Mapping[str, Callable[[], list[Json]]]


class Query(Parser):
    """One query over tables; the columns of a table are given even when it has no rows."""

    def __init__(self, query: str, now: datetime, tables: Tables, columns: tuple[str, ...]) -> None:
        super().__init__(tokens(query), now)
        self._tables = tables
        self.columns = list(columns)
        self.rows: list[Json] = []

    def run(self) -> tuple[list[Json], list[str]]:
        """Return rows and the names of their columns; raises ArmError BadRequest."""
        table = self.name() if self.next.sort is Sort.NAME else ""
        if table.lower() not in self._tables:
            raise refused(f"the table {table!r} is not simulated")
        self.rows = self._tables[table.lower()]()
        while self.takes("|"):
            self._apply(self.name().lower())
        if self.next.sort is not Sort.END:
            raise refused(f"{self.next.text!r} is not understood")
        return self.rows, list(self.columns)

    def _apply(self, operator: str) -> None:
        known: dict[str, Callable[[], None]] = {
            "where": self._where,
            "filter": self._where,
            "project": self._project,
            "extend": self._extend,
            "distinct": self._distinct,
            "summarize": self._summarize,
            "take": self._take,
            "limit": self._take,
            "top": self._top,
            "order": self._order,
            "sort": self._order,
            "count": self._count,
        }
        if operator not in known:
            raise refused(f"the operator {operator!r} is not simulated")
        if operator == "project" and self.takes("-"):
            return self._project_away()
        return known[operator]()

    def _where(self) -> None:
        holds = self.expression()
        self.rows = [row for row in self.rows if is_true(holds(row))]

    def _named(self) -> tuple[str, Expression]:
        """Read `name = expression`, or an expression that is named by what it reads."""
        start = self._at
        if self.next.sort is Sort.NAME:
            name = self.name()
            if self.takes("="):
                return name, self.expression()
            self._at = start
        value = self.expression()
        read = [t.text for t in self._tokens[start : self._at] if t.sort in (Sort.NAME, Sort.TEXT)]
        return "_".join(read) if self._is_path(start) else f"Column{start}", value

    def _is_path(self, start: int) -> bool:
        marks = {t.text for t in self._tokens[start : self._at] if t.sort is Sort.MARK}
        return marks <= {".", "[", "]"}

    def _list_of_named(self) -> dict[str, Expression]:
        found = dict([self._named()])
        while self.takes(","):
            found |= dict([self._named()])
        return found

    def _project(self) -> None:
        wanted = self._list_of_named()
        self.rows = [{n: value(row) for n, value in wanted.items()} for row in self.rows]
        self.columns = list(wanted)

    def _extend(self) -> None:
        more = self._list_of_named()
        self.rows = [row | {n: value(row) for n, value in more.items()} for row in self.rows]
        self.columns = [*self.columns, *(n for n in more if n not in self.columns)]

    def _names(self) -> list[str]:
        found = [self.name()]
        while self.takes(","):
            found.append(self.name())
        unknown = [n for n in found if n not in self.columns]
        if unknown:
            raise refused(f"failed to resolve column {unknown[0]!r}")
        return found

    def _project_away(self) -> None:
        if self.name().lower() != "away":
            raise refused("of project- only project-away is simulated")
        gone = self._names()
        self.columns = [c for c in self.columns if c not in gone]
        self.rows = [{c: row.get(c) for c in self.columns} for row in self.rows]

    def _distinct(self) -> None:
        self.columns = self._names()
        seen: dict[str, Json] = {}
        for row in self.rows:
            kept = {c: row.get(c) for c in self.columns}
            seen.setdefault(str(kept), kept)
        self.rows = list(seen.values())

    def _summarize(self) -> None:
        """`summarize [name =] count() [by columns]` and nothing else."""
        name = "count_"
        if self.next.text.lower() != "count":
            name = self.name()
            self.need("=")
        self.need("count")
        self.need("(")
        self.need(")")
        keys = self._list_of_named() if self.takes("by") else {}
        groups: dict[str, Json] = {}
        for row in self.rows:
            key = {n: value(row) for n, value in keys.items()}
            group = groups.setdefault(str(key), {**key, name: 0})
            group[name] += 1
        self.rows = list(groups.values()) if keys else [{name: len(self.rows)}]
        self.columns = [*keys, name]

    def _number(self) -> int:
        token = self.take()
        if token.sort is not Sort.NUMBER:
            raise refused(f"a number is expected, not {token.text!r}")
        return int(token.text)

    def _take(self) -> None:
        self.rows = self.rows[: self._number()]

    def _top(self) -> None:
        number = self._number()
        self._order()
        self.rows = self.rows[:number]

    def _order(self) -> None:
        self.need("by")
        keys = [self._direction()]
        while self.takes(","):
            keys.append(self._direction())
        for value, descending in reversed(keys):
            self.rows = sorted(self.rows, key=_by(value), reverse=descending)

    def _direction(self) -> tuple[Expression, bool]:
        value = self.expression()
        descending = not self.takes("asc")
        if descending:
            self.takes("desc")
        return value, descending

    def _count(self) -> None:
        self.rows, self.columns = [{"Count": len(self.rows)}], ["Count"]


def _by(value: Expression) -> Callable[[Json], tuple[int, float, str]]:
    def key(row: Json) -> tuple[int, float, str]:
        found: Value = value(row)
        return ordering(text(found) if isinstance(found, dict | list) else found)

    return key

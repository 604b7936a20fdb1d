"""Owns how the demo looks: a timeline of lines, live, and one table at the end.

Plain lines when the output is not a terminal; ``NO_COLOR`` is rich's to honour.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

from rich.console import Console
from rich.markup import escape
from rich.table import Table

_OBJECT_ID = "http://schemas.microsoft.com/identity/claims/objectidentifier"
_STYLES = {
    "Repaired": "green",
    "InSync": "green",
    "NotNeeded": "green",
    "Planned": "cyan",
    "AwaitingApproval": "yellow",
    "Deferred": "yellow",
    "Blocked": "red",
    "Failed": "red",
}


def short(resource: str) -> str:
    """The last type and name of an id: ``privateEndpoints/pe-blob``."""
    return "/".join(resource.rstrip("/").split("/")[-2:])


@dataclass(slots=True)
class Show:
    """Prints the demo."""

    console: Console
    lines: list[str] = field(default_factory=list)
    """What was said so far, for a report."""
    _told: set[str] = field(default_factory=set)

    def say(self, text: str, style: str = "") -> None:
        """One line."""
        self.lines.append(text)
        self.console.print(escape(text), style=style, highlight=False, soft_wrap=True)

    def scene(self, title: str) -> None:
        """A new scene begins."""
        self._told.clear()
        self.console.print()
        self.console.rule(f"[bold]{escape(title)}", align="left", characters="─")

    def event(self, event: Mapping[str, Any], after: float, principal: str) -> None:
        """An event that Event Grid has for us; ``principal`` is Relink's own identity."""
        data = event["data"]
        kind = event["eventType"].rsplit(".", 1)[1]
        ours = data.get("claims", {}).get(_OBJECT_ID, "").lower() == principal.lower()
        what = f"{kind}: {data['operationName']} on {short(event['subject'])}"
        who = "Relink" if ours else "somebody"
        self.say(f"  {after:6.1f} s  event      {what}, by {who}", "dim" if ours else "")

    def progress(self, run: Mapping[str, Any], after: float) -> None:
        """What a running run has newly found or done."""
        for finding in run.get("findings", []):
            key = f"{run['id']} {finding['reason']} {finding['resource']}"
            if self._new(key):
                self._finding(finding, after)
        titles = {unit["unit"]: unit["title"] for unit in run.get("plan", [])}
        for unit in run.get("units", []):
            title = titles.get(unit["unit"], unit["unit"])
            step = f"step {unit['step'] + 1} of {unit['of']}" if "of" in unit else unit["state"]
            if self._new(f"{run['id']} {unit['unit']} {step}"):
                mark = {"done": "✔", "running": "▸"}.get(unit["state"], "✘")
                self.say(f"  {after:6.1f} s  {mark} {title}: {step}")

    def _finding(self, finding: Mapping[str, Any], after: float) -> None:
        self.say(
            f"  {after:6.1f} s  finding    {finding['reason']} on {short(finding['resource'])}",
            "bold",
        )
        for item in finding["evidence"]:
            wanted = f", expected {item['expected']}" if item["expected"] else ""
            self.say(
                f"               evidence {item['what']}: found {item['found']}{wanted}", "dim"
            )

    def _new(self, key: str) -> bool:
        fresh = key not in self._told
        self._told.add(key)
        return fresh

    def record(self, record: Mapping[str, Any], after: float) -> None:
        """A finished run: steps with their durations, what was verified, the outcome."""
        self.progress(
            {
                "id": record["id"],
                "findings": record["rounds"][0]["findings"] if record["rounds"] else [],
            },
            after,
        )
        units = {u["id"]: u for seen in record["rounds"] for u in seen["plan"]["units"]}
        for unit in record["units"]:
            for timing in unit["timings"]:
                step = units[unit["unit"]]["steps"][timing["step"]]
                note = f" ({timing['note']})" if timing.get("note") else ""
                self.say(
                    f"               step     {timing['seconds']:5.1f} s  {step['kind']}"
                    f" {short(step['resource'])}{note}"
                )
        if len(record["rounds"]) > 1:
            left = sum(f["disposition"] != "not-needed" for f in record["rounds"][-1]["findings"])
            verdict = "everything found in order" if not left else f"{left} finding(s) left"
            self.say(f"  {after:6.1f} s  verified   read again: {verdict}")
        counts = ", ".join(f"{n} {kind}" for kind, n in _count(record["outcomes"]))
        style = _STYLES.get(record["outcome"], "")
        detail = f" ({counts})" if counts else ""
        self.say(
            f"  {after:6.1f} s  outcome    {record['outcome']}{detail} {record['problem']}", style
        )

    def verdict(self, *, good: bool, problems: Iterable[str]) -> None:
        """Whether the scene ended as it should."""
        self.say(
            "  ✔ ended as it should" if good else "  ✘ did not end as it should",
            "bold green" if good else "bold red",
        )
        for line in problems:
            self.say(f"      {line}", "red")

    def table(self, rows: Iterable[tuple[str, str, str, str, str]]) -> None:
        """The end of it all."""
        table = Table(title="What happened", title_justify="left", show_lines=False)
        for name in ("#", "incident", "outcome", "writes", "seconds"):
            table.add_column(
                name, justify="right" if name in {"#", "seconds", "writes"} else "left"
            )
        for row in rows:
            table.add_row(*map(escape, row))
        self.console.print()
        self.console.print(table)


def _count(outcomes: Iterable[Mapping[str, Any]]) -> list[tuple[str, int]]:
    counts: dict[str, int] = {}
    for outcome in outcomes:
        counts[outcome["kind"]] = counts.get(outcome["kind"], 0) + 1
    return sorted(counts.items())

"""Owns the picture of an environment as SVG: boxes in columns, lines between them, what broke in red.

No script, no font, no address: it is shown anywhere, and prints.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from html import escape
from typing import Final

from cli.rehearsal.story import Hurt
from cli.topology import Box, Sort, Topology
from shared.model.resource_id import ResourceId

_WIDTH: Final = 210
_HEIGHT: Final = 46
_GAP: Final = 14
_APART: Final = 110
_MARGIN: Final = 20
_HEAD: Final = 26
_LONGEST: Final = 30
_COLUMNS: Final = (
    ("networks and private endpoints", (Sort.ENDPOINT,)),
    ("what they lead to", (Sort.CLUSTER, Sort.WORKSPACE, Sort.STORE)),
    ("Kubernetes computes", (Sort.COMPUTE,)),
)
_FILL: Final = {"plain": "#f6f8fa", "back": "#e6f6ea", "broken": "#fde8e8"}
_EDGE: Final = {"plain": "#8c959f", "back": "#1a7f37", "broken": "#cf222e"}


@dataclass(frozen=True, slots=True)
class _Placed:
    box: Box
    x: int
    y: int


def draw(topology: Topology, hurt: Mapping[ResourceId, Hurt]) -> str:
    """The picture; ``hurt`` is what was struck, in red where it did not come back."""
    placed = {each.box.id: each for each in _placed(topology)}
    right = _MARGIN * 2 + _WIDTH * len(_COLUMNS) + _APART * (len(_COLUMNS) - 1)
    bottom = max((each.y for each in placed.values()), default=0) + _HEIGHT + _MARGIN * 2
    parts = [
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {right} {bottom}" role="img"',
        f'aria-label="{escape(topology.name)}" font-family="sans-serif" font-size="12">',
        *_heads(),
        *_networks(topology, placed),
        *_lines(topology, placed, hurt),
        *(_box(each, hurt.get(each.box.id)) for each in placed.values()),
        "</svg>",
    ]
    return "\n".join(parts)


def _placed(topology: Topology) -> Iterator[_Placed]:
    """Boxes below each other; the endpoints of a network together, with room for its frame."""
    for column, (_, sorts) in enumerate(_COLUMNS):
        x, y = _MARGIN + column * (_WIDTH + _APART), _MARGIN + _HEAD
        boxes = sorted(topology.of(*sorts), key=lambda b: (b.inside is not None, b.inside or b.id))
        inside = None
        for box in boxes:
            if box.inside != inside:
                y += _HEAD
                inside = box.inside
            yield _Placed(box, x, y)
            y += _HEIGHT + _GAP


def _heads() -> Iterator[str]:
    for column, (words, _) in enumerate(_COLUMNS):
        x = _MARGIN + column * (_WIDTH + _APART)
        yield f'<text x="{x}" y="{_MARGIN}" fill="#57606a">{escape(words)}</text>'


def _networks(topology: Topology, placed: Mapping[ResourceId, _Placed]) -> Iterator[str]:
    for network in topology.of(Sort.NETWORK):
        inside = [p for p in placed.values() if p.box.inside == network.id]
        if not inside:
            continue
        top, low = min(p.y for p in inside) - 20, max(p.y for p in inside) + _HEIGHT + 6
        yield (
            f'<rect x="{_MARGIN - 8}" y="{top}" width="{_WIDTH + 16}" height="{low - top}" rx="8" '
            'fill="none" stroke="#0969da" stroke-dasharray="4 3"/>'
        )
        yield f'<text x="{_MARGIN}" y="{top + 14}" fill="#0969da">{_short(network.name)}</text>'


def _lines(
    topology: Topology, placed: Mapping[ResourceId, _Placed], hurt: Mapping[ResourceId, Hurt]
) -> Iterator[str]:
    for line in topology.lines:
        start, end = placed.get(line.start), placed.get(line.end)
        if start is None or end is None or start.x == end.x:
            continue
        left, right = sorted((start, end), key=lambda each: each.x)
        state = _state(hurt.get(line.start))
        x1, y1 = left.x + _WIDTH, left.y + _HEIGHT // 2
        x2, y2 = right.x, right.y + _HEIGHT // 2
        middle = (x1 + x2) // 2
        yield (
            f'<path d="M{x1} {y1} C{middle} {y1} {middle} {y2} {x2} {y2}" fill="none" '
            f'stroke="{_EDGE[state]}" stroke-width="{1 if state == "plain" else 2}"/>'
        )


def _box(placed: _Placed, hurt: Hurt | None) -> str:
    state = _state(hurt)
    x, y, box = placed.x, placed.y, placed.box
    told = box.detail
    if hurt is not None:
        told = (
            f"back after {hurt.back_after:.0f} s" if hurt.back_after is not None else hurt.outcome
        )
    reasons = f": {', '.join(hurt.reasons)}" if hurt else ""
    return (
        f'<g><title>{escape(box.id.text + reasons)}</title><rect x="{x}" y="{y}" width="{_WIDTH}" '
        f'height="{_HEIGHT}" rx="6" fill="{_FILL[state]}" stroke="{_EDGE[state]}"/>'
        f'<text x="{x + 10}" y="{y + 19}" font-weight="bold">{_short(box.name)}</text>'
        f'<text x="{x + 10}" y="{y + 36}" fill="{_EDGE[state]}">{_short(told)}</text></g>'
    )


def _state(hurt: Hurt | None) -> str:
    if hurt is None:
        return "plain"
    return "back" if hurt.back_after is not None else "broken"


def _short(words: str) -> str:
    return escape(words if len(words) <= _LONGEST else f"{words[: _LONGEST - 1]}…")

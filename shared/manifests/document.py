"""Owns what a manifest is once it was read: plain values, each with its place; reads nothing.

Apart from the reader, so that indexing the app does not load a YAML parser.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any, Final

MAX_BYTES: Final = 1024 * 1024

type Path = tuple[str | int, ...]
type Place = tuple[int, int]


@dataclass(frozen=True, slots=True)
class Document:
    """Plain values and where each stands: path to (line, column), both from 1."""

    value: Any
    places: dict[Path, Place] = field(default_factory=dict)

    def place(self, path: Path) -> Place:
        """Where ``path`` stands, or else the nearest thing around it."""
        while path and path not in self.places:
            path = path[:-1]
        return self.places.get(path, (1, 1))


def field_of(path: Path) -> str:
    """``privateEndpoints[0].body`` for ``("privateEndpoints", 0, "body")``."""
    text = ""
    for part in path:
        text += f"[{part}]" if isinstance(part, int) else f".{part}" if text else str(part)
    return text

"""Owns attempts: when a resource was last acted on, and whether that held."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime


@dataclass(frozen=True, slots=True)
class Attempt:
    """One unit carried out on one resource. ``ok`` says that it was verified afterwards."""

    at: datetime
    ok: bool

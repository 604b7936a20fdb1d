"""Owns the whole table of drifts: the catalogue's rows and the older ones, by name."""

from __future__ import annotations

from collections.abc import Iterable

from tests.e2e.catalogue import CatalogueDrift
from tests.e2e.drifts import DRIFTS
from tests.e2e.drifts_control import CONTROL
from tests.e2e.drifts_network import NETWORK
from tests.e2e.stage import Stage

TABLE: dict[str, CatalogueDrift] = {each.name: each for each in (*NETWORK, *CONTROL)}
REPAIRED = sorted([*(n for n, each in TABLE.items() if each.repaired), *DRIFTS])
REPORTED = sorted(n for n, each in TABLE.items() if not each.repaired)


def apply(stage: Stage, names: Iterable[str]) -> list[str]:
    """Those of the drifts that are possible after those before them (a deleted thing has no settings)."""
    done = []
    for name in names:
        drift = TABLE[name].apply if name in TABLE else DRIFTS[name]
        try:
            drift(stage)
        except (AssertionError, ValueError, KeyError):
            continue
        done.append(name)
    return done

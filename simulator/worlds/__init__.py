"""Owns ready-made environments, as plain ARM resources."""

from collections.abc import Callable

from simulator.wire import Json
from simulator.worlds.environment import private_inference

WORLDS: dict[str, Callable[[], list[Json]]] = {"private-inference": private_inference}

__all__ = ["WORLDS", "private_inference"]

"""Owns every random choice of the simulated Azure, so that one seed gives one history."""

import random  # noqa: TID251 - this is the room that owns randomness
import uuid


class Chance:
    """A seeded source of ids and order."""

    def __init__(self, seed: int) -> None:
        self._random = random.Random(seed)  # noqa: S311 - ids of a simulation, not secrets

    def guid(self) -> str:
        """Return a version 4 uuid."""
        return str(uuid.UUID(int=self._random.getrandbits(128), version=4))

    def hex(self, digits: int) -> str:
        """Return lower-case hexadecimal digits."""
        return f"{self._random.getrandbits(4 * digits):0{digits}x}"

    def shuffled[T](self, items: list[T]) -> list[T]:
        """Return the items in another order."""
        return self._random.sample(items, len(items))

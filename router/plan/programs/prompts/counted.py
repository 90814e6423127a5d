"""Draws of values that count the parts of what is made.

Types multiply: a list of lists of lists, seven deep, has thousands of parts where its text has some
dozens of characters.
"""

from __future__ import annotations

import random
from typing import Final

MOST_PARTS: Final = 30_000
"""Of the values of all calls: they are made on the loop, a part in about a microsecond."""
MOST_PARTS_OF_A_CALL: Final = 2_000


class TooManyParts(Exception):
    """A call would have more parts than it may have, or than are left."""


class Draws(random.Random):
    """Draws that are the same ones for a seed, and that count the parts of what is made by them.

    `refused` says whether a call was too large by itself, and not only for what earlier ones left:
    they may have been repeats.
    """

    def __init__(self, seed: int) -> None:
        super().__init__(seed)
        self.refused = False
        self._left = MOST_PARTS
        self._of_call = 0

    @property
    def spent(self) -> bool:
        """Whether nothing more is made."""
        return self._left <= 0

    def begin(self) -> None:
        """Begin another call."""
        self._of_call = 0

    def take(self, parts: int) -> None:
        """Count parts, before they are made. Raises `TooManyParts` where there is no room."""
        self._left -= parts
        self._of_call += parts
        self.refused |= self._of_call > MOST_PARTS_OF_A_CALL
        if self._left < 0 or self._of_call > MOST_PARTS_OF_A_CALL:
            raise TooManyParts

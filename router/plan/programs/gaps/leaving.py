"""Where an answer leaves the block that its gap lies in, as far as margins tell.

Models that were taught to chat go on after the code: they call it, test it, explain it. What they
say then begins at the left margin, and where the suffix goes on inside of a block, or is no more
than the end of the file, that is no place for it. A fence ends what the model took for its own.

Margins are a sign and no proof: much of other languages touches them, and so do texts in quotes,
which are read as Python's from the beginning of the prompt on. Who cuts an answer there has to see
that what is left is a program.

An answer is read once, line by line, as it comes: that takes the event loop, and answers may be
long.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import Final

from router.plan.programs.lexing import Place, after

_FENCE: Final = "```"

_NOTE: Final = "#"

_STAYING: Final = (_NOTE, ")", "]", "}", "else", "elif", "except", "finally")
"""What stands at the margin within a block, or goes on with one: comments, ends, other branches."""


@dataclass(frozen=True)
class Block:
    """The block that the gap between a text and its suffix lies in.

    `amid` is whether the gap begins in a line that has begun, `breaks` whether the suffix brings
    the line break after it.
    """

    text: str
    suffix: str

    @cached_property
    def inside(self) -> bool:
        """Whether it is indented: by the first line after the gap that says something, or before.

        A line at the margin is outside of it then.
        """
        line = self.text[self.text.rfind("\n") + 1 :]
        says_more = says(self.suffix.partition("\n")[0])
        following = f"{line}{self.suffix}" if says_more else self.suffix
        first = next((each for each in following.split("\n") if says(each)), None)
        if first is not None:
            return first[:1].isspace()
        before = self.text.rstrip()
        return before.endswith(":") or before[before.rfind("\n") + 1 :][:1].isspace()

    @cached_property
    def amid(self) -> bool:
        """Whether the first line of an answer has begun before it."""
        return bool(self.text) and not self.text.endswith("\n")

    @cached_property
    def breaks(self) -> bool:
        """Whether the last line of an answer ends with the suffix."""
        return self.suffix.startswith(("\n", "\r"))

    @cached_property
    def place(self) -> Place:
        """Whether the last line of the text begins in a text in quotes."""
        place = Place()
        for line in self.text.split("\n")[:-1]:
            place = after(place, line)
        return place


@dataclass(slots=True)
class Leaving:
    """An answer as it comes.

    So much of it stands in its block as `end` says. It has `left` where a whole line after that
    does not: nothing more is heard then.
    """

    block: Block
    end: int = 0
    left: bool = False
    _start: int = 0
    _rest: str = ""
    _place: Place | None = None
    _begun: bool = False

    def hear(self, piece: str) -> bool:
        """Add a piece; whether it has left."""
        if self.left:
            return True
        self._rest += piece
        if "\n" in piece:
            *lines, self._rest = self._rest.split("\n")
            for line in lines:
                if self._is_outside(line):
                    self.left = True
                    return True
                self._stays(line, len(line) + 1)
        return False

    def over(self) -> bool:
        """There is no more: the last line is whole. Whether it has left."""
        if not self.left:
            if self._is_outside(self._rest):
                self.left = True
            else:
                self._stays(self._rest, len(self._rest))
        return self.left

    @property
    def sure(self) -> int:
        """So much of it would not be cut, whatever comes: what may be a line outside may be.

        Where nothing stands before such a line it is all that there is.
        """
        rest = self._rest
        leaves = bool(self.end) and self._is_outside(rest, may_be=True)
        if self.left or leaves or not self._counts(rest):
            return self.end
        return self._start + len(rest.removesuffix("\r"))

    def _stays(self, line: str, length: int) -> None:
        """A line of this length stands in the block, its end included."""
        self._start += length
        if self._counts(line):
            broken = length > len(line)
            breaks = self.block.breaks and broken
            self.end = self._start - breaks * (1 + line.endswith("\r"))
        before = "" if self._begun else self.block.text[self.block.text.rfind("\n") + 1 :]
        self._place, self._begun = after(self._where, f"{before}{line}"), True

    def _counts(self, line: str) -> bool:
        """Whether a line is worth keeping, whatever comes after it."""
        if not line.strip():
            return False
        return not (self._has_margin and self.block.inside and line.startswith(_NOTE))

    def _is_outside(self, line: str, *, may_be: bool = False) -> bool:
        """Whether a line is outside of the block; of one that is not whole, whether it may be."""
        if not self._has_margin:
            return False
        if line.startswith(_FENCE) or (may_be and _FENCE.startswith(line)):
            return True
        return self.block.inside and bool(line[:1].strip()) and not line.startswith(_STAYING)

    @property
    def _has_margin(self) -> bool:
        """Whether the line that has begun begins where a line of code would."""
        return (self._begun or not self.block.amid) and not self._where.in_string

    @property
    def _where(self) -> Place:
        if self._place is None:
            self._place = self.block.place
        return self._place


def says(line: str) -> bool:
    """Whether a line has a letter or a digit."""
    return any(character.isalnum() for character in line)

"""Where an answer leaves the block that its gap lies in.

Models that were taught to chat go on after the code: they call it, test it, explain it. Where the
suffix goes on inside of a block, whatever begins at the left margin stands before a place that
it cannot stand before. So does the end of a fence that nobody opened.

It looks at lines and margins alone, in any language, and knows no syntax: a text of several lines
in quotes may touch the margin too, so that a program that parsed is not to be cut by it.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

_FENCE: Final = "```"

_NOTES: Final = ("#", "//")
"""What begins a comment, or a directive, which may stand at the margin anywhere."""

_OPENING: Final = (":", "{", "(", "[", ",")
_CLOSING: Final = (")", "]")


@dataclass(frozen=True, slots=True)
class Surroundings:
    """What stands around a gap, as far as margins tell.

    `inside` says that the suffix goes on in an indented block; `fenced` that fences are a part of
    the text; `amid` that the answer begins in the middle of a line, and `breaks` that it ends
    before the break of one.
    """

    inside: bool
    fenced: bool
    amid: bool
    breaks: bool

    @classmethod
    def of(cls, text: str, suffix: str) -> Surroundings:
        """Of a gap between two texts."""
        line = text[text.rfind("\n") + 1 :]
        following = f"{line}{suffix}" if _says(suffix.partition("\n")[0]) else suffix
        first = next((line for line in following.split("\n") if _says(line)), "")
        return cls(
            inside=first[:1].isspace() and _opens(text),
            fenced=_FENCE in text or _FENCE in suffix,
            amid=bool(line),
            breaks=suffix.startswith(("\n", "\r")),
        )

    def left(self, answer: str) -> int:
        """Where an answer that leaves them has ended; its length where it does not."""
        start = end = 0
        for number, line in enumerate(answer.split("\n")):
            first = number == 0 and self.amid
            if not first and self._outside(line):
                return end
            start += len(line) + 1
            if line.strip() and not (self.inside and line.startswith(_NOTES) and not first):
                end = start - self.breaks
        return len(answer)

    def _outside(self, line: str) -> bool:
        if line.startswith(_FENCE):
            return not self.fenced
        margin = line[:1].strip() and not line.startswith((*_NOTES, *_CLOSING))
        return self.inside and bool(margin)


def _opens(text: str) -> bool:
    """Whether the last line that is not blank stands in a block, or begins one."""
    text = text.rstrip()
    return text.endswith(_OPENING) or text[text.rfind("\n") + 1 :][:1].isspace()


def _says(line: str) -> bool:
    return any(character.isalnum() for character in line)

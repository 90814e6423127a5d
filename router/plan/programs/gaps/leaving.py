"""Where an answer leaves the block that its gap lies in, as far as margins tell.

Models that were taught to chat go on after the code: they call it, test it, explain it. What they
say then begins at the left margin, and where the suffix goes on inside of a block, or is no more
than the end of the file, that is no place for it. A fence ends what the model took for its own.

Margins are a sign and no proof: texts in quotes touch them, and so does much of other languages.
Who cuts an answer there has to see that what is left is a program.
"""

from __future__ import annotations

from typing import Final

_FENCE: Final = "```"

_STAYING: Final = ("#", ")", "]", "}", "else", "elif", "except", "finally")
"""What stands at the margin within a block, or goes on with one: comments, ends, other branches."""


def left(text: str, suffix: str, answer: str) -> int:
    """Where an answer that leaves its block has ended; its length where it does not."""
    inside = _is_inside(text, suffix)
    amid = bool(text) and not text.endswith("\n")
    breaks = suffix.startswith(("\n", "\r"))
    start = end = 0
    for number, line in enumerate(answer.split("\n")):
        if number or not amid:
            if line.startswith(_FENCE):
                return end
            if inside and line[:1].strip() and not line.startswith(_STAYING):
                return end
        start += len(line) + 1
        if line.strip() and not (inside and line.startswith("#")):
            end = start - breaks * (1 + line.endswith("\r"))
    return len(answer)


def _is_inside(text: str, suffix: str) -> bool:
    """Whether a gap is in a block, by the first line after it that says something, or before it."""
    line = text[text.rfind("\n") + 1 :]
    following = f"{line}{suffix}" if says(suffix.partition("\n")[0]) else suffix
    first = next((each for each in following.split("\n") if says(each)), None)
    if first is not None:
        return first[:1].isspace()
    before = text.rstrip()
    return before.endswith(":") or before[before.rfind("\n") + 1 :][:1].isspace()


def says(line: str) -> bool:
    """Whether a line has a letter or a digit."""
    return any(character.isalnum() for character in line)

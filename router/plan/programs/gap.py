"""How an answer fits into the gap between prompt and suffix, where no tests can say.

Models that fill in the middle often go on into the suffix. Where an answer ends with the suffix's
beginning, at least one whole line of it that says something, that end is no part of the answer.
Closing brackets alone say nothing: they may as well close what the answer opened. Where an answer
goes on after all of the suffix, one line of it may be chance, unless what follows stands outside of
its block: before that, the suffix's place is past. Lines compare without their ends, which prompts
from Windows have of their own.

It guards against answers that repeat, say nothing, or do not fit the program around them, not
against ones that are wrong.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Final

from policies.values import LOOSE, REPEATS, UNPARSED
from router.plan.programs.reading import parse
from router.plan.programs.seams import compiles, loose_ends
from router.request import Fit

_LONGEST_PROGRAM: Final = 50_000
"""Characters that are parsed: this runs on the loop, once for every sample."""

_MOST_LINES: Final = 64
"""Of the suffix that are looked at: where so many are said again, so is the rest."""

_LONGEST_END: Final = 1000
"""Characters in which the suffix must have said enough to be a stop."""

_SURE_LINES: Final = 2
"""So many lines of the suffix, and all of it, are no chance, whatever an answer says after them."""


@dataclass(frozen=True, slots=True)
class Gap:
    """The place between a text and its suffix."""

    text: str
    suffix: str
    _lines: Sequence[str] = field(init=False)

    def __post_init__(self) -> None:
        lines = self.suffix.removesuffix("\n").split("\n", _MOST_LINES)[:_MOST_LINES]
        object.__setattr__(self, "_lines", [line.removesuffix("\r") for line in lines])

    @property
    def until(self) -> str | None:
        """So much of the suffix that an answer which says it has gone past the gap; None if short.

        A server that stops there computes nothing that would only be trimmed.
        """
        sure = 0
        for number, line in enumerate(self._lines, 1):
            sure += _telling(line)
            if sure == _SURE_LINES:
                text = "\n".join(self.suffix.split("\n", number)[:number]).removesuffix("\r")
                return text if len(text) <= _LONGEST_END else None
        return None

    def fit(self, answer: str) -> Fit:
        """What of an answer belongs into the gap, and how well."""
        kept = self._end_of(answer)
        said = answer[:kept]
        scores = {REPEATS: float(self._repeated_in(said)), LOOSE: float(not said.strip())}
        program = f"{self.text}{said}{self.suffix}"
        if len(program) <= _LONGEST_PROGRAM:
            tree = parse(program)
            scores[UNPARSED] = float(tree is None or not compiles(tree))
            if tree is not None:
                first = self.text.count("\n") + 1
                scores[LOOSE] += loose_ends(tree, first, first + said.rstrip().count("\n"))
        return Fit(kept, scores)

    def _end_of(self, answer: str) -> int:
        """Where the answer ends and the suffix begins again."""
        if not any(map(_telling, self._lines)):
            return len(answer)
        lines, start = _lines(answer), 0
        for at, (line, raw) in enumerate(zip(lines, answer.split("\n"), strict=True)):
            if line.endswith(self._lines[0]) and self._begins(lines, at):
                return start + len(line) - len(self._lines[0])
            start += len(raw) + 1
        return len(answer)

    def _begins(self, lines: Sequence[str], at: int) -> bool:
        """Whether the lines from `at` on are those of the suffix, as far as they go."""
        first, last = self._lines[0], len(lines) - 1 - at
        whole = [first] if self._begins_line(at) and lines[at] == first else []
        for number in range(1, min(last + 1, len(self._lines))):
            said, theirs = lines[at + number], self._lines[number]
            if said == theirs:
                whole.append(said)
            elif number < last or not theirs.startswith(said):  # the last may be cut
                return False
        sure = [line for line in whole if _telling(line)]
        more = next((line for line in lines[at + len(self._lines) :] if line.strip()), None)
        if more is None or len(sure) >= _SURE_LINES:
            return bool(sure)
        return bool(sure) and _indent(more) < _indent(sure[0])

    def _repeated_in(self, answer: str) -> bool:
        """Whether the first line of the suffix that says something is in an answer."""
        for number, line in enumerate(self._lines):
            if _telling(line):
                said = _lines(answer)
                if number or self._begins_line(0):
                    return line in said
                return any(each.endswith(line) for each in said)
        return False

    def _begins_line(self, at: int) -> bool:
        return bool(at) or not self.text or self.text.endswith("\n")


def _lines(text: str) -> list[str]:
    return [line.removesuffix("\r") for line in text.split("\n")]


def _telling(line: str) -> bool:
    return any(character.isalnum() for character in line)


def _indent(line: str) -> int:
    return len(line) - len(line.lstrip())

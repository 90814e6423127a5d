"""How an answer fits into the gap between prompt and suffix, where no tests can say.

Models that fill in the middle often go on into the suffix. Where an answer ends with the suffix's
beginning, at least one whole line of it that says something, that end is no part of the answer.
Closing brackets alone say nothing: they may as well close what the answer opened. Where an answer
goes on after all of the suffix, one line of it may be chance, unless what follows stands outside of
its block: before that, the suffix's place is past. Lines compare without their ends, which prompts
from Windows have of their own.

Where the program is surely Python, an answer ends as well where it leaves the block of its gap, or
says the rest of the line that the suffix is and goes on, if the program compiles without what comes
then. Other languages are not read, and a program that does not compile may be newer than we are.

It guards against answers that repeat, say nothing, or do not fit the program around them, not
against ones that are wrong.
"""

from __future__ import annotations

import ast
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from itertools import islice
from typing import Final

from policies.values import LOOSE, REPEATS, UNPARSED
from router.plan.programs.gaps.leaving import left, says
from router.plan.programs.gaps.seams import compiles, cuts_off, in_a_text, is_python, loose_ends
from router.plan.programs.reading import parse
from router.request import Fit

_LONGEST_PROGRAM: Final = 50_000
"""Characters that are parsed: this runs on the loop, once for every sample."""

_MOST_LINES: Final = 64
"""Of the suffix that are looked at: where so many are said again, so is the rest."""

_MOST_TRIED: Final = 4
"""Ends of an answer that are tried, each of which is a program to parse."""

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
            sure += says(line)
            if sure == _SURE_LINES:
                text = "\n".join(self.suffix.split("\n", number)[:number]).removesuffix("\r")
                return text if len(text) <= _LONGEST_END else None
        return None

    def fit(self, answer: str) -> Fit:
        """What of an answer belongs into the gap, and how well."""
        end = self._end_of(answer)
        tree = self._tree(answer[:end])
        if (cut := self._cut(answer[:end], tree)) is not None:
            end, tree = cut, self._tree(answer[:cut])
        said = answer[:end]
        scores = {REPEATS: float(self._repeated_in(said)), LOOSE: float(not said.strip())}
        if not self._is_long(said):
            scores[UNPARSED] = float(tree is None)
        if tree is not None:
            off = cuts_off(tree, self._first, self._first + said.rstrip().count("\n"))
            scores[LOOSE] += loose_ends(tree) + off
        return Fit(end, scores)

    def left_at(self, said: str) -> int | None:
        """Where an answer that goes on has left the block of its gap, as far as margins tell.

        Only whole lines do: one that begins at the margin may become another branch.
        """
        lines = said[: said.rfind("\n") + 1]
        at = left(self.text, self.suffix, lines)
        return self._end_of(said[:at]) if at < len(lines) else None

    def _cut(self, said: str, whole: ast.Module | None) -> int | None:
        """Where an answer, with which the program is `whole`, leaves its gap; None if it stays."""
        margin = self._end_of(said[: left(self.text, self.suffix, said)])
        if whole is not None:
            line = self._first + said.count("\n", 0, margin + 1)
            ends = [] if in_a_text(whole, line) else [margin]
        else:
            ends = [margin, *islice(self._before_the_rest(said), _MOST_TRIED)]
        return next((end for end in ends if end < len(said) and self._fits(said[:end])), None)

    def _fits(self, said: str) -> bool:
        """Whether an answer that says something makes a program that is surely Python."""
        tree = self._tree(said) if said.strip() else None
        return tree is not None and is_python(tree)

    def _before_the_rest(self, said: str) -> Iterator[int]:
        """Where lines of an answer say the rest of the line that the suffix is, the first first."""
        rest, end = self._lines[0], 0
        for line in said.split("\n") if rest else ():
            end += len(line)
            if line.endswith(rest):
                yield end - len(rest)
            end += 1

    @property
    def _first(self) -> int:
        """The line that an answer begins on."""
        return self.text.count("\n") + 1

    def _is_long(self, said: str) -> bool:
        return len(self.text) + len(said) + len(self.suffix) > _LONGEST_PROGRAM

    def _tree(self, said: str) -> ast.Module | None:
        """The program around an answer; None where it does not compile, or is too long to look."""
        if self._is_long(said):
            return None
        tree = parse(f"{self.text}{said}{self.suffix}")
        return tree if tree is not None and compiles(tree) else None

    def _end_of(self, answer: str) -> int:
        """Where the answer ends and the suffix begins again."""
        if not any(map(says, self._lines)):
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
        sure = [line for line in whole if says(line)]
        rest = islice(lines, at + len(self._lines), None)
        more = next((line for line in rest if line.strip()), None)
        if more is None or len(sure) >= _SURE_LINES:
            return bool(sure)
        return bool(sure) and _indent(more) < _indent(sure[0])

    def _repeated_in(self, answer: str) -> bool:
        """Whether the first line of the suffix that says something is in an answer."""
        for number, line in enumerate(self._lines):
            if says(line):
                said = _lines(answer)
                if number or self._begins_line(0):
                    return line in said
                return any(each.endswith(line) for each in said)
        return False

    def _begins_line(self, at: int) -> bool:
        return bool(at) or not self.text or self.text.endswith("\n")


def _lines(text: str) -> list[str]:
    return [line.removesuffix("\r") for line in text.split("\n")]


def _indent(line: str) -> int:
    return len(line) - len(line.lstrip())

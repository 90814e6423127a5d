"""How an answer fits into the gap between prompt and suffix, where no tests can say.

Models that fill in the middle often go on into the suffix. Where an answer ends with the suffix's
beginning, at least one whole line of it that says something, that end is no part of the answer.
Closing brackets alone say nothing: they may as well close what the answer opened. Where an answer
goes on after all of the suffix, one line of it may be chance, unless what follows stands outside of
its block: before that, the suffix's place is past. Lines compare without their ends, which prompts
from Windows have of their own.

Where the program is surely Python, an answer ends as well where it leaves the block of its gap, if
the program compiles without what comes then; or where it says the rest of the line that the suffix
is and goes on, if it compiles only so. The first shows while an answer still comes: with the first
whole line outside it is settled, and such an answer need not be heard out. Other languages are not
read, and a program that does not compile may be newer than we are.

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
from router.plan.programs.gaps.leaving import Block, Leaving, says
from router.plan.programs.gaps.seams import compiles, cuts_off, is_python, loose_ends
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
    """The place between a text and its suffix.

    Where answers are `sent` as they come, what was sent is the answer's.
    """

    text: str
    suffix: str
    sent: bool = False
    _lines: Sequence[str] = field(init=False)
    _block: Block = field(init=False, compare=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "_block", Block(self.text, self.suffix))
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
        following = self.follow()
        if following.hear(answer) or following.over():
            return self.fit_to(answer, following.end)
        end = len(answer) if self.sent else self._end_of(answer)
        tree = self._tree(answer[:end])
        if not self.sent and tree is None and (cut := self._at_the_rest(answer[:end])) is not None:
            return self.fit_to(answer, cut)
        return self._scored(answer[:end], tree)

    def fit_to(self, answer: str, end: int) -> Fit:
        """How well the beginning of an answer fits."""
        return self._scored(answer[:end], self._tree(answer[:end]))

    def follow(self) -> Following:
        """Hear an answer as it comes."""
        return Following(self, Leaving(self._block))

    def end_within(self, said: str) -> int | None:
        """Where an answer ends that has said this before it left; None if that is no program."""
        end = self._end_of(said)
        if not self._fits(said[:end]):
            return None
        return len(said) if self.sent else end

    def _scored(self, said: str, tree: ast.Module | None) -> Fit:
        """How well an answer fits, with which the program is `tree`."""
        scores = {REPEATS: float(self._repeated_in(said)), LOOSE: float(not said.strip())}
        if not self._is_long(said):
            scores[UNPARSED] = float(tree is None)
        if tree is not None:
            off = cuts_off(tree, self._first, self._first + said.rstrip().count("\n"))
            scores[LOOSE] += loose_ends(tree) + off
        return Fit(len(said), scores)

    def _at_the_rest(self, said: str) -> int | None:
        """Where an answer says the rest of its line, if it is a program without what follows."""
        ends = islice(self._before_the_rest(said), _MOST_TRIED)
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


@dataclass(slots=True)
class Following:
    """An answer to a gap, followed as it comes.

    It has ended with the first whole line outside of its block, if it is a program then: what comes
    after that changes nothing. One that is none stays whole, whatever comes.
    """

    gap: Gap
    leaving: Leaving
    end: int = 0
    _said: list[str] = field(default_factory=list)
    _heard: int = 0
    _stays: bool = False

    def hear(self, piece: str) -> bool:
        """Add a piece; whether it has ended."""
        self._heard += len(piece)
        if self._stays:
            return False
        self._said.append(piece)
        return self.leaving.hear(piece) and self._has_ended()

    def over(self) -> bool:
        """There is no more; whether it ended before."""
        return not self._stays and self.leaving.over() and self._has_ended()

    @property
    def fit(self) -> Fit:
        """What of it belongs into the gap, and how well, where it has ended."""
        return self.gap.fit_to("".join(self._said), self.end)

    @property
    def sure(self) -> int:
        """So much of it is the answer's, whatever comes, but for lines that the suffix repeats."""
        return self._heard if self._stays else self.leaving.sure

    def _has_ended(self) -> bool:
        end = self.gap.end_within("".join(self._said)[: self.leaving.end])
        self._stays, self.end = end is None, end or 0
        return end is not None


def _lines(text: str) -> list[str]:
    return [line.removesuffix("\r") for line in text.split("\n")]


def _indent(line: str) -> int:
    return len(line) - len(line.lstrip())

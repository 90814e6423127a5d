"""How an answer fits into the gap between prompt and suffix, where no tests can say.

Models that fill in the middle often go on into the suffix. Where an answer ends with the suffix's
beginning, at least one whole line of it that says something, that end is no part of the answer.
Closing brackets alone say nothing: they may as well close what the answer opened. Where an answer
goes on after all of the suffix, one line of it may be chance, unless what follows stands outside of
its block: before that, the suffix's place is past. Lines compare without their ends, which prompts
from Windows have of their own. An answer ends as well where it leaves the block of its gap. One
with which the program does not compile, or that says the suffix and something else, is cut at the
end of a line where what is left fits, if there is such a line.

It guards against answers that repeat, say nothing, or do not fit the program around them, not
against ones that are wrong.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Final

from policies.values import LOOSE, REPEATS, UNPARSED
from router.plan.programs.leaving import Surroundings
from router.plan.programs.reading import parse
from router.plan.programs.seams import compiles, cuts_off, loose_ends
from router.request import Fit

_LONGEST_PROGRAM: Final = 50_000
"""Characters that are parsed: this runs on the loop, once for every sample."""

_MOST_READ: Final = 50_000
"""Characters that are parsed to find a shorter answer that fits."""

_MOST_LINES: Final = 64
"""Of the suffix that are looked at: where so many are said again, so is the rest."""

_LONGEST_END: Final = 1000
"""Characters in which the suffix must have said enough to be a stop."""

_SURE_LINES: Final = 2
"""So many lines of the suffix, and all of it, are no chance, whatever an answer says after them."""


@dataclass(frozen=True, slots=True)
class _Seams:
    """How a program hangs together around an answer; whether it compiles, if it was read."""

    compile: bool | None
    repeats: bool
    cuts_off: bool
    loose: int

    @property
    def misfit(self) -> int:
        """How far it is from what can be meant: no program is further than one cut short."""
        return 2 * (self.compile is False) + self.cuts_off

    @property
    def scores(self) -> Mapping[str, float]:
        scores = {REPEATS: float(self.repeats), LOOSE: float(self.loose + self.cuts_off)}
        return scores if self.compile is None else {**scores, UNPARSED: float(not self.compile)}


@dataclass(frozen=True, slots=True)
class Gap:
    """The place between a text and its suffix."""

    text: str
    suffix: str
    _lines: Sequence[str] = field(init=False)
    _around: Surroundings = field(init=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "_around", Surroundings.of(self.text, self.suffix))
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

    @property
    def indented(self) -> bool:
        """Whether an answer that comes back to the left margin has gone past the gap.

        Only where the suffix brings the break of the last line: with a stop it would be lost.
        """
        return self._around.inside and self._around.breaks

    def fit(self, answer: str) -> Fit:
        """What of an answer belongs into the gap, and how well."""
        end = self._end_of(answer[: self._around.left(answer)])
        found = self._seams(answer[:end])
        if end < len(answer) and not found.compile and self._seams(answer).compile:
            end = self._end_of(answer)  # the margin was in a text
            found = self._seams(answer[:end])
        past = end < len(answer)
        if found.misfit:
            end, found = self._shorter(answer[:end], found)
        return Fit(end, found.scores, past=past)

    def _shorter(self, said: str, whole: _Seams) -> tuple[int, _Seams]:
        """An end of an answer where it fits better, the first of the best; its own if none is."""
        found, left = (len(said), whole), _MOST_READ
        for end in self._ends(said):
            left -= len(self.text) + end + len(self.suffix)
            if left < 0 or not found[1].misfit:
                break
            kept = self._end_of(said[:end])
            shorter = self._seams(said[:kept])
            if said[:kept].strip() and shorter.misfit < found[1].misfit:
                found = kept, shorter
        return found

    def _ends(self, said: str) -> Iterator[int]:
        """Where an answer may end: before lines at the margin first, and of them the last first.

        The end of a line is after its break, and before it where the suffix may bring one; and
        before the rest of the line that the suffix is, if the answer says that.
        """
        rest, end = self._lines[0], len(said)
        own = not self._around.breaks
        margin: list[int] = []
        others: list[int] = []
        while end > 0:
            if own and rest and said.endswith(rest, 0, end):
                others.append(end - len(rest))
            if (end := said.rfind("\n", 0, end)) >= 0:
                ends = margin if said[end + 1 : end + 2].strip() else others
                ends += (end + 1, end) if own else (end,)
        return (end for end in (*margin, *others) if said[:end].strip())

    def _seams(self, said: str) -> _Seams:
        repeats = self._repeated_in(said)
        empty = not said.strip()
        program = f"{self.text}{said}{self.suffix}"
        if len(program) > _LONGEST_PROGRAM:
            return _Seams(None, repeats=repeats, cuts_off=False, loose=int(empty))
        tree = parse(program)
        if tree is None or not compiles(tree):
            return _Seams(compile=False, repeats=repeats, cuts_off=False, loose=int(empty))
        first = self.text.count("\n") + 1
        off = cuts_off(tree, first, first + said.rstrip().count("\n"))
        return _Seams(compile=True, repeats=repeats, cuts_off=off, loose=empty + loose_ends(tree))

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

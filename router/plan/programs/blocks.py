"""The fenced blocks of a chat message that may be Python, and what of it was only thought.

Markdown as models write it: fences in lists and quotes, of any length, never closed, or closed at
the end of a line of code. A fence inside a string of the code, or in a comment, is none; since
strings may be broken as well, that is believed only where the block parses by it.

It does not know which block is wanted. Every line is looked at once; how far it is read ahead, how
often that may come to nothing and how deep fences nest is bounded.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass, field
from itertools import takewhile
from typing import Final

from router.plan.programs.lexing import Place, after

_LINE: Final = re.compile(r"[^\r\n]*(?:\r\n|\r|\n)?")
_OPENS: Final = re.compile(
    r"(?P<before>(?:[ \t]*(?:>|[-*+](?=[ \t])|\d{1,9}[.)](?=[ \t]))){0,8})[ \t]*"
    r"(?P<fence>`{3,}|~{3,})(?P<info>[^\r\n]*)"
)
_FENCE: Final = re.compile(r"[ \t]*(?P<fence>`{3,}|~{3,})(?P<info>[^\r\n]*)")
_PYTHON: Final = re.compile(
    r"\{?\s*\.?(?:lang(?:uage)?[-=:])?(?:[ic]?python|py)[\d.]*(?![\w.+-])"
    r"|\S*\.pyi?[\"'}]?$",  # some name a file
    re.IGNORECASE,
)
_TAG: Final = re.compile(r"[\w{][^\s`]*")
_THOUGHT: Final = r"(?:\w+:)?(?:think(?:ing)?|thoughts?|reason(?:ing)?|reflection|scratchpad)"
_THINKS: Final = re.compile(rf"[ \t]*[<\[◁](?P<name>{_THOUGHT})[>\]▷]", re.IGNORECASE)
_THOUGHT_ENDS: Final = re.compile(rf"[<\[◁]/{_THOUGHT}[>\]▷]", re.IGNORECASE)
_READ_AHEAD: Final = 16_384
"""How many characters a string with a fence in it may go on."""
_MOST_ENDS: Final = 8
_MOST_DISAPPOINTMENTS: Final = 16
"""How often strings may turn out to be broken before they are not looked at any more."""
_DEEPEST: Final = 2
_MOST_THOUGHTS: Final = 64


@dataclass(frozen=True, slots=True)
class Block:
    """A block that is tagged as Python or not at all; `nested` in a block of another sort."""

    code: str
    tagged: bool
    nested: bool = False


@dataclass(frozen=True, slots=True)
class Message:
    """What a message says: its blocks in order, and all of its text that was not only thought."""

    blocks: tuple[Block, ...]
    text: str


@dataclass(frozen=True, slots=True)
class _End:
    """Where a block may end: its lines until there, and where the message goes on."""

    lines: tuple[str, ...]
    goes_on: int


@dataclass(slots=True)
class _Scanner:
    """Goes through a message once, from its beginning to its end."""

    text: str
    parses: Callable[[str], bool]
    depth: int
    blocks: list[Block] = field(default_factory=list)
    said: list[str] = field(default_factory=list)
    disappointments: int = 0
    thoughts: int = 0

    def scan(self) -> Message:
        at = 0
        while at < len(self.text):
            if (after_thought := self._after_thought(at)) is not None:
                self.thoughts += 1
                at = after_thought
            elif (opening := _OPENS.match(self.text, at)) and _is_fence(opening):
                ends_at = self._block(opening)
                self.said.append(self.text[at:ends_at])
                at = ends_at
            else:
                line = self._line(at)
                self.said.append(line)
                at += len(line)
        return Message(tuple(self.blocks), "".join(self.said))

    def _line(self, at: int) -> str:
        found = _LINE.match(self.text, at)
        return found[0] if found else ""

    def _after_thought(self, at: int) -> int | None:
        """Where the message goes on, if a thought begins at `at`, or one ends on that line.

        Some servers send no more of a thought than its end: then all until there was one.
        """
        if self.thoughts >= _MOST_THOUGHTS:
            return None
        if begins := _THINKS.match(self.text, at):
            ends = _THOUGHT_ENDS.search(self.text, begins.end())
            return ends.end() if ends else len(self.text)
        line = self._line(at)
        bare = line.strip()
        start = max(bare.rfind("<"), bare.rfind("["), bare.rfind("◁"), 0)
        if found := _THOUGHT_ENDS.match(bare):
            goes_on = at + line.index(found[0]) + len(found[0])
        elif _THOUGHT_ENDS.fullmatch(bare, start):
            goes_on = at + len(line)
        else:
            return None
        self.blocks.clear()
        self.said.clear()
        return goes_on

    def _block(self, opening: re.Match[str]) -> int:
        """Take the block that opens there; where the message goes on."""
        info = opening["info"].strip()
        tagged = _PYTHON.match(info) is not None
        end = self._end_of(opening, python=tagged or not info)
        code = dedented(end.lines)
        if tagged:
            self.blocks.append(Block(code, tagged=True))
            return end.goes_on
        if not info and self.parses(code):
            self.blocks.append(Block(code, tagged=False))
        elif self.depth < _DEEPEST and ("```" in code or "~~~" in code):
            within = _Scanner(code, self.parses, self.depth + 1).scan()
            self.blocks += [Block(each.code, each.tagged, nested=True) for each in within.blocks]
        return end.goes_on

    def _end_of(self, opening: re.Match[str], *, python: bool) -> _End:
        """Where a block ends: at the first fence that is in no string, if the block then parses."""
        aware = python and self.disappointments < _MOST_DISAPPOINTMENTS
        doubtful, end, whole = self._ends(opening, aware=aware)
        if not doubtful or (whole and self.parses(dedented(end.lines))):
            return end
        self.disappointments += 1
        parsing = (each for each in doubtful if self.parses(dedented(each.lines)))
        return next(parsing, doubtful[0])

    def _ends(self, opening: re.Match[str], *, aware: bool) -> tuple[list[_End], _End, bool]:
        """The ends that stand in strings, the first that does not, and whether it was reached."""
        quotes = opening["before"].count(">")
        at = opening.end() + len(self._line(opening.end()))
        lines: list[str] = []
        doubtful: list[_End] = []
        place, furthest = Place(), len(self.text)
        while at < furthest:
            line = self._line(at)
            bare = unquoted(line, quotes)
            if bare is None:
                return doubtful, _End(tuple(lines), at), True
            if found := _closes(bare, opening["fence"]):
                code, opens = found
                there = after(place, code) if aware else place
                sure = not (there.in_string or (code and there.in_comment))
                if not doubtful:
                    furthest = min(furthest, at + _READ_AHEAD)
                if sure or len(doubtful) < _MOST_ENDS:
                    doubtful.append(_End((*lines, code), at if opens else at + len(line)))
                if sure:
                    return doubtful, doubtful.pop(), True
            elif not place.in_string and _THOUGHT_ENDS.fullmatch(bare.strip()):
                return doubtful, _End(tuple(lines), at), True
            if aware:
                place = after(place, bare)
            lines.append(bare)
            at += len(line)
        return doubtful, _End(tuple(lines), min(at, len(self.text))), at >= len(self.text)


def read_message(text: str, parses: Callable[[str], bool]) -> Message:
    """The blocks of a message, and its text. `parses` says whether a text is Python."""
    return _Scanner(text, parses, depth=0).scan()


def _is_fence(found: re.Match[str]) -> bool:
    """Whether it is no code in a line of text."""
    return found["fence"][0] != "`" or "`" not in found["info"]


def _closes(line: str, opening: str) -> tuple[str, bool] | None:
    """What stands before the fence that ends a block on this line, if one does.

    With it, whether the same line opens the next block: the fence that ends this one was forgotten.
    """
    found = _FENCE.match(line)
    if found and _is_fence(found):
        fence, info = found["fence"], found["info"].strip()
        if not fence.startswith(opening):
            return None
        return "", _TAG.fullmatch(info) is not None or _PYTHON.match(info) is not None
    code = line.rstrip()
    if found or not code.endswith(opening):
        return None
    before = code.rstrip(opening[0])
    return None if opening in before else (before, False)


def unquoted(line: str, quotes: int) -> str | None:
    """A line without as many marks of a quote; None if it is not blank and has fewer."""
    if not quotes or not line.strip():
        return line
    at = 0
    for _ in range(quotes):
        mark = len(line) - len(line[at:].lstrip(" \t"))
        if line[mark : mark + 1] != ">":
            return None
        at = mark + 1
    return line[at + 1 :] if line[at : at + 1] == " " else line[at:]


def dedented(lines: tuple[str, ...]) -> str:
    """The code of a block, by as much to the left as its first line is to the right.

    By the first line and not the least of all: strings may have lines further to the left.
    """
    first = next((line for line in lines if line.strip()), "")
    margin = first[: len(first) - len(first.lstrip(" \t"))]
    return "".join(_without(margin, line) for line in lines) if margin else "".join(lines)


def _without(margin: str, line: str) -> str:
    if line.startswith(margin):
        return line[len(margin) :]
    shared = takewhile(lambda pair: pair[0] == pair[1], zip(margin, line, strict=False))
    return line[sum(1 for _ in shared) :]

"""Which program is tested: the answer as it stands, made whole, never trimmed silently."""

from __future__ import annotations

import builtins
import re
from collections.abc import Iterator, Sequence
from typing import Final

from router.plan.programs.blocks import Block, read_message
from router.plan.programs.reading import (
    Definition,
    Reader,
    Reading,
    is_future,
    is_text,
    lines_of,
)
from router.plan.programs.wanted import Wanted, wanted_by
from router.request import ChatPrompt, Prompt, TextPrompt, TokenPrompt
from sandbox import InvalidProgram, Tests

_LONGEST_MESSAGE: Final = 250_000
_READ_CHARACTERS: Final = 200_000
"""How much of a message is parsed in all: this runs on the loop. The usual one is far below."""
_MARKS: Final = re.compile(r"```|~~~|[<\[◁]/\w")
"""Without one of these a message has no block and no thought, and is its own program."""
_BUILT_IN: Final = frozenset(dir(builtins))
_WORD: Final = re.compile(r"\w+")
_DEFINES: Final = re.compile(
    r"^[ \t]*(?:(?:async[ \t]+)?def|class)[ \t]+(\w+)|^(\w+)[ \t]*(?::[^=\n]+)?=(?!=)",
    re.MULTILINE,
)


def program_source(prompt: Prompt, answer: str, tests: Tests) -> str:
    """The source to run.

    Completions: prompt, answer and suffix, verbatim. Chat: of the fenced blocks the last that
    defines what the tests name, or the last at all where they run a whole program, after what it
    lacks of earlier ones; else the whole answer, without what was only thought.
    """
    match prompt:
        case TextPrompt(text=text, suffix=suffix):
            return text + answer + (suffix or "")
        case TokenPrompt():
            raise InvalidProgram("token numbers are no program: send tests with a text")
        case ChatPrompt():
            return _of_message(answer, tests)


def _of_message(answer: str, tests: Tests) -> str:
    if len(answer) > _LONGEST_MESSAGE or not _MARKS.search(answer):
        return answer
    reader = Reader(_READ_CHARACTERS)
    if reader.read(answer):  # so that all of its fences are in strings and comments
        return answer
    wanted = wanted_by(tests)
    message = read_message(answer, lambda code: reader.read(code) is not None)
    for nested in (False, True):
        candidates = [block for block in message.blocks if block.nested is nested]
        chosen = _chosen(candidates, wanted, reader)
        if chosen is not None:
            return _made_whole(chosen, message.blocks, wanted, reader)
    return message.text if message.text.strip() else answer


def _chosen(blocks: Sequence[Block], wanted: Wanted, reader: Reader) -> Block | None:
    """The last block that defines what is wanted, or, if nothing is named, the last program."""
    if wanted.names:
        return next(_defining(blocks, wanted.names, reader), None)
    for tagged in (True, False):
        readings = [
            (block, found)
            for block in blocks
            if block.tagged is tagged and (found := reader.read(block.code))
        ]
        # What calls nothing prints nothing: it is output that was quoted, or a part of a program.
        acting = [block for block, found in readings if found.acts]
        if last := acting or [block for block, _ in readings]:
            return last[-1]
    return None


def _defining(blocks: Sequence[Block], names: frozenset[str], reader: Reader) -> Iterator[Block]:
    """The blocks that define a name, the best first: an import, or what is cut off, if need be."""
    last_first = [block for block in reversed(blocks) if _has(block.code, _WORD, names)]
    yield from (b for b in last_first if (found := reader.read(b.code)) and found.defined & names)
    yield from (b for b in last_first if not reader.read(b.code) and _has(b.code, _DEFINES, names))
    yield from (b for b in last_first if (found := reader.read(b.code)) and found.imported & names)


def _has(code: str, pattern: re.Pattern[str], names: frozenset[str]) -> bool:
    """Whether code has one of the names where a pattern finds names: there may be very many."""
    return any(found[found.lastindex or 0] in names for found in pattern.finditer(code))


def _made_whole(block: Block, blocks: Sequence[Block], wanted: Wanted, reader: Reader) -> str:
    """A block after the imports and definitions of earlier ones that it, or its tests, lack.

    Of those only what is used, directly or by one another: what an earlier block shows beside its
    definitions must not run, and neither must another answer's imports.
    """
    program = reader.read(block.code)
    if program is None:
        return block.code
    at = next(number for number, each in enumerate(blocks) if each is block)
    readings = [found for each in blocks[:at] if (found := reader.read(each.code))]
    earlier = [tuple(found.definitions) for found in readings]
    taken = _used_of(earlier, program, wanted.mentioned | wanted.names, reader)
    future: list[str] = []
    texts: list[str] = []
    for found, definitions in zip(readings, earlier, strict=True):
        mine = [each.text for each in definitions if each in taken]
        texts += mine
        future += found.future if mine else ()
    added = dict.fromkeys([*future, *texts])
    return _after_its_head(program, tuple(added)) if added else block.code


def _used_of(
    earlier: Sequence[Sequence[Definition]],
    program: Reading,
    mentioned: frozenset[str],
    reader: Reader,
) -> set[Definition]:
    """What of earlier definitions a program or its tests use; of two of one name the later's."""
    binding: dict[str, list[Definition]] = {}
    for definitions in earlier:
        mine: dict[str, list[Definition]] = {}
        for each in definitions:
            for name in each.names:
                mine.setdefault(name, []).append(each)
        binding |= mine
    taken: set[Definition] = set()
    seen: set[str] = set()
    waiting = (program.used | mentioned) - program.bound - _BUILT_IN
    while new := waiting - seen:
        seen |= new
        found = [each for name in new for each in binding.get(name, ()) if each not in taken]
        taken.update(found)
        waiting = frozenset[str]().union(*(_needs(each, program, reader) for each in found))
    if seen - binding.keys():  # any of them may come from such an import
        taken.update(each for definitions in earlier for each in definitions if each.star)
    return taken


def _needs(definition: Definition, program: Reading, reader: Reader) -> frozenset[str]:
    """What a definition uses, but for what the program has by the time that it is called."""
    found = reader.read(definition.text)
    if found is None:
        return frozenset()
    return ((found.used - program.bound) | found.used_at_once) - _BUILT_IN


def _after_its_head(program: Reading, texts: Sequence[str]) -> str:
    """The program with other statements in it, after what must stay first in a module."""
    head, body = 0, program.tree.body
    while head < len(body) and (is_future(body[head]) or (not head and is_text(body[head]))):
        head += 1
    last = (body[head - 1].end_lineno or 0) if head else 0
    if head < len(body) and body[head].lineno == last:
        return program.source  # all in one line: nothing can stand between
    lines = lines_of(program.source)
    before = "".join(lines[:last])
    if before and not before.endswith(("\n", "\r")):
        before += "\n"
    return before + "\n".join(texts) + "\n" + "".join(lines[last:])

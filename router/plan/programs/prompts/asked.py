"""Which function is an answer to define? Told by the prompt alone, where no tests name one.

A completion is asked for the function that is open where the prompt ends. Prose is asked by what it
leaves to be filled in, shows calls of, or names; where that is two functions, it is none.
"""

from __future__ import annotations

import builtins
import keyword
import re
import sys
from collections.abc import Sequence
from functools import lru_cache
from typing import Final

from router.plan.programs.prompts.forms import GENERIC, Forms
from router.plan.programs.prompts.literals import Literals
from router.plan.programs.prompts.signatures import Head, heads_of
from router.request import ChatPrompt, Prompt, TextPrompt, TokenPrompt

LONGEST: Final = 100_000
"""How much is read: the end of a completion's prompt, the beginning of its suffix, and of a chat so
much in all, of each message the beginning and the newest message first."""
_READ_CHARACTERS: Final = 300_000
"""How much is read of values in all: this runs on the loop."""
_MOST_MESSAGES: Final = 16
_NAME: Final = r"[^\W\d]\w*"
_NO_NAME: Final = frozenset({*dir(builtins), *keyword.kwlist, *keyword.softkwlist, "self"})
_NAMINGS: Final = (
    re.compile(rf"`(?:def[ \t]+)?({_NAME})\((?![^()`\n]*\)\.\w)[^`\n]{{0,200}}\)[^`\n]{{0,80}}`"),
    re.compile(
        r"\b(?i:function|called|named|implement|define|write|complete|fix)[ \t]+"
        rf"(?:(?:the|a|function)[ \t]+){{0,3}}`({_NAME})`"
    ),
    re.compile(rf"\b(?i:function)[ \t]+(?:called|named)[ \t]+[\"'`*]{{0,2}}({_NAME})"),
    re.compile(
        r"\b(?i:function|called|named|implement|define|write)[ \t]+"
        rf"(?:(?:the|a|function)[ \t]+){{0,3}}({_NAME})\("
    ),
)
_ASSERTS: Final = re.compile(r"^[ \t]*(?:[-*+][ \t]+)?`{0,3}assert\b([^\n]{0,2000})", re.MULTILINE)
_CALLED: Final = re.compile(rf"(?<![\w.'\"])({_NAME})\((?!\)\.)")
_IMPORTS: Final = re.compile(
    r"^[ \t]*(?:from[ \t]+(?P<module>\S+)[ \t]+)?import[ \t]+(?P<names>[^\n]{0,500})", re.MULTILINE
)


def entry_point_of(prompt: Prompt) -> str | None:
    """The function that the answer is to define; None where none is, or more than one.

    Methods are not looked for.
    """
    names = asked_of(prompt)
    return next(iter(names)) if len(names) == 1 else None


def asked_of(prompt: Prompt) -> frozenset[str]:
    """The functions that a prompt may be asking for."""
    if isinstance(prompt, TextPrompt):
        return _asked_by_code(prompt.text[-LONGEST:])
    return _asked_by_chat(texts_of(prompt))


def texts_of(prompt: Prompt) -> tuple[str, ...]:
    """What the client wrote, as far as it is read."""
    match prompt:
        case TextPrompt(text=text, suffix=suffix):
            return (text[-LONGEST:], *([suffix[:LONGEST]] if suffix else []))
        case TokenPrompt():
            return ()
        case ChatPrompt(messages=messages):
            theirs = [m.get("content") for m in messages if m.get("role") == "user"]
            return tuple(_beginnings(theirs[-_MOST_MESSAGES:]))


def _beginnings(contents: Sequence[object]) -> list[str]:
    """The texts of messages, as far as there is room for them, in order."""
    texts: list[str] = []
    room = LONGEST
    for content in reversed(contents):
        if room and (text := _content(content)[:room]):
            texts.append(text)
            room -= len(text)
    return texts[::-1]


def _content(content: object) -> str:
    """The text of a message, which may come in parts."""
    match content:
        case str():
            return content
        case list():
            parts = (part.get("text") for part in content if isinstance(part, dict))
            return "\n".join(part for part in parts if isinstance(part, str))
        case _:
            return ""


@lru_cache(maxsize=64)  # all candidates of a request ask the same
def _asked_by_chat(texts: tuple[str, ...]) -> frozenset[str]:
    """What the newest text asks for that asks for anything."""
    literals = Literals(_READ_CHARACTERS)
    asked = (_asked_by_prose(text, heads_of(text, literals), literals) for text in reversed(texts))
    return next((names for names in asked if names), frozenset())


@lru_cache(maxsize=64)
def _asked_by_code(text: str) -> frozenset[str]:
    literals = Literals(_READ_CHARACTERS)
    heads = heads_of(text, literals)
    is_open = [head for head in heads if head.open]
    if top := [head.name for head in is_open if not head.inside]:
        return frozenset(top[-1:])
    return frozenset() if is_open else _asked_by_prose(text, heads, literals)


def _asked_by_prose(text: str, heads: Sequence[Head], literals: Literals) -> frozenset[str]:
    """By what stands there unfinished, else by names and calls of what is not there, or is."""
    heads = [head for head in heads if not head.inside]
    defined = frozenset(head.name for head in heads)
    if stubs := frozenset(head.name for head in heads if head.stub):
        return stubs
    imported, theirs = _imported(text)
    known = defined | imported
    named = frozenset(found[1] for form in _NAMINGS for found in form.finditer(text)) - _NO_NAME
    called = _called(text, literals) - _NO_NAME - (frozenset(GENERIC) - named)
    new = (named & called) - known or (named | called) - known
    return new or defined & named or defined & called or theirs & called or defined


def _imported(text: str) -> tuple[frozenset[str], frozenset[str]]:
    """The names that a text imports; of these what no module of Python's own has.

    What tests import from there may be what they are to test.
    """
    every, theirs = set[str](), set[str]()
    for found in _IMPORTS.finditer(text):
        names = set(re.findall(r"\w+", found["names"]))
        module = found["module"]
        every |= names
        if module and module.partition(".")[0] not in sys.stdlib_module_names:
            theirs |= names
    return frozenset(every), frozenset(theirs)


def _called(text: str, literals: Literals) -> frozenset[str]:
    """The functions that examples and assertions call."""
    names = {name for line in _ASSERTS.finditer(text) for name in _CALLED.findall(line[1])}
    forms = Forms(_NAME, literals)
    return frozenset(names).union(
        shown.name for shown in forms.shown(text) if shown.expected is not None
    )

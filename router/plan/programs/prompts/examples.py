"""The examples that a prompt carries: calls, and what each is said to give.

People err: examples contradict each other, and what the reference does. All are kept, in the order
in which they stand, since none of them is a veto: what counts is the share that a program passes.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from itertools import islice
from typing import Final

from router.plan.programs.prompts.asked import asked_of, entry_point_of, texts_of
from router.plan.programs.prompts.described import Described
from router.plan.programs.prompts.forms import GENERIC, Forms, Shown, Unquoted
from router.plan.programs.prompts.literals import (
    CallArguments,
    Literal,
    Literals,
    identity,
    identity_of_call,
)
from router.plan.programs.prompts.signatures import heads_of, parameters_of
from router.request import Prompt, TextPrompt

__all__ = ["CallArguments", "FoundExample", "entry_point_of", "examples_of"]

MOST: Final = 20
_GIVES: Final = re.compile(r"(?:^[ \t]+|:[ \t]*)(?:return|yield|print)\b", re.MULTILINE)
_LONGEST_BODY: Final = 4_000
_MOST_HEADS: Final = 16
_READ_CHARACTERS: Final = 300_000
"""How much is read of values in all: this runs on the loop. The usual prompt has far fewer."""


@dataclass(frozen=True, slots=True)
class FoundExample:
    """A call with plain values, and what a prompt says that it gives."""

    args: tuple[object, ...]
    kwargs: Mapping[str, object]
    expected: object

    @property
    def call(self) -> CallArguments:
        """What the function is called with."""
        return CallArguments(self.args, self.kwargs)


def examples_of(prompt: Prompt, entry_point: str | None = None) -> tuple[FoundExample, ...]:
    """The examples of a function, by default of the one asked for: at most 20, no two equal.

    Of a call that should give something, it does not count what else it is said to give; nor does
    what words report of one that is shown to give something else, or of a function that a chat has
    already, which may be at fault. A word
    without quotes is a string where all other examples give strings and the prompt has it in quotes
    elsewhere: else it may as well say that there is an error, or of which type the result is.
    """
    shown = [each for each in _shown(prompt, entry_point) if each.expected is not None]
    wanted = {identity_of_call(each.call) for each in shown if each.wanted}
    shown = [each for each in shown if each.wanted or identity_of_call(each.call) not in wanted]
    told = {identity_of_call(each.call) for each in shown if not each.reported}
    there = not isinstance(prompt, TextPrompt) and _is_there(prompt, entry_point)
    shown = [
        each
        for each in shown
        if not each.reported or not (there or identity_of_call(each.call) in told)
    ]
    values = [each.expected.value for each in shown if isinstance(each.expected, Literal)]
    strings = bool(values) and all(isinstance(value, str) for value in values)
    found: dict[str, FoundExample] = {}
    for each in shown:
        match each.expected:
            case Literal(value=value):
                example = FoundExample(each.call.args, each.call.kwargs, value)
            case Unquoted(word=word) if strings and _is_quoted(word, texts_of(prompt)):
                example = FoundExample(each.call.args, each.call.kwargs, word)
            case _:
                continue
        key = identity((example.args, dict(example.kwargs), example.expected))
        found.setdefault(key, example)
    return tuple(found.values())[:MOST]


def _is_quoted(word: str, texts: Sequence[str]) -> bool:
    return any(f"{quote}{word}{quote}" in text for text in texts for quote in "'\"")


def _is_there(prompt: Prompt, entry_point: str | None) -> bool:
    """Whether the client has the function already, with a body that gives something."""
    name = entry_point or entry_point_of(prompt)
    literals = Literals(_READ_CHARACTERS)
    bodies = (
        text[head.at : head.at + _LONGEST_BODY]
        for text in texts_of(prompt)
        for head in heads_of(text, literals)
        if head.name == name and not (head.inside or head.stub)
    )
    return any(_GIVES.search(body) for body in islice(bodies, _MOST_HEADS))


def _shown(prompt: Prompt, entry_point: str | None) -> Sequence[Shown]:
    name = entry_point or entry_point_of(prompt)
    if name is None or not name.isidentifier():
        return ()
    asked = asked_of(prompt)
    alone = asked <= {name}
    return _read(texts_of(prompt), name, alone=alone, code=isinstance(prompt, TextPrompt))


@lru_cache(maxsize=64)  # examples and inputs of a request are asked for one after another
def _read(texts: tuple[str, ...], name: str, *, alone: bool, code: bool) -> tuple[Shown, ...]:
    """The calls of a function; if it is asked for `alone`, also what names no other."""
    literals = Literals(_READ_CHARACTERS)
    generic = GENERIC if alone else ()
    forms = Forms("|".join(dict.fromkeys((name, *generic))), literals)
    shown = [each for text in texts for each in forms.shown(text)]
    if alone and texts:
        shown += _described(texts, name, forms, code=code)
    return tuple(shown)


def _described(texts: Sequence[str], name: str, forms: Forms, *, code: bool) -> Iterator[Shown]:
    """What is said of the function without its name: where it is asked for, not elsewhere."""
    text = texts[0] if code else texts[-1]
    parameters = next(
        (p for each in reversed(texts) if (p := parameters_of(each, name, forms.literals))), None
    )
    if code:
        heads = heads_of(text, Literals(_READ_CHARACTERS))
        own = [head.at for head in heads if head.name == name and not head.inside]
        if not own and heads:
            return
        text = text[own[-1] :] if own else text
    yield from Described(name, parameters, forms).shown(text)

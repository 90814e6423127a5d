"""From what a model wrote when asked for tests to single asserts that can be run, and that prompt.

As CodeT has it (B. Chen et al., "CodeT: Code Generation with Generated Tests", 2022): a text is cut
at every `assert` and where a line at the margin begins something else; what is left is a test if it
parses and mentions the entry point, and the first five of a sample count. Other than there, only
the assert itself is kept where more statements follow it, and a mention is a name, no part of a
text.

Where an assert says which value a call of plain values gives, values can be compared where the
program does not reach; others have to run beside it. The text is a model's: what of it is read, and
how long a test may be, is bounded.
"""

from __future__ import annotations

import ast
import re
from collections.abc import Iterable
from dataclasses import dataclass
from functools import lru_cache
from typing import Final

from router.plan.programs.prompts.asked import texts_of
from router.plan.programs.prompts.literals import CallArguments, value_of
from router.plan.programs.reading import UNREADABLE, parse
from router.request import ChatPrompt, Prompt

MOST_PER_SAMPLE: Final = 5
"""Later ones repeat a pattern, or are about something else."""

MOST_CHARACTERS: Final = 32_768
"""Of a sample; more than models write before they are stopped."""

LONGEST: Final = 4_096
"""Of one test, in characters."""

STOPS: Final = ("\nclass", "\ndef", "\n#", "\nif", "\nprint")
"""Where a test ends that another statement follows, and where a solution does."""

SENT_STOPS: Final = STOPS[:4]
"""Of these, those that a server is told: as many as servers take."""

_ASSERT: Final = re.compile(r"\bassert\b")


def asserts_of(sample: str, entry_point: str, most: int = MOST_PER_SAMPLE) -> tuple[str, ...]:
    """The asserts of a sample, in its order and as it has them, `most` at the most.

    `sample` goes on behind a prompt's `assert`, or has that word itself.
    """
    found: list[str] = []
    for part in _ASSERT.split(sample[:MOST_CHARACTERS]):
        if len(found) == most:
            break
        if entry_point in part and (one := _assert(f"assert {_test(part)}", entry_point)):
            found.append(one)
    return tuple(found)


def before_stop(text: str) -> str:
    """What stands before the first line at the margin that begins something else."""
    return text[: min((at for stop in STOPS if (at := text.find(stop)) >= 0), default=len(text))]


def _test(part: str) -> str:
    """Without the white space around it, but no line is drawn up: there an assert has ended."""
    return before_stop(part).lstrip(" \t").rstrip()


def _assert(text: str, entry_point: str) -> str | None:
    """The assert that a text begins with; None where it has none, or does not parse."""
    if len(text) > LONGEST:
        return None
    tree = parse(text)
    if tree is None:
        return None
    first = tree.body[0]
    named = any(isinstance(node, ast.Name) and node.id == entry_point for node in ast.walk(first))
    return ast.get_source_segment(text, first) if isinstance(first, ast.Assert) and named else None


@dataclass(frozen=True, slots=True)
class Check:
    """What an assert says: a call with plain values, and the value that it gives."""

    call: CallArguments
    expected: object


def checks_of(samples: Iterable[str], function: str) -> tuple[str, ...]:
    """The asserts of samples that are checks of a function: no two are the same text."""
    found = (one for sample in samples for one in asserts_of(sample, function))
    return tuple(one for one in dict.fromkeys(found) if check_of(one, function) is not None)


@lru_cache(maxsize=512)  # of each program that they are held against
def check_of(text: str, function: str) -> Check | None:
    """What an assert says of a function; None where it says something else, or of no plain value.

    What is only said to be true or false is `True` or `False`.
    """
    tree = parse(text)
    try:
        match tree.body if tree else []:
            case [ast.Assert(test=ast.Compare(left, [ast.Eq() | ast.Is()], [right]))]:
                call, other = (left, right) if _calls(left, function) else (right, left)
                return _check(call, value_of(other), function)
            case [ast.Assert(test=ast.UnaryOp(ast.Not(), call))]:
                return _check(call, False, function)  # noqa: FBT003 the value that is expected
            case [ast.Assert(test=call)]:
                return _check(call, True, function)  # noqa: FBT003 likewise
    except UNREADABLE:
        return None
    return None


def _calls(node: ast.expr, function: str) -> bool:
    return (
        isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id == function
    )


def _check(node: ast.expr, expected: object, function: str) -> Check | None:
    if not (isinstance(node, ast.Call) and _calls(node, function)):
        return None
    args = tuple(value_of(each) for each in node.args)
    kwargs = {each.arg: value_of(each.value) for each in node.keywords if each.arg is not None}
    whole = len(kwargs) == len(node.keywords)
    return Check(CallArguments(args, kwargs), expected) if whole else None


def prompt_for_tests(prompt: Prompt, function: str) -> str:
    """What a model is asked for asserts of a function that a prompt asks for.

    A completion goes on behind its head, as CodeT asks; a chat is asked in words.
    """
    *_, text = texts_of(prompt)
    if isinstance(prompt, ChatPrompt):
        return (
            f"{text}\n\nDo not write `{function}` yet. Write ten assert statements that test it, "
            f"each on a line of its own, as in `assert {function}(...) == ...`, in one code block."
        )
    heads = re.findall(
        rf"^([ \t]*)(?:async[ \t]+)?def[ \t]+{re.escape(function)}\b", text, re.MULTILINE
    )
    indent = f"{heads[-1] if heads else ''}    "
    return f"{text.rstrip()}\n{indent}pass\n\n# check the correctness of {function}\nassert"

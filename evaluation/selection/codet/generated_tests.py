"""From what a model wrote when asked for tests to single asserts that can be run.

As CodeT has it (B. Chen et al., "CodeT: Code Generation with Generated Tests", 2022): a text is cut
at every `assert` and where a line at the margin begins something else; what is left is a test if it
parses and mentions the entry point, and the first five of a sample count. Other than there, only
the assert itself is kept where more statements follow it, and a mention is a name, no part of a
text.

The text is a model's: what of it is read, and how long a test may be, is bounded.
"""

from __future__ import annotations

import ast
import re
import warnings
from typing import Final

MOST_PER_SAMPLE: Final = 5
"""Later ones repeat a pattern, or are about something else."""

MOST_CHARACTERS: Final = 32_768
"""Of a sample; more than models write before they are stopped."""

LONGEST: Final = 4_096
"""Of one test, in characters."""

STOPS: Final = ("\nclass", "\ndef", "\n#", "\nif", "\nprint")
"""Where a test ends that another statement follows, and where a solution does."""

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
    try:
        with warnings.catch_warnings(action="ignore"):
            first = ast.parse(text).body[0]
    except (SyntaxError, ValueError, RecursionError, MemoryError):
        return None
    named = any(isinstance(node, ast.Name) and node.id == entry_point for node in ast.walk(first))
    return ast.get_source_segment(text, first) if isinstance(first, ast.Assert) and named else None

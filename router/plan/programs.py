"""Which program is tested: the answer as it stands, made whole, never trimmed silently."""

from __future__ import annotations

import ast
import re
from functools import lru_cache
from itertools import islice
from typing import Final

from router.request import ChatPrompt, Prompt, TextPrompt

_FENCE: Final = re.compile(
    r"^[ \t]*(?P<fence>`{3,}|~{3,})[^\n]*\n(?P<code>.*?)(?:^[ \t]*(?P=fence)|\Z)",
    re.MULTILINE | re.DOTALL,
)
_MOST_CUTS: Final = 64
_PARSED_CHARACTERS: Final = 500_000
"""How much is parsed in search of a prompt's longest sound beginning: this runs on the loop."""


def program_source(prompt: Prompt, answer: str, entry_point: str | None) -> str:
    """The source to run.

    Completions: prompt, answer and suffix, verbatim. Chat: the last fenced block that defines
    `entry_point`, else the first block, else the whole answer.
    """
    match prompt:
        case TextPrompt(text=text, suffix=suffix):
            return text + answer + (suffix or "")
        case ChatPrompt():
            return _fenced(answer, entry_point)


def with_prompt_prelude(prompt: Prompt, entry_point: str | None, prelude: str) -> str:
    """The caller's prelude, after the prompt's own imports, definitions and assignments.

    Without the entry point: a prompt mostly ends in its head and docstring, which parse as a
    complete function that does nothing. A tail that does not parse is left out, and so is, at run
    time, each statement that fails: what we add must not decide a verdict.
    """
    if not isinstance(prompt, TextPrompt):
        return prelude
    future, guarded = _definitions(prompt.text, entry_point)
    theirs = _longest_module(prelude).body
    if any(_is_future(node) for node in theirs):
        # They must stand first in the whole, so the caller's code is written anew around them.
        future += tuple(_written(node) for node in theirs if _is_future(node))
        prelude = "\n".join(_written(node) for node in theirs if not _is_future(node))
    return "\n".join([*future, *guarded, prelude])


@lru_cache(maxsize=64)  # all candidates of a request ask the same
def _definitions(prompt: str, entry_point: str | None) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """A prompt's future imports, and its other statements that define something, each guarded."""
    body = _longest_module(prompt).body
    future = (_written(node) for node in body if _is_future(node))
    guarded = (_written(_guarded(node)) for node in body if _is_definition(node, entry_point))
    return tuple(future), tuple(text for text in guarded if text)


def _fenced(answer: str, entry_point: str | None) -> str:
    blocks = [match["code"] for match in _FENCE.finditer(answer)]
    if not blocks:
        return answer
    if entry_point is not None:
        defines = re.compile(
            rf"^\s*(?:(?:async\s+)?def|class)\s+{re.escape(entry_point)}\b"
            rf"|^{re.escape(entry_point)}\s*(?::[^=\n]+)?=(?!=)",
            re.MULTILINE,
        )
        for block in reversed(blocks):
            if defines.search(block):
                return block
    return blocks[0]


def _longest_module(source: str) -> ast.Module:
    """The source up to the last top-level statement at which it still parses."""
    lines = source.splitlines(keepends=True)
    starts = (at for at in range(len(lines) - 1, -1, -1) if lines[at][:1].strip())
    cuts = min(_MOST_CUTS, _PARSED_CHARACTERS // max(1, len(source)))
    for cut in (len(lines), *islice(starts, cuts)):
        try:
            return ast.parse("".join(lines[:cut]))
        except (SyntaxError, ValueError, RecursionError, MemoryError):
            continue
    return ast.Module(body=[], type_ignores=[])


def _is_future(node: ast.stmt) -> bool:
    return isinstance(node, ast.ImportFrom) and node.module == "__future__"


def _is_definition(node: ast.stmt, entry_point: str | None) -> bool:
    match node:
        case ast.Import() | ast.ImportFrom():
            return not _is_future(node)
        case ast.FunctionDef() | ast.AsyncFunctionDef() | ast.ClassDef():
            return node.name != entry_point
        case ast.Assign() | ast.AnnAssign():
            return True
        case _:
            return False


def _guarded(node: ast.stmt) -> ast.stmt:
    """The statement, with its errors passed over."""
    handler = ast.ExceptHandler(ast.Name("Exception"), None, [ast.Pass()])
    return ast.Try(body=[node], handlers=[handler], orelse=[], finalbody=[])


def _written(node: ast.stmt) -> str:
    """The statement's source; empty where it is nested too deep to be written."""
    try:
        return ast.unparse(node)
    except RecursionError:
        return ""

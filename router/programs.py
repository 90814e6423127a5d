"""Which program is tested: the answer as it stands, made whole, never trimmed silently."""

from __future__ import annotations

import ast
import re
from itertools import islice
from typing import Final

from router.prompts import ChatPrompt, Prompt, TextPrompt

_FENCE: Final = re.compile(
    r"^[ \t]*(?P<fence>`{3,}|~{3,})[^\n]*\n(?P<code>.*?)(?:^[ \t]*(?P=fence)|\Z)",
    re.MULTILINE | re.DOTALL,
)
_MOST_CUTS: Final = 64


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


def prompt_prelude(prompt: Prompt, entry_point: str | None) -> str:
    """The prompt's own imports and complete definitions, for the test side.

    Without the entry point: a prompt mostly ends in its head and docstring, which parse as a
    complete function that does nothing. A tail that does not parse is left out.
    """
    if not isinstance(prompt, TextPrompt):
        return ""
    tree = _longest_module(prompt.text)
    return "\n".join(ast.unparse(node) for node in tree.body if _is_definition(node, entry_point))


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
    for cut in (len(lines), *islice(starts, _MOST_CUTS)):
        try:
            return ast.parse("".join(lines[:cut]))
        except (SyntaxError, ValueError, RecursionError, MemoryError):
            continue
    return ast.Module(body=[], type_ignores=[])


def _is_definition(node: ast.stmt, entry_point: str | None) -> bool:
    match node:
        case ast.Import() | ast.ImportFrom():
            return True
        case ast.FunctionDef() | ast.AsyncFunctionDef() | ast.ClassDef():
            return node.name != entry_point
        case ast.Assign(value=value) | ast.AnnAssign(value=ast.expr() as value):
            return _is_literal(value)
        case _:
            return False


def _is_literal(node: ast.expr) -> bool:
    try:
        ast.literal_eval(node)
    except (ValueError, TypeError, SyntaxError, MemoryError, RecursionError):
        return False
    return True

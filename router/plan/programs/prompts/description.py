"""What is an answer to do, in words? For who judges it by that, not by the calls that are shown.

Words end where a doctest or an assert begins.
"""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from typing import Final

from router.plan.programs.prompts.asked import texts_of
from router.plan.programs.reading import parse
from router.request import Prompt, TextPrompt

_SHOWS: Final = re.compile(r"^[ \t]*(?:>>>|assert\b)", re.MULTILINE)
_PARAGRAPH: Final = re.compile(r"\n[ \t]*\n")


def description_of(prompt: Prompt, name: str) -> str:
    """Of a completion the docstring of the function, or else the last paragraph that has words.

    Of a chat it is what its client said last; of token numbers it is nothing.
    """
    texts = texts_of(prompt)
    if not texts:
        return ""
    if not isinstance(prompt, TextPrompt):
        return _words(texts[-1]) or texts[-1].strip()
    last = reversed(_PARAGRAPH.split(texts[0]))
    said = (words for text in (*_docstrings(texts[0], name), *last) if (words := _words(text)))
    return next(said, "")


def _docstrings(text: str, name: str) -> Iterator[str]:
    """That of the function, where the text is a program as far as it goes."""
    tree = parse(text)
    if tree is None:
        return
    functions = (
        node
        for node in reversed(tree.body)
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef) and node.name == name
    )
    for node in functions:
        if found := ast.get_docstring(node):
            yield found


def _words(text: str) -> str:
    shown = _SHOWS.search(text)
    return text[: shown.start() if shown else None].strip()

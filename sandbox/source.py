"""Reads Python source without running it, and without the server hearing of its style."""

from __future__ import annotations

import ast
import warnings


def parse(source: str) -> ast.Module:
    """The syntax tree; warnings that the compiler has about foreign code are not ours to show.

    Raises `SyntaxError`, `ValueError`, `RecursionError` or `MemoryError`.
    """
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return ast.parse(source)


def check(source: str) -> None:
    """Raise what `parse` does unless the source compiles, which takes more: no `return` outside."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        compile(source, "tests.py", "exec", dont_inherit=True)

"""Reads Python source without running it, and without the server hearing of its style."""

from __future__ import annotations

import ast
import io
import keyword
import re
import warnings

_BYTE_ORDER_MARK = "\ufeff"
_STANDS_ALONE = re.compile(
    r"[ \t\f]+[^\s#]|@|(if|for|while|def|class|with|try|async|match)\b"  # indented, or compound
)
"""A first line that no statement may stand before."""

_SHORT = 1 << 14
"""Characters of what the server compiles: in so few, even what takes their square is little."""

_STEP = re.compile(r"(\w+)(\(\))?")


def is_name(text: str) -> bool:
    """Whether something can be defined under it."""
    return text.isidentifier() and not keyword.iskeyword(text)


def is_way(text: str) -> bool:
    """Whether it leads to what is called: names with points, each but the last perhaps called."""
    steps = [_STEP.fullmatch(step) for step in text.split(".")]
    return all(step and is_name(step[1]) for step in steps) and not text.endswith("()")


def first_name(way: str) -> str:
    """The name that a way starts from, and that the program has to define."""
    return re.split(r"[.(]", way, maxsplit=1)[0]


def parse(source: str) -> ast.Module:
    """The syntax tree; warnings that the compiler has about foreign code are not ours to show.

    Raises `SyntaxError`, `ValueError`, `RecursionError` or `MemoryError`.
    """
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return ast.parse(source)


def without_mark(source: str) -> str:
    """The source without a byte-order mark, which a file may have and the compiler refuses."""
    return source.removeprefix(_BYTE_ORDER_MARK)


def with_header(header: str, source: str) -> str:
    """The source with lines before it, each of its own in its place wherever that can be.

    They follow the `__future__` imports, which must come first.
    """
    if not header.strip():
        return source
    first = f"exec({header!r})"
    at = _end_of_future(source) if "__future__" in source else 0
    if at:
        return f"{source[:at]};{first}{source[at:]}"
    line = source.partition("\n")[0]
    joint = "\n" if _STANDS_ALONE.match(line) else ";" if line.strip() else ""
    return f"{first}{joint}{source}"


def _end_of_future(source: str) -> int:
    """Where the last `__future__` import ends; 0 where there is none, or no end of it."""
    try:
        found = [
            node
            for node in parse(source).body
            if isinstance(node, ast.ImportFrom) and node.module == "__future__"
        ]
    except (SyntaxError, ValueError, RecursionError, MemoryError):
        return 0
    if not found:
        return 0
    line, column = found[-1].end_lineno or 1, found[-1].end_col_offset or 0
    lines = io.StringIO(source, newline="").readlines()
    before = "".join(lines[: line - 1])
    return len(before) + len(lines[line - 1].encode()[:column].decode())


def check(source: str) -> None:
    """Raise what `parse` does unless the source can be read, and, if it is short, compiles.

    Compiling finds more (a `return` outside of functions), but does not end by itself: the block of
    a `finally` is written twice, and one in that four times. What could take long is only read
    here; whoever compiles it, under the limits of a run, has to be ready for what it raises.
    """
    if not is_soon_compiled(source):
        parse(source)
        return
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        compile(source, "tests.py", "exec", dont_inherit=True)


def is_soon_compiled(source: str) -> bool:
    """Whether compiling takes a time that is bounded by the length, and that is short."""
    return len(source) <= _SHORT and "finally" not in source

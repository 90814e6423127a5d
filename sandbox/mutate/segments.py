"""The source text of the nodes of a tree, and the text with one of them replaced."""

from __future__ import annotations

import ast
import re
from typing import TypeAlias

from sandbox.source import parse

Edit: TypeAlias = tuple[ast.expr, str]
"""An expression of the tree, and the text that takes its place."""


class Segments:
    """A source text, by the positions of its nodes: lines, and offsets in bytes of UTF-8."""

    def __init__(self, code: str) -> None:
        self._data = code.encode()
        ends = [found.end() for found in re.finditer(rb"\r\n|\r|\n", self._data)]
        self._lines = [0, *ends]

    def has(self, node: ast.expr) -> bool:
        """Whether a node stands in the text, where it says; nodes within f-strings do not."""
        if getattr(node, "lineno", None) is None:
            return False
        try:
            found = parse(f"(\n{self.text(node)})").body
        except (SyntaxError, ValueError):
            return False
        return [ast.dump(part) for part in found] == [ast.dump(ast.Expr(node))]

    def text(self, node: ast.expr) -> str:
        """The text of a node."""
        start, end = self._span(node)
        return self._data[start:end].decode(errors="replace")

    def within(self, node: ast.expr, edit: Edit) -> str:
        """The text of a node with a node inside it replaced."""
        (start, end), (at, until) = self._span(node), self._span(edit[0])
        data = self._data[start:at] + edit[1].encode() + self._data[until:end]
        return data.decode(errors="replace")

    def replace(self, edit: Edit) -> str | None:
        """The whole text with one node replaced; None where that cannot be done."""
        node, new = edit
        if not self.has(node) or new.count("\n") != self.text(node).count("\n"):
            return None
        start, end = self._span(node)
        changed = (self._data[:start] + new.encode() + self._data[end:]).decode()
        try:
            parse(changed)
        except (SyntaxError, ValueError):
            return None
        return changed

    def _span(self, node: ast.expr) -> tuple[int, int]:
        last = node.lineno if node.end_lineno is None else node.end_lineno
        end = node.col_offset if node.end_col_offset is None else node.end_col_offset
        return self._lines[node.lineno - 1] + node.col_offset, self._lines[last - 1] + end

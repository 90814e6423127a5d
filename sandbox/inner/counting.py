"""Partial credit: how many assertions of tests held, counted where the tests run."""

from __future__ import annotations

import ast
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from types import CodeType

    from sandbox.frames import Frame

_HELD = "__held__"


class Assertions:
    """Tests whose assertions count themselves as they hold.

    Those in loops count each time. Of tests that stop early nobody knows how many would have come,
    so there are at least as many as stand in the text.
    """

    def __init__(self, text: str, name: str) -> None:
        """Compile. Raises what `compile` raises."""
        tree = ast.parse(text, name)
        self.written = sum(isinstance(node, ast.Assert) for node in ast.walk(tree))
        counting = ast.fix_missing_locations(_Counting().visit(tree))
        self.code: CodeType = compile(counting, name, "exec", dont_inherit=True)
        self._held: list[None] = []

    def names(self) -> dict[str, Any]:
        """What the code needs, to count with."""
        return {_HELD: self._held.append}

    def credit(self, *, passed: bool) -> Frame:
        """As fields of an outcome."""
        held = len(self._held)
        checks = held if passed else max(self.written, held + 1)
        return {"checks": checks, "passed_checks": held}


class _Counting(ast.NodeTransformer):
    def visit_Assert(self, node: ast.Assert) -> list[ast.stmt]:
        call = ast.Call(ast.Name(_HELD, ast.Load()), [ast.Constant(None)], [])
        return [node, ast.copy_location(ast.Expr(call), node)]

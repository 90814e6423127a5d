"""Partial credit: how many assertions of tests held, counted where the tests run."""

from __future__ import annotations

import ast
import itertools
from typing import TYPE_CHECKING, Any

from sandbox.inner.remote.places import blocks_of

if TYPE_CHECKING:
    from types import CodeType

    from sandbox.frames import Frame

_HELD = "__held__"


class Assertions:
    """Tests whose assertions count themselves as they hold.

    Those in loops count each time. Of tests that stop early nobody knows how many would have come,
    so there are at least as many as stand in the text. `tree` is the text as it was read.
    """

    def __init__(self, text: str, name: str) -> None:
        """Compile. Raises what `compile` raises."""
        self.tree = ast.parse(text, name)
        self.written = 0
        for block in list(blocks_of(self.tree)):
            self._count(block)
        self.code: CodeType = compile(self.tree, name, "exec", dont_inherit=True)
        self._held = itertools.count()

    def names(self) -> dict[str, Any]:
        """What the code needs, to count with."""
        return {_HELD: self._held.__next__}

    def credit(self, *, passed: bool) -> Frame:
        """As fields of an outcome; asked for once, at the end."""
        held = next(self._held)
        checks = held if passed else max(self.written, held + 1)
        return {"checks": checks, "passed_checks": held}

    def _count(self, block: list[ast.stmt]) -> None:
        """Put a call after each assertion of a block."""
        places = [at for at, node in enumerate(block) if isinstance(node, ast.Assert)]
        self.written += len(places)
        for at in reversed(places):
            place = {"lineno": block[at].lineno, "col_offset": block[at].col_offset}
            call = ast.Call(ast.Name(_HELD, ast.Load(), **place), [], [], **place)
            block.insert(at + 1, ast.Expr(call, **place))

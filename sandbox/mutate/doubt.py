"""Changes what tests expect so that they must fail: the doubt about a pass in one process.

A candidate that shares a process with its tests may have passed by force. If it passes again
where no honest program can, that is positive evidence. So a change is made only to the expected
side of a claim that the tests certainly come to (`certain`), that must hold for them to pass
(`claims`), and to a value that the claim certainly cannot hold for: a value that was equal to one
literal is not equal to a different one. An object that is equal to everything is the exception;
no test can tell it from a forgery.

Each changed text differs from the tests in one value, at a place and by an amount drawn at random,
written as the tests write theirs and on the same lines, so that nothing marks it as changed. One
place at a time, because a program that lies at one place is then caught there.

It proves nothing about properties: where nothing can be changed, the pass stands.
"""

from __future__ import annotations

import ast
from contextlib import suppress
from dataclasses import dataclass
from itertools import islice
from typing import TYPE_CHECKING

from sandbox.mutate.certain import Walk
from sandbox.mutate.claims import Claims
from sandbox.mutate.kinds import extended, kind_of
from sandbox.mutate.literals import evaluate, fresh, is_literal, leaves, vary
from sandbox.mutate.names import Names
from sandbox.mutate.segments import Segments
from sandbox.source import parse

if TYPE_CHECKING:
    from collections.abc import Iterator
    from random import Random

    from sandbox.mutate.claims import Claim
    from sandbox.mutate.segments import Edit

_TRIES = 20
_BEYOND = 2.5
"""How many tolerances a changed value is away: the program's own may be one away from the old."""


@dataclass(frozen=True, slots=True)
class Doubt:
    """What can be changed in tests, and what must have run when they pass."""

    certain_assertions: int
    claims: tuple[Claim, ...]
    editor: Editor

    def variants(self, random: Random) -> Iterator[str]:
        """Tests that must fail, each changed at one place: without end, or none."""
        found = True
        while found:
            found = False
            for claim in random.sample(self.claims, len(self.claims)):
                for text in islice(self.editor.variants(claim, random), 1):
                    found = True
                    yield text


def doubt(code: str, prelude: str, *, collected: bool, entry_point: str = "") -> Doubt:
    """What can be changed in tests. Both texts must parse. `collected`: pytest runs the tests."""
    names = Names(parse(code), parse(prelude), entry_point)
    reader = Claims(names)
    try:
        steps = list(Walk(names, collected).steps())
        claims = [claim for step in steps for claim in reader.of(step.node, step.place)]
    except RecursionError:  # nested deeper than can be looked through
        return Doubt(0, (), Editor(code, names))
    certain = sum(step.place.times for step in steps if isinstance(step.node, ast.Assert))
    return Doubt(certain, tuple(claims), Editor(code, names))


class Editor:
    """Changes the value that a claim expects, in the text of the tests."""

    def __init__(self, code: str, names: Names) -> None:
        self._names = names
        self._segments = Segments(code)
        self._quote = '"' if code.count('"') > code.count("'") else "'"

    def variants(self, claim: Claim, random: Random) -> Iterator[str]:
        """The whole text with other values, as many as were found in some tries."""
        for _ in range(_TRIES):
            with suppress(RecursionError):
                edit = self._edit(claim, random)
                changed = None if edit is None else self._segments.replace(edit)
                if changed is not None:
                    yield changed

    def _edit(self, claim: Claim, random: Random) -> Edit | None:
        expected = claim.expected
        if claim.identity:
            return expected, self._not_identical(expected, random)
        if is_literal(expected):
            return self._vary(expected, claim, random)
        model = None
        if isinstance(expected, ast.Name):
            model, alone = self._model(expected, claim, random)
            if model is not None and alone:
                return self._vary(model, claim, random)
            if model is not None and isinstance(model, (ast.Constant, ast.UnaryOp)):
                new = self._other(ast.unparse(model), claim, random)
                return None if new is None else (expected, new)
        if claim.relative or claim.absolute:
            return None
        values = {} if model is None else {ast.unparse(expected): model}
        return expected, self._unequal(expected, values, claim, random)

    def _model(self, name: ast.Name, claim: Claim, random: Random) -> tuple[ast.expr | None, bool]:
        """A literal that a name stands for, and whether the claim alone uses it."""
        function = claim.place.function
        if name.id not in claim.place.known:
            value = self._names.value_of(name, function)
            literal = value is not None and is_literal(value)
            return (value if literal else None), self._names.loads[name.id] == 1
        bound = claim.place.known[name.id]
        if bound is None or not self._names.bound_once(name.id, bound.scope):
            return None, False
        if bound.editable and self._names.used_once(name.id, bound.scope, function):
            placed = [v for v in bound.values if is_literal(v) and self._segments.has(v)]
            if placed:
                return random.choice(placed), True
        return (bound.values[0] if is_literal(bound.values[0]) else None), False

    def _unequal(
        self, node: ast.expr, values: dict[str, ast.expr], claim: Claim, random: Random
    ) -> str:
        known = {
            name: bound.values[0]
            for name, bound in claim.place.known.items()
            if bound is not None and self._names.bound_once(name, bound.scope)
        }
        kind = kind_of(node, self._names, {**known, **values})
        if kind is None:
            return fresh(random, self._quote)
        return extended(node, self._segments.text(node), kind, random, self._quote)

    def _not_identical(self, node: ast.expr, random: Random) -> str:
        match node:
            case ast.Constant(value=True | False | None as value):
                return str(random.choice([v for v in (True, False, None) if v is not value]))
            case _:
                return "[]"  # a new object

    def _vary(self, literal: ast.expr, claim: Claim, random: Random) -> Edit | None:
        """One of the values that a literal is made of, and another one for it."""
        leaf = random.choice(list(leaves(literal)))
        if not (self._segments.has(leaf) and self._segments.has(literal)):
            return None
        new = self._other(self._segments.text(leaf), claim, random)
        if new is None:
            return None
        old = evaluate(self._segments.text(literal))
        try:
            same = evaluate(self._segments.within(literal, (leaf, new))) == old
        except ValueError:  # what stands for None need not be hashable
            return None
        return None if same else (leaf, new)

    def _other(self, text: str, claim: Claim, random: Random) -> str | None:
        new = vary(text, random)
        if new is None or not (claim.relative or claim.absolute):
            return new
        values = evaluate(text), evaluate(new)
        if not all(type(value) in (int, float) for value in values):
            return None
        size = max(abs(value) for value in values)
        bound = claim.absolute + claim.relative * size
        return new if abs(values[0] - values[1]) > _BEYOND * bound else None

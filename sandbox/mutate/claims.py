"""What a test claims: that a value of the program's equals a value that the test gives.

From the condition of an assertion to the claims in it of which each is needed: a condition that
was true is false when one of them fails. So a claim in an `or`, in `any` or under a comparison
that this module does not know is none. The expected side of a claim is an expression in the
source; changed, it must differ from what the program gave by more than the claim's tolerance.
"""

from __future__ import annotations

import ast
from dataclasses import dataclass
from typing import TYPE_CHECKING

from sandbox.mutate.literals import evaluate, is_literal
from sandbox.mutate.places import Place, rounds_of

if TYPE_CHECKING:
    from collections.abc import Iterator

    from sandbox.mutate.names import Names

_LENIENT = frozenset({"ANY", "approx"})
"""Values that equal many others."""
_ISCLOSE = {"rel_tol": "relative", "rtol": "relative", "abs_tol": "absolute", "atol": "absolute"}
_APPROX = {"rel": "relative", "abs": "absolute"}
_EQUALITIES = frozenset(
    f"assert{kind}"
    for kind in (
        *("Equal", "Equals", "ListEqual", "DictEqual", "SetEqual", "TupleEqual"),
        *("SequenceEqual", "MultiLineEqual", "CountEqual"),
    )
)


@dataclass(frozen=True, slots=True)
class Claim:
    """An expression in the source that a value of the program's must equal."""

    expected: ast.expr
    place: Place
    relative: float = 0.0
    absolute: float = 0.0
    identity: bool = False


class Claims:
    """Reads the claims out of conditions."""

    def __init__(self, names: Names) -> None:
        self._names = names

    def of(self, node: ast.stmt, place: Place) -> Iterator[Claim]:
        """The claims of one statement, each of which must hold for the tests to go on."""
        match node:
            case ast.Assert(test=test):
                yield from self._needed(test, place, truth=True)
            case ast.If(test=test, body=[first, *_]) if self._fails(first, place):
                yield from self._needed(test, place, truth=False)
            case ast.Expr(ast.Call(func=ast.Attribute(value=ast.Name(id=name))) as call) if (
                name == place.receiver
            ):
                yield from self._method(call, place)

    def _fails(self, node: ast.stmt, place: Place) -> bool:
        match node:
            case ast.Raise() | ast.Assert(test=ast.Constant(value=False)):
                return True
            case ast.Expr(
                value=ast.Call(func=ast.Attribute(value=ast.Name(id=owner), attr="fail"))
            ):
                return owner == place.receiver or (
                    owner == "pytest" and self._names.is_imported(owner)
                )
            case _:
                return False

    def _needed(self, test: ast.expr, place: Place, *, truth: bool) -> Iterator[Claim]:
        """The claims without each of which a condition is not as it was: true, or false."""
        match test:
            case ast.UnaryOp(op=ast.Not(), operand=operand):
                yield from self._needed(operand, place, truth=not truth)
            case ast.BoolOp(op=op, values=values) if isinstance(op, ast.And) is truth:
                for value in values:
                    yield from self._needed(value, place, truth=truth)
            case ast.Compare(left=left, ops=[op], comparators=[right]):
                yield from self._compared(left, op, right, place, truth=truth)
            case ast.Call(
                func=ast.Name(id="all" | "any" as name),
                args=[ast.GeneratorExp() | ast.ListComp() as each],
            ) if truth is (name == "all") and self._names.is_builtin(name):
                inside = rounds_of(each, self._names, place)
                if inside is not None:
                    yield from self._needed(each.elt, inside, truth=truth)
            case ast.Call(func=function, args=[left, right], keywords=keywords) if truth:
                found = self._tolerance(function, "isclose", keywords, _ISCLOSE)
                if found is not None:
                    yield from self._near(left, right, place, *found)

    def _compared(
        self, left: ast.expr, op: ast.cmpop, right: ast.expr, place: Place, *, truth: bool
    ) -> Iterator[Claim]:
        match op, left, right:
            case ((ast.Eq() | ast.NotEq()), _, _) if isinstance(op, ast.Eq) is truth:
                yield from self.equal(left, right, place)
            case ((ast.Is() | ast.IsNot()), _, _) if isinstance(op, ast.Is) is truth:
                yield Claim(right, place, identity=True)
            case (
                (ast.Lt() | ast.LtE() | ast.Gt() | ast.GtE()),
                ast.Call(func=ast.Name(id="abs"), args=[ast.BinOp(op=ast.Sub()) as difference]),
                ast.Constant(value=float() | int() as bound),
            ) if isinstance(op, (ast.Lt, ast.LtE)) is truth and self._names.is_builtin("abs"):
                yield from self._near(difference.left, difference.right, place, 0.0, float(bound))

    def equal(self, left: ast.expr, right: ast.expr, place: Place) -> Iterator[Claim]:
        """The claim that two expressions are equal; none where both are known to begin with."""
        match right, left:
            case (ast.Call(func=function, args=[inner], keywords=keywords), other) | (
                other,
                ast.Call(func=function, args=[inner], keywords=keywords),
            ) if (found := self._tolerance(function, "approx", keywords, _APPROX)) is not None:
                yield from self._near(inner, other, place, *found)
                return
        ranks = self._rank(left, place), self._rank(right, place)
        expected, other = (left, right) if ranks[0] < ranks[1] else (right, left)
        if max(ranks) >= _ANY_VALUE and not (_lenient(other) or _lenient(expected)):
            yield Claim(expected, place)

    def _near(
        self, left: ast.expr, right: ast.expr, place: Place, relative: float, absolute: float
    ) -> Iterator[Claim]:
        for expected, other in ((right, left), (left, right)):
            known = self._rank(expected, place) < _ANY_VALUE <= self._rank(other, place)
            if known and not _lenient(other):
                yield Claim(expected, place, relative, absolute)

    def _rank(self, side: ast.expr, place: Place) -> int:
        """How well a side serves as the expected one: the lower the better."""
        if is_literal(side):
            return 0
        if isinstance(side, ast.Name):
            if side.id in place.known:
                bound = place.known[side.id]
                values = bound.values if bound is not None else ()
            else:
                value = self._names.value_of(side, place.function)
                values = () if value is None else (value,)
            return 1 if values and all(map(is_literal, values)) else _ANY_VALUE
        return _ANY_VALUE + any(isinstance(inner, ast.Call) for inner in ast.walk(side))

    def _tolerance(
        self, function: ast.expr, name: str, keywords: list[ast.keyword], meaning: dict[str, str]
    ) -> tuple[float, float] | None:
        """Relative and absolute tolerance of a call to a known function, or no less than them."""
        match function:
            case ast.Name(id=found):
                known = found == name and self._names.is_imported(found)
            case ast.Attribute(value=ast.Name(id=owner), attr=found):
                known = found == name and self._names.is_imported(owner)
            case _:
                known = False
        bounds = {"relative": 1e-5, "absolute": 1e-8}
        for keyword in keywords:
            value = _number(keyword.value)
            if keyword.arg not in meaning or value is None:
                return None
            kind = meaning[keyword.arg]
            bounds[kind] = max(bounds[kind], value)
        return (bounds["relative"], bounds["absolute"]) if known else None

    def _method(self, call: ast.Call, place: Place) -> Iterator[Claim]:
        """The claims of an assertion method of `unittest.TestCase`."""
        name = call.func.attr if isinstance(call.func, ast.Attribute) else ""
        if self._names.bindings[name] or "addTypeEqualityFunc" in self._names.mentioned:
            return
        match name, call.args:
            case "assertTrue" | "assertFalse", [test, *_]:
                yield from self._needed(test, place, truth=name == "assertTrue")
            case "assertIs", [_, right, *_]:
                yield Claim(right, place, identity=True)
            case "assertAlmostEqual" | "assertAlmostEquals", [left, right]:
                given = {keyword.arg: _number(keyword.value) for keyword in call.keywords}
                match given:
                    case {"places": float(places), **rest} if not rest:
                        yield from self._near(left, right, place, 0.0, 10.0**-places)
                    case {"delta": float(delta), **rest} if not rest:
                        yield from self._near(left, right, place, 0.0, delta)
                    case {**rest} if not rest:
                        yield from self._near(left, right, place, 0.0, 1e-7)
            case _, [left, right, *_] if name in _EQUALITIES:
                yield from self.equal(left, right, place)


_ANY_VALUE = 2
"""The rank of a side of which nothing is known."""


def _lenient(node: ast.expr) -> bool:
    return any(
        (isinstance(inner, ast.Name) and inner.id in _LENIENT)
        or (isinstance(inner, ast.Attribute) and inner.attr in _LENIENT)
        for inner in ast.walk(node)
    )


def _number(node: ast.expr) -> float | None:
    try:
        value = evaluate(ast.unparse(node))
    except ValueError:
        return None
    return float(value) if type(value) in (int, float) else None

"""Value classes that both sides have: by their fields, and those that can change under a number."""

from __future__ import annotations

import enum
import json
from dataclasses import dataclass, field
from typing import Any, NamedTuple

import pytest

from sandbox import Asserts, Integrity, Limits, Status
from sandbox.codec import CannotCross, CodecError
from sandbox.inner.crossing.containers import Containers
from sandbox.inner.crossing.exchange import heard, told
from sandbox.inner.crossing.records import Records


def classes() -> dict[str, Any]:
    """The prompt's classes, as the tests have them."""

    @dataclass
    class Node:
        v: int
        next: Any = None
        tags: list[int] = field(default_factory=list)

        def twice(self) -> int:
            return 2 * self.v

    @dataclass(frozen=True)
    class Key:
        v: int

    class Pair(NamedTuple):
        a: int
        b: int = 0

    class Right(enum.Flag):
        READ = 1
        WRITE = 2

    return {kind.__name__: kind for kind in (Node, Key, Pair, Right)}


class Both:
    """Two sides that speak in turn, and their classes of the same names."""

    def __init__(self, **program: Any) -> None:
        self.here, self.there = classes(), {**classes(), **program}
        self.tests, self.program = Containers(), Containers()
        self.tests.records = Records(self.here)
        wire = json.loads(json.dumps(self.tests.records.told))
        self.program.records = Records.beside(wire, self.there)

    def ask(self, value: Any) -> Any:
        return self._cross(value, self.tests, self.program)

    def answer(self, value: Any) -> Any:
        return self._cross(value, self.program, self.tests)

    def _cross(self, value: Any, mine: Containers, theirs: Containers) -> Any:
        frame = json.loads(json.dumps(told(value, mine, lambda v: refer(v, mine))))
        return heard(frame, theirs, theirs.records.read)


def refer(value: Any, mine: Containers) -> Any:
    wire = mine.records.wire_of(value)
    if wire is None:
        raise CannotCross(type(value).__name__)
    return wire


def test_an_instance_stays_one_object_and_its_changes_are_told() -> None:
    both = Both()
    node = both.here["Node"](1)
    theirs = both.ask([node, node])
    assert theirs[0] is theirs[1]
    assert type(theirs[0]) is both.there["Node"]
    theirs[0].v, theirs[0].seen = 2, True
    theirs[0].tags.append(5)
    assert both.answer(theirs[0]) is node
    assert (node.v, node.tags, node.seen, node.twice()) == (2, [5], True, 4)
    del node.seen
    node.next = node
    assert both.ask(node) is theirs[0]
    assert vars(theirs[0]).keys() == {"v", "next", "tags"}
    assert theirs[0].next is theirs[0]


def test_linked_instances_are_many_and_not_deep() -> None:
    both = Both()
    first = None
    for number in range(5_000):
        first = both.there["Node"](number, first)
    mine = both.answer(first)
    count = 0
    while mine is not None:
        count, mine = count + 1, mine.next
    assert count == 5_000


def test_what_is_hashed_by_its_fields_is_a_copy() -> None:
    both = Both()
    for make in (lambda c: c["Key"](1), lambda c: c["Pair"](1), lambda c: c["Right"](3)):
        arrived = both.answer({make(both.there): [make(both.there)]})
        assert arrived == {make(both.here): [make(both.here)]}
        assert type(next(iter(arrived))) is type(make(both.here))
        assert both.ask({make(both.here)}) == {make(both.there)}
    assert both.answer(both.there["Right"](0)) is both.here["Right"](0)


def test_what_the_program_adds_takes_the_place_of_nothing() -> None:
    class Node:
        v = next = tags = None

    both = Both(Node=Node)
    lying = Node()
    vars(lying).update(twice=7, __eq__=8, __wrapped__=9, own=10)
    arrived = both.answer(lying)
    assert arrived.twice.__self__ is arrived
    assert vars(arrived) == {"v": None, "next": None, "tags": None, "own": 10}


@pytest.mark.parametrize("other", [None, 5, int, enum.Enum, ValueError, tuple])
def test_where_the_program_has_no_such_class_it_gets_something_that_is_none(other: Any) -> None:
    both = Both(Node=other)
    node = both.here["Node"](1)
    theirs = both.ask(node)
    theirs.v = 2
    assert both.answer(theirs) is node
    assert node.v == 2
    with pytest.raises(CannotCross):
        both.answer(object())


NODE = ["R", 0, "Node"]
BAD: list[tuple[Any, list[Any]]] = [
    (["R", 1, "Node"], []),
    (["R", 0, "Key"], []),
    (["R", 0, "Nope"], []),
    (["R", 0, []], []),
    (["R", "0", "Node"], []),
    (["R", 0], []),
    (NODE, [["F", 1, []]]),
    (NODE, [["F", 0, 1]]),
    (NODE, [["F", 0, ["v"]]]),
    (NODE, [["F", 0, [["v", 1, 2]]]]),
    (NODE, [["F", 0, [[["l", 1, []], 1]]]]),
    (NODE, [["F", 0]]),
    (NODE, [["F", 0, [[f"a{n}", n] for n in range(1_001)]]]),
    (["l", 0, []], [["F", 0, [["v", 1]]]]),
    (NODE, [["l", 0, []]]),
    (["F", 0, []], []),
    (["rf", "Right", 4], []),
    (["rf", "Right", -1], []),
    (["rf", "Right", True], []),
    (["rf", "Node", 1], []),
    (["re", "Right", "BOTH"], []),
    (["rv", "Pair", [1, 2, 3]], []),
]


@pytest.mark.parametrize(("value", "changed"), BAD, ids=repr)
def test_what_is_no_instance_is_refused(value: Any, changed: list[Any]) -> None:
    mine = Both().tests
    with pytest.raises(CodecError):
        heard({"value": value, "changed": changed}, mine, mine.records.read)


PROMPT = (
    "from __future__ import annotations\nfrom dataclasses import dataclass\n"
    "@dataclass\nclass P:\n    x: int\n    q: P | None = None\ndef g(x): return f(x).x\n"
)
JUDGED = [
    ("def f(x): return P(x)", "p = f(1)\nassert p == P(1) and p != P(2) and p.q is None"),
    ("def f(p): p.q = P(2); return p.q", "p = P(1)\nassert f(p) is p.q and p.q.x == 2"),
    ("def f(c): return c(1).x", "assert f(P) == 1"),
    ("def f(x): return P(x)", "assert g(4) == 4"),
    ("class P2(P): pass\ndef f(x): return P2(x)", "assert isinstance(f(1), P) and f(1).x == 1"),
    ("def f(c): return c(P(1))", "assert f(lambda p: p.x) == 1"),
]


@pytest.mark.parametrize(("source", "code"), JUDGED)
def test_instances_work_on_either_side(judge: Any, source: str, code: str) -> None:
    report = judge(f"{PROMPT}{source}", Asserts(code, "f", PROMPT), Limits())
    assert (report.status, report.integrity) == (Status.PASSED, Integrity.ISOLATED), report

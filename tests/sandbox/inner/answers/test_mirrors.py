"""What the program says of its classes and objects: mirrors and handles of it, or no answer."""

from __future__ import annotations

import builtins
import json
import os
import socket
from typing import TYPE_CHECKING, Any

import pytest

from sandbox import Asserts, Integrity, Status
from sandbox.codec import CodecError
from sandbox.inner.answers.link import Link
from sandbox.inner.crossing.special import mro_of, own_of
from sandbox.inner.remote.classes import Mirror
from sandbox.inner.remote.exceptions import SIGNALS
from sandbox.inner.remote.handles import Handle, number_of

if TYPE_CHECKING:
    from sandbox.inner.answers.mirrors import Mirrors


@pytest.fixture
def mirrors() -> Any:
    mine, theirs = socket.socketpair()
    with mine, theirs:
        link = Link()
        link.connect(mine, 0, os.pidfd_open(os.getpid()))
        yield link.mirrors
        os.close(link.handle)


def described(**changed: Any) -> dict[str, Any]:
    """What is told of a class, with changes."""
    told = {
        "number": 1,
        "name": "A",
        "module": "solution",
        "known": None,
        "asked": False,
        "builtin": None,
        "qualname": "A",
        "bases": [],
        "mro": [],
        "base": 0,
        "metaclass": None,
        "special": [],
    }
    return {**told, **changed}


def test_a_mirror_bears_the_name_and_the_bases(mirrors: Mirrors) -> None:
    base = described(number=0, name="B", bases=[["builtins", "object"]])
    mirrors.describe([base, described(bases=[0], special=["__len__", "__eq__"])])
    one = mirrors.resolve(["h", 5, 1, None])
    assert type(one).__name__ == "A"
    assert [kind.__name__ for kind in mro_of(type(one))[:2]] == ["A", "B"]
    assert number_of(one) == 5
    assert mirrors.resolve(["h", 5, 1, None]) is one
    assert mirrors.resolve(["k", 1]) is type(one)
    assert type(one).__hash__ is None
    assert not any("__add__" in own_of(kind) for kind in mro_of(type(one)))


@pytest.mark.parametrize("kind", [KeyError, OSError, json.JSONDecodeError, ExceptionGroup])
def test_an_exception_of_the_library_is_of_its_class(mirrors: Mirrors, kind: type) -> None:
    told = described(
        name=kind.__name__, known=[kind.__module__, kind.__name__], builtin="Exception"
    )
    mirrors.describe([told])
    one = mirrors.resolve(["x", 5, 1, "the text", ["a", [ValueError()]]])
    assert isinstance(one, kind)
    assert str(one) == "the text"
    assert mirrors.resolve(["x", 5, 1, "the text", []]) is one


@pytest.mark.parametrize("kind", [*SIGNALS, "BaseException", "SystemExit", "BaseExceptionGroup"])
def test_no_mirror_is_a_signal(mirrors: Mirrors, kind: str) -> None:
    for number, changed in enumerate(
        [
            {"known": ["builtins", kind]},
            {"known": ["builtins", kind], "bases": [["builtins", kind]]},
            {"builtin": kind},
            {"builtin": kind, "bases": [["builtins", kind]]},
        ]
    ):
        mirrors.describe([described(number=number, **changed)])
        mirror = mirrors._classes[number]
        wrong = {SystemExit, *(getattr(builtins, name) for name in SIGNALS)}
        assert wrong.isdisjoint(mro_of(mirror))


def test_a_handle_that_nobody_holds_is_dropped(mirrors: Mirrors) -> None:
    mirrors.describe([described()])
    mirrors.resolve(["h", 5, 1, None])
    assert mirrors.dropped == [5]


@pytest.mark.parametrize(
    ("tag", "content"),
    [
        ("int", 5),
        ("float", 1.5),
        ("str", "a"),
        ("bytes", b"a"),
        ("tuple", (1,)),
        ("list", [1]),
        ("dict", {1: 2}),
        ("set", {1}),
        ("frozenset", frozenset({1})),
        ("complex", 1j),
    ],
)
def test_an_instance_of_a_subclass_holds_what_was_told(
    mirrors: Mirrors, tag: str, content: Any
) -> None:
    mirrors.describe([described(bases=[["builtins", tag]], special=["__hash__", "__bool__"])])
    one = mirrors.resolve(["w", 5, 1, None, tag, content])
    assert isinstance(one, (type(content), Handle))
    assert one == content
    assert type(one) is not type(content)
    for other in (0, [0], "x", None):
        assert one != other
        assert other != one


@pytest.mark.parametrize(
    "classes",
    [
        5,
        None,
        {},
        [5],
        [{}],
        ["a"],
        [described(number="1")],
        [described(bases=5)],
        [described(special=5)],
        [described(special=[5])],
        [described(special=[["__eq__"]])],
        [described(name=5)],
        [described(module=None)],
        [described(qualname=None)],
        [described(mro=None)],
        [described(mro=[9])],
        [described(mro=[1] * 101)],
        [described(base="1")],
        [described(metaclass=9)],
        [described(metaclass="Meta")],
        [described(), described()],
        [described(bases=[9])],
        [described(bases=[1])],
        [described(bases=[["builtins", "object"]] * 51)],
        [described(number=n) for n in range(2001)],
    ],
    ids=lambda classes: repr(classes)[:60],
)
def test_what_is_no_class_is_refused(mirrors: Mirrors, classes: Any) -> None:
    with pytest.raises(CodecError):
        mirrors.describe(classes)


@pytest.mark.parametrize(
    "bases",
    [
        [["builtins", "type"]],
        [["builtins", "bool"]],
        [["builtins", "NoneType"]],
        [["types", "FunctionType"]],
        [["os", "system"]],
        [["nosuch", "A"]],
        [["builtins", "int"], ["builtins", "str"]],
        [5.0],
        [None],
        [[]],
        [{}],
        [["typing", "Generic"]],
        [["enum", "Enum"]],
        [["abc", "ABC"]],
        [["threading", "Thread"]],
        [["io", "FileIO"]],
    ],
    ids=repr,
)
def test_odd_bases_make_a_class_or_are_refused(mirrors: Mirrors, bases: Any) -> None:
    try:
        mirrors.describe([described(bases=bases)])
    except CodecError:
        return
    assert isinstance(mirrors.resolve(["k", 1]), type)


@pytest.mark.parametrize("name", ["", "a b", "__class__", "None", "A" * 5000, "\ud800", "A\0"])
def test_any_name_is_borne_or_replaced(mirrors: Mirrors, name: str) -> None:
    mirrors.describe([described(name=name)])
    assert isinstance(mirrors.resolve(["k", 1]), Mirror)


@pytest.mark.parametrize(
    "wire",
    [
        ["h"],
        ["h", 1],
        ["h", 1, 9],
        ["h", "1", 1],
        ["h", None, 1],
        ["k", 9],
        ["k", None],
        ["w", 1, 1, None, "int", "x"],
        ["w", 1, 1, None, "eval", 1],
        ["w", 1, 1, None, "int", True],
        ["w", 1, 2, "1", "int", 1],
        ["x", 1, 1],
        ["x", 1, 9],
        ["p", 0],
        ["p", -1],
        ["co"],
        ["o", 1],
        ["g", "os", "system"],
        ["?"],
        [5],
        ["h", 1, 2],
    ],
    ids=repr,
)
def test_what_is_no_object_is_refused(mirrors: Mirrors, wire: list[Any]) -> None:
    mirrors.describe([described(), described(number=2, bases=[["builtins", "int"]])])
    with pytest.raises(CodecError):
        mirrors.resolve(wire)


def test_classes_that_are_functions_in_disguise_are_not_the_tests_own(mirrors: Mirrors) -> None:
    for number, name in enumerate(
        ("type", "property", "map", "staticmethod", "int", "ValueError", "SystemExit")
    ):
        mirrors.describe([described(number=number, name=name, known=["builtins", name])])
    own = [mirrors.resolve(["k", number]) for number in range(7)]
    assert own[4:6] == [int, ValueError]
    assert all(isinstance(kind, Mirror) for kind in [*own[:4], own[6]])


META = described(number=0, name="Meta", bases=[["builtins", "type"]])


def test_an_instance_of_a_metaclass_is_no_object(mirrors: Mirrors) -> None:
    mirrors.describe([META])
    with pytest.raises(CodecError):
        mirrors.resolve(["h", 5, 0, None])
    with pytest.raises(CodecError):
        mirrors.resolve(["w", 5, 0, None, "int", 1])


@pytest.mark.parametrize(
    "more",
    [
        {"metaclass": 1},  # no metaclass
        {"metaclass": 0, "bases": [1]},
        {"metaclass": 0, "bases": [3]},  # of another metaclass
        {"metaclass": 0, "bases": [["builtins", "type"]]},
        {"bases": [3]},
        {"bases": [0, 3]},
        {"metaclass": 0, "bases": [["builtins", "int"], ["builtins", "str"]]},
        {"base": -1, "bases": [1]},
        {"base": 1 << 70, "bases": [1]},
    ],
)
def test_a_metaclass_that_does_not_fit_makes_a_class(
    mirrors: Mirrors, more: dict[str, Any]
) -> None:
    other = described(number=2, name="Other", bases=[["builtins", "type"]])
    mirrors.describe([META, described(), other, described(number=3, metaclass=2)])
    mirrors.describe([described(number=4, **more)])
    assert isinstance(mirrors.resolve(["k", 4]), Mirror)


def test_a_value_of_a_subclass_is_a_key_by_its_content(judge) -> None:
    source = "class K(str):\n    def __hash__(self): return 7\ndef f(): return {K('x'): 3}"
    report = judge(source, Asserts("assert f() == {'x': 3}", "f"))
    assert (report.status, report.integrity) == (Status.PASSED, Integrity.ISOLATED), report

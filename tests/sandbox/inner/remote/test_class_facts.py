"""What the tests see of a class of the program: its bases, their order, its metaclass, its text."""

from __future__ import annotations

import pytest

from sandbox import Asserts, Integrity, Limits, Status

CLASSES = """
import enum, threading
from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from typing import Generic, TypeVar
class Base:
    'doc of Base'
    kind: int = 0
class L(Base): pass
class R(Base): pass
class A(L, R):
    class Inner: pass
class Quiet: pass
class Box(Generic[TypeVar('T')]): pass
class Shape(ABC):
    @abstractmethod
    def area(self): ...
class Square(Shape):
    def area(self): return 4
class View(Sequence):
    def __init__(self, *items): self.items = items
    def __len__(self): return len(self.items)
    def __getitem__(self, at): return self.items[at]
class Slice(View): pass
class Config(Mapping):
    def __init__(self, **given): self.given = given
    def __getitem__(self, name): return self.given[name]
    def __iter__(self): return iter(self.given)
    def __len__(self): return len(self.given)
class Worker(threading.Thread): pass
class Meta(type):
    registry = {}
    def __new__(meta, name, bases, body):
        made = super().__new__(meta, name, bases, body)
        meta.registry[name] = made
        return made
    def __len__(cls): return len(cls.registry)
class Low(Meta): pass
class Pet(metaclass=Meta):
    def speak(self): return 'hm'
class Dog(Pet):
    def speak(self): return 'woof'
class Cat(Pet, metaclass=Low): pass
class Keys(type):
    kept = {}
    def __repr__(cls): return 'keyed'
    def __str__(cls): return 'a Keyed'
    def __call__(cls): return 1
    def __setitem__(cls, key, value): cls.kept[key] = value
    def __getitem__(cls, key): return cls.kept[key]
    def __delitem__(cls, key): del cls.kept[key]
    def __reversed__(cls): return iter([3, 2, 1])
    def __add__(cls, other): return cls.__name__ + other.__name__
    def __lt__(cls, other): return cls.__name__ < other.__name__
    def __contains__(cls, key): return key == 5
class Keyed(metaclass=Keys): pass
class Other(metaclass=Keys): pass
class Hue(enum.Enum):
    RED, BLUE = 1, 2
class Book:
    def __init__(self): self.asks, self.named, self.known = [1], 'b', 2
    mro = 'no order'
class Bad(KeyError):
    asks = 3
def f(x): return x
"""
ABSTRACT = "from collections.abc import Iterable, Mapping, MutableSequence, Sequence, Sized\n"
TYPE_ERROR = "import pytest\nassert f(1)\nwith pytest.raises(TypeError): "
ISOLATED = [
    "assert Base.__bases__ == (object,) and Base.__base__ is object",
    "assert A.__mro__ == (A, L, R, Base, object)",
    "assert [c.__name__ for c in A.__mro__] == ['A', 'L', 'R', 'Base', 'object']",
    "assert A.mro() == [A, L, R, Base, object] and A.__bases__ == (L, R) and A.__base__ is L",
    "import inspect\nassert inspect.getmro(L) == (L, Base, object)",
    "assert Base.__subclasses__() == [L, R] and A.__subclasses__() == []",
    "assert Base.__doc__ == 'doc of Base' and Quiet.__doc__ is None and Base().__doc__",
    "assert A.Inner.__qualname__ == 'A.Inner' and A.__qualname__ == 'A'",
    "from typing import Generic\nassert Box.__bases__ == (Generic,)",
    "from abc import ABC\nassert Shape.__bases__ == (ABC,) and isinstance(Square(), ABC)",
    ABSTRACT + "assert isinstance(View(1), Sequence) and issubclass(Slice, Sequence)",
    ABSTRACT + "assert isinstance(f(Slice(1)), (Mapping, Sequence)) and isinstance(View(), Sized)",
    ABSTRACT + "assert isinstance(Config(), Mapping) and dict(Config(a=1)) == {'a': 1}",
    ABSTRACT
    + "assert not isinstance(View(), (Mapping, MutableSequence)) and View.__len__(View()) == 0",
    ABSTRACT + "assert Slice.__mro__[:3] == (Slice, View, Sequence)",
    ABSTRACT + "assert f(1) and not isinstance(Square(), Iterable) and not issubclass(Base, Sized)",
    "assert type(Dog) is Meta and isinstance(Cat, Meta) and type(Cat) is Low and len(Pet) == 3",
    "assert isinstance(Dog, type) and Meta.registry['Dog'] is Dog and Dog().speak() == 'woof'",
    "assert Low.__mro__ == (Low, Meta, type, object) and issubclass(Low, type)",
    "assert not isinstance(Dog, Low) and not isinstance(Base, Meta) and len(Dog) == 3",
    "b = Book()\nassert (b.asks, b.named, b.known) == ([1], 'b', 2)",
    "assert Bad.asks == 3",
    "import inspect\nassert inspect.isabstract(Shape) and not inspect.isabstract(Square)",
    "assert repr(Keyed) == 'keyed' and str(Keyed) == f'{Keyed}' == 'a Keyed' and Keyed() == 1",
    'assert repr(Base).endswith("Base\'>") and str(Base) == repr(Base) and Base()',
    "Keyed['a'] = 2\nassert Keyed['a'] == 2\ndel Keyed['a']\nassert Keyed.kept == {}",
    TYPE_ERROR + "Hue['A'] = 1",
    TYPE_ERROR + "del Base['A']",
    TYPE_ERROR + "reversed(Base)",
    "assert list(reversed(Keyed)) == [3, 2, 1] and list(reversed(Hue)) == [Hue(2), Hue(1)]",
]
WRONG = [
    "assert A.__mro__ == (A, R, L, Base, object)",
    "assert Base.__bases__ == (Quiet,)",
    "assert A.__base__ is Base",
    "assert R.mro()[1] is L",
    "assert Base.__subclasses__() == [A]",
    "assert Base.__doc__ == 'another'",
    ABSTRACT + "assert isinstance(Square(), Sequence)",
    ABSTRACT + "assert isinstance(Config(), Sequence)",
    "assert type(Pet()) and type(Cat) is Meta",
    "assert len(Pet) and type(Base) is Meta",
    "import inspect\nassert inspect.isabstract(Square)",
    "assert repr(Keyed) == 'Keyed'",
    "Keyed['a'] = 2\nassert Keyed['a'] == 3",
    "assert list(reversed(Keyed)) == [1, 2, 3]",
    "assert Bad.__mro__[1] is ValueError",
]
SHARED = [
    "assert issubclass(L, Base)",
    "assert Bad.__mro__[1] is KeyError and Bad.__bases__ == (KeyError,)",
    "assert Keyed + Other == 'KeyedOther'",
    "assert sorted([Other, Keyed])[0] is Keyed",
    "assert 5 in Keyed and 4 not in Keyed",
    "import threading\nassert Worker.__bases__ == (threading.Thread,)",
    "assert f(1) and 'speak' in vars(Dog) and 'speak' not in Cat.__dict__",
    "import inspect\nassert f(1) and inspect.get_annotations(Base) == {'kind': int}",
]
"""They look where nobody hears of it or inside, or a class of theirs would be an exception's."""


@pytest.mark.parametrize("code", ISOLATED)
def test_a_class_is_seen_as_what_it_is(judge, code: str) -> None:
    report = judge(CLASSES, Asserts(code, "f"), Limits())
    assert (report.status, report.integrity) == (Status.PASSED, Integrity.ISOLATED), report


@pytest.mark.parametrize("code", WRONG)
def test_a_class_that_is_another_fails(judge, code: str) -> None:
    report = judge(CLASSES, Asserts(code, "f"), Limits())
    assert report.status is Status.FAILED, report


@pytest.mark.parametrize("code", SHARED)
def test_a_class_that_is_looked_into_is_in_the_process_of_the_tests(judge, code: str) -> None:
    report = judge(CLASSES, Asserts(code, "f"), Limits())
    assert (report.status, report.integrity) == (Status.PASSED, Integrity.SHARED), report

"""Values that both processes hold: containers keep their identity for the whole run, both ways.

Each side has the same numbered containers. A message carries its payload, and anew every container
whose contents changed since the last one: so a list that was handed over and is changed later, by
whichever side, is seen changed. Numbers are given in the order in which the sides speak, which
they do in turn, and are never used again. The tests' side forgets a container that nobody there
holds any more, and says so.

What is neither a built-in value nor one of `sandbox.inner.crossing.values` is the business of who
asks: a `refer` for objects going out, a `resolve` for those coming in.
"""

from __future__ import annotations

from _thread import get_ident
from array import array
from typing import TYPE_CHECKING, Any, Final

from sandbox.codec import CannotCross, CodecError, Encoder
from sandbox.inner.crossing import arrays, kinds, of_numpy
from sandbox.inner.crossing.containers import Containers
from sandbox.inner.crossing.crossed import Noting
from sandbox.inner.crossing.kinds import KINDS, TAGS, are_dicts, blank, tag_of
from sandbox.inner.crossing.records import NAMESPACES
from sandbox.inner.crossing.values import dict_under, parts_of, rebuilt, scalar_of

if TYPE_CHECKING:
    from collections.abc import Callable

    from sandbox.codec import Wire
    from sandbox.frames import Frame

    Refer = Callable[[Any], Wire]
    Resolve = Callable[[list[Any]], Any]

_RECORD: Final = "R"
"""A kept instance of a value class that is new to the other side."""

_FIELDS: Final = "F"
"""What such an instance has now."""

_HELD: Final = "W"
"""What an object of the solution holds now, whose class is one over a list, dict or set."""

_LIKENESS: Final = "pb"
"""An object of the tests for which a real one stands in the program's process."""

_HOLDING: Final = ("w", "x", "rv", "pd", _LIKENESS)
"""Tags of objects that have a content of their own, which comes last."""


class _Outgoing(Encoder):
    def __init__(self, containers: Containers, refer: Refer) -> None:
        super().__init__()
        self.containers, self._refer = containers, refer
        self.most_depth += containers.wrapping
        self.fresh: list[int] = []

    def encode(self, value: Any, depth: int = 0) -> Wire:
        tag = tag_of(value)
        name = self.containers.records.kept_name(value) if tag is None else None
        if name in NAMESPACES and not self.containers.are_shown(value, name):
            name = None
        if tag is None and name is None:
            return super().encode(value, depth)
        number = self.containers.number_of(value)
        if number is not None:
            return ["r", number]
        if tag is None:  # its fields are told beside it: linked ones are many, not deep
            number = self.containers.add(value)
            self.fresh.append(number)
            return [_RECORD, number, name]
        return self.whole(tag, self.containers.add(value), value, depth)

    def anew(self, number: int) -> Wire:
        """A container or a kept instance that both sides know, with all that is in it now."""
        value = self.containers.objects[number]
        if arrays.is_array(value):
            return of_numpy.anew(number, value, self, 1)
        tag = KINDS.get(type(value))
        return self.whole(tag, number, value, 1) if tag else self.fields(number, value)

    def whole(self, tag: str, number: int, value: Any, depth: int) -> Wire:
        """A container with all that it holds."""
        if depth > self.most_depth:
            raise CannotCross(f"a value nested deeper than {self.most_depth}")
        self.containers.note(number)
        if tag == "y":
            return [tag, number, value.hex()]
        if tag == "a":
            return [tag, number, value.tobytes().hex(), value.typecode]
        if tag == "M" and not are_dicts(value.maps):
            raise CannotCross("ChainMap")
        if isinstance(value, dict):
            items: list[Any] = [
                [self.encode(key, depth + 1), self.encode(item, depth + 1)]
                for key, item in value.items()
            ]
        else:
            items = [self.encode(i, depth + 1) for i in (value.maps if tag == "M" else value)]
        if tag == "D":
            return [tag, number, items, kinds.factory_of(value, self.encode, depth + 1)]
        return [tag, number, items, value.maxlen] if tag == "q" else [tag, number, items]

    def fields(self, number: int, value: Any) -> Wire:
        """A kept instance of a value class, with all that it has."""
        self.containers.note(number)
        found = self.containers.records.attributes_of(value)
        return [_FIELDS, number, [[name, self.encode(held, 1)] for name, held in found.items()]]

    def _other(self, value: Any, depth: int) -> Wire:
        if self.containers.arrays and (wire := of_numpy.told(value, self, depth)) is not None:
            return wire
        found = parts_of(value)
        under = dict_under(value)
        if under is not None and self.containers.are_shown(under):
            found = "proxy", [under]
        if found is None and (plain := scalar_of(value)) is not None:
            return self.encode(plain, depth)
        if found is None:
            wire = self._refer(value)
            if type(wire) is list and wire[0] in _HOLDING:
                if wire[0] == _LIKENESS:
                    self.containers.held.add_given(wire[1], value)
                wire[-1] = self.encode(wire[-1], depth + 1)
            return wire
        tag, parts = found
        return ["v", tag, [self.encode(part, depth + 1) for part in parts]]


class _Incoming(Noting):
    def __init__(self, containers: Containers, resolve: Resolve) -> None:
        super().__init__(containers.crossed)
        self.containers, self._resolve = containers, resolve
        self.most_depth += containers.wrapped

    def _tagged(self, wire: list[Any], depth: int) -> Any:
        tag = wire[0]
        if tag in TAGS and type(tag) is str:
            return self._container(tag, wire, depth)
        if tag == "r":
            return self.containers.given(wire[1])
        if tag == _RECORD:
            return self._record(wire)
        if tag in of_numpy.TAGS:
            return self._of_numpy(wire, depth)
        return super()._tagged(wire, depth)

    def _container(self, tag: str, wire: list[Any], depth: int) -> Any:
        number, items = wire[1], wire[2]
        if type(number) is not int or not 0 <= number <= self.containers.next:
            raise CodecError("a container number out of order")
        if is_new := number == self.containers.next:
            self.containers.add(blank(tag, wire))
        found = self.containers.objects[number]
        if type(found) is not TAGS[tag]:
            raise CodecError("a container that changed its type")
        if type(found) is array and found.typecode != wire[3]:
            raise CodecError("an array that changed its type")
        self._fill(found, items, depth)
        if is_new and tag == "D":
            kinds.set_factory(found, wire[3], self.decode)
        self.containers.note(number)
        return found

    def _of_numpy(self, wire: list[Any], depth: int) -> Any:
        found = of_numpy.heard(wire, self, depth)
        if isinstance(found, str):
            self._note(str(found))
        return found

    def _record(self, wire: list[Any]) -> Any:
        """A kept instance that is new; its fields are told later in the message."""
        _, number, name = wire
        if type(number) is not int or number != self.containers.next:
            raise CodecError("a container number out of order")
        made = self.containers.records.blank(name)
        self.containers.add(made)
        return made

    def fields(self, wire: list[Any]) -> None:
        """What a kept instance has now. Raises `CodecError`."""
        match wire:
            case [_, int(number), list(pairs)] if number in self.containers.objects:
                found = self.containers.objects[number]
            case _:
                raise CodecError("no fields of an instance")
        if self.containers.records.kept_name(found) is None:
            raise CodecError("a container that changed its type")
        try:
            told = {name: self.decode(held, 1) for name, held in pairs}
        except (TypeError, ValueError):
            raise CodecError("no names and values") from None
        for name in self.containers.records.fill(found, told):
            self.containers.adds(name, told[name])
        self.containers.note(number)

    def held(self, wire: list[Any]) -> None:
        """What an object of the solution holds now. Raises `CodecError`."""
        match wire:
            case [_, int(number), None | list() as content]:
                held = self.decode(content, 1)
            case _:
                raise CodecError("no content of an object")
        try:
            self.containers.held.renew(number, held)
        except (KeyError, TypeError):
            raise CodecError("a content of no such object") from None

    def _fill(self, target: Any, items: Any, depth: int) -> Any:
        if kinds.refill(target, items, lambda wire: self.decode(wire, depth)):
            return target
        return super()._fill(target, items, depth)

    def _other(self, wire: list[Any], depth: int) -> Any:
        match wire:
            case ["v", str(tag), list(parts)]:
                return rebuilt(tag, [self.decode(part, depth) for part in parts])
        if wire[0] in _HOLDING:
            found = self._resolve([*wire[:-1], self.decode(wire[-1], depth)])
            if wire[0] == _LIKENESS:
                self.containers.held.add_given(wire[1], found)
            return found
        return self._resolve(wire)


def told(value: Any, containers: Containers, refer: Refer) -> Frame:
    """A payload for the other side, with the containers that changed. Raises `CannotCross`.

    Then the other side knows no more than before: who makes it may go on without.
    """
    since = containers.next
    containers.held.begin()
    try:
        return _told(value, containers, refer)
    except BaseException:
        containers.undo(since)
        raise


def _told(value: Any, containers: Containers, refer: Refer) -> Frame:
    out = _Outgoing(containers, refer)
    wire = out.encode(value)
    changed: list[Wire] = []
    numbers, done = containers.changed(), set[int]()
    while (held := containers.held.tell()) or numbers or out.fresh:  # which may hold what is new
        changed += [[_HELD, number, out.encode(content, 1)] for number, content in held]
        for number in {*numbers, *out.fresh} - done:
            done.add(number)
            changed.append(out.anew(number))
        numbers = [number for number in out.fresh if number not in done]
        out.fresh.clear()
    containers.refuse_depth(out.most_depth, CannotCross)
    return {"value": wire, "changed": changed}


def heard(frame: Frame, containers: Containers, resolve: Resolve) -> Any:
    """The payload of the other side. Raises `CodecError`."""
    come = _Incoming(containers, resolve)
    changed = frame["changed"]
    if type(changed) is not list:
        raise CodecError("no list of containers")
    containers.reading, containers.reader = containers.reading + 1, get_ident()
    try:
        value = come.decode(frame["value"])
        for wire in changed:
            if type(wire) is not list or not wire or type(wire[0]) is not str:
                raise CodecError("not a container")
            if wire[0] == _FIELDS:
                come.fields(wire)
            elif wire[0] == _HELD:
                come.held(wire)
            elif wire[0] in TAGS or wire[0] in of_numpy.ARRAYS:
                come.decode(wire)
            else:
                raise CodecError("not a container")
        containers.refuse_depth(come.most_depth, CodecError)
    finally:
        containers.reading -= 1
    return value

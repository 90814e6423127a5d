"""How values of numpy are told and read: arrays, parts of them, scalars, kinds of values.

Where the tests have arrays, these are containers, which both sides hold under a number.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final, Protocol

from sandbox.codec import CannotCross, CodecError
from sandbox.inner.crossing import arrays, hidden, parts

if TYPE_CHECKING:
    from sandbox.codec import Wire
    from sandbox.inner.crossing.containers import Containers

ARRAYS: Final = (arrays.TAG, parts.TAG)
TAGS: Final = frozenset({*ARRAYS, *arrays.VALUES})


class Telling(Protocol):
    """A message that is being written."""

    containers: Containers
    most_depth: int

    def encode(self, value: Any, depth: int = 0) -> Wire:
        """What stands for any value. Raises `CannotCross`."""
        ...


class Reading(Protocol):
    """A message that is being read."""

    containers: Containers

    def decode(self, wire: Any, depth: int = 0) -> Any:
        """The value that something stands for. Raises `CodecError`."""
        ...


def told(value: Any, out: Telling, depth: int) -> Wire | None:
    """What stands for a value of numpy; None for others. Raises `CannotCross`."""
    if not arrays.is_array(value):
        return arrays.value_told(value)
    number = out.containers.number_of(value)
    if number is not None:
        return anew(number, value, out, depth) if out.containers.show(number) else ["r", number]
    whole = out.containers.whole_of(value)
    if whole is None:
        number = out.containers.add_array(value, is_laid_out=value.flags.c_contiguous)
        return anew(number, value, out, depth)
    of, is_news = _whole(whole, value, out, depth)  # first, for it may be new as well
    number = out.containers.add_part(value, whole)
    out.containers.note(number)
    data = [_data(value, out, depth)] if is_news else []
    return [parts.TAG, number, of, *parts.told(value, whole), *data]


def _whole(whole: Any, part: Any, out: Telling, depth: int) -> tuple[Wire, bool]:
    """An array as far as its parts are handed over, and whether this one is to be told as well.

    Raises `CannotCross`.
    """
    number = out.containers.number_of(whole)
    if is_new := number is None:
        number = out.containers.add_array(whole, is_laid_out=True)
        out.containers.hide(number)
    is_news = out.containers.show(number, part)
    if is_new or (is_news and not whole.flags.writeable):
        return anew(number, whole, out, depth), False
    return ["r", number], is_news


def anew(number: int, value: Any, out: Telling, depth: int) -> Wire:
    """An array that has a number, with all that is in it now. Raises `CannotCross`."""
    if out.containers.is_another(number):
        raise CannotCross("an array that was given another size, or values of another kind")
    out.containers.note(number)
    if (whole := out.containers.has_whole(number)) is not None:
        wire = ["r", out.containers.number_of(whole)]
        return [parts.TAG, number, wire, *parts.told(value, whole)]
    value = out.containers.as_shown(number)
    return [arrays.TAG, number, _data(value, out, depth), *arrays.told(value)]


def _data(value: Any, out: Telling, depth: int) -> Wire:
    """What is in an array. Raises `CannotCross`."""
    if (held := arrays.objects_in(value)) is None:
        return arrays.data_of(value)
    if depth > out.most_depth:
        raise CannotCross(f"a value nested deeper than {out.most_depth}")
    return [out.encode(each, depth + 1) for each in held]


def heard(wire: list[Any], come: Reading, depth: int) -> Any:
    """The value of numpy that something stands for. Raises `CodecError`."""
    if not come.containers.arrays:
        raise CodecError("a value that nobody has")
    if wire[0] in arrays.VALUES:
        return arrays.value_of(wire)
    if type(wire[1]) is not int:
        raise CodecError("an array without a number")
    return _part(wire, come, depth) if wire[0] == parts.TAG else _array(wire, come, depth)


def _array(wire: list[Any], come: Reading, depth: int) -> Any:
    number = wire[1]
    if number == come.containers.next:
        come.containers.add_array(arrays.blank(wire), is_laid_out=wire[5] is True)
    found = come.containers.objects[number]
    if not arrays.is_array(found):
        raise CodecError("a container that changed its type")
    if type(wire[2]) is list:
        wire = [*wire[:2], [come.decode(each, depth) for each in wire[2]], *wire[3:]]
    if (marks := come.containers.marks_of(number)) is not None:
        shown = come.containers.as_shown(number)
        arrays.fill(shown, wire)
        hidden.fill(found, shown, marks)
        come.containers.note(number)
        return shown
    lifts = number in come.containers.closed
    come.containers.close(number, by_word=arrays.fill(found, wire, lifts=lifts))
    come.containers.note(number)
    return found


def _part(wire: list[Any], come: Reading, depth: int) -> Any:
    """One of an array that is there by then: a new one, or what became of one that is known."""
    _, number, of, *form = wire
    form, data = form[: parts.FORM], form[parts.FORM :]
    if len(data) > 1:
        raise CodecError("no part of an array")
    whole = come.decode(of, depth) if of[:1] != ["r"] else come.containers.objects[of[1]]
    part = parts.part_of(whole, form)
    if not come.containers.are_shown_of(whole, part):
        raise CannotCross("memory around a part of an array")
    if data:
        _put(parts.part_of(whole, [form[0], True, *form[2:]]), whole, data[0], come, depth)
    if number == come.containers.next:
        come.containers.add_part(part, whole)
        come.containers.close(number, by_word=not part.flags.writeable)
    elif come.containers.has_whole(number) is not whole:
        raise CodecError("a container number out of order")
    else:
        found = come.containers.objects[number]
        arrays.reshape(found, [*part.shape])
        if arrays.opened(found, lifts=number in come.containers.closed):
            by_word = arrays.closed(found, bool(part.flags.writeable))
            come.containers.close(number, by_word=by_word)
        part = found
    come.containers.note(number)
    return part


def _put(part: Any, whole: Any, data: Any, come: Reading, depth: int) -> None:
    """What is in a part of an array, which was not known here. Raises `CodecError`."""
    held = [come.decode(each, depth) for each in data] if type(data) is list else data
    number = come.containers.number_of(whole)
    is_told = number is not None and come.containers.is_told(number)
    arrays.put(part, held)
    if number is not None and is_told:
        come.containers.note(number)

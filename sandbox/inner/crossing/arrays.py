"""Arrays of numpy, which both processes hold as they do containers, and its scalars.

Only where the tests have numpy: it is slow to load, and nothing of it is looked at elsewhere. What
comes in is checked before anything is made of it.
"""

from __future__ import annotations

import contextlib
import math
import sys
from typing import TYPE_CHECKING, Any, Final

from sandbox.codec import MAX_NODES, CannotCross, CodecError
from sandbox.inner.crossing.dtypes import OBJECTS, check_bytes, dtype_of, is_dtype, spec_of

if TYPE_CHECKING:
    from collections.abc import Iterable

TAG: Final = "N"

SCALAR, KIND, MASKED = "NS", "ND", "NM"
"""Tags of a scalar, of what says which kind of values an array has, and of `numpy.ma.masked`."""

VALUES: Final = (SCALAR, KIND, MASKED)

_MATRIX: Final = "matrix"
_CLASSES: Final = ("ndarray", _MATRIX)
_MOST_AXES: Final = 32
_MOST_WORK: Final = 1_000


def are_wanted(names: Iterable[str]) -> bool:
    """Whether tests that use these names have arrays."""
    return "numpy" in sys.modules or any(name.partition(".")[0] == "numpy" for name in names)


def is_array(value: Any) -> bool:
    """Whether it is an array of what crosses, and of no class of somebody's own."""
    kind = type(value)
    if kind.__module__ != "numpy" or kind.__name__ not in _CLASSES:
        return False
    return spec_of(value.dtype) is not None


def is_of_numpy(value: Any) -> bool:
    """Whether it is an array or a scalar of numpy's own classes, whatever is in it."""
    kind = type(value)
    return kind.__module__ == "numpy" and (kind.__name__ in _CLASSES or is_scalar(kind))


def is_scalar(kind: type) -> bool:
    """Whether instances of a class of numpy are scalars."""
    return any(each.__name__ == "generic" for each in kind.__mro__)


def value_told(value: Any) -> list[Any] | None:
    """A scalar, or what says which kind of values an array has; None for all else."""
    kind = type(value)
    module = kind.__module__
    if type(module) is not str or module.partition(".")[0] != "numpy":
        return None
    if kind.__name__ == "MaskedConstant":
        return [MASKED]
    if is_dtype(value):
        spec = spec_of(value)
        return None if spec is None else [KIND, spec]
    if kind.__module__ != "numpy" or not is_scalar(kind):
        return None
    spec = spec_of(value.dtype)
    return None if spec in (None, OBJECTS) else [SCALAR, value.tobytes().hex(), spec]


def value_of(wire: list[Any]) -> Any:
    """What such a value is here. Raises `CodecError`."""
    match wire:
        case ["NM"]:
            from numpy import ma  # noqa: PLC0415 - likewise

            return ma.masked
        case ["ND", spec]:
            return dtype_of(spec)
        case ["NS", str(data), spec] if spec != OBJECTS:
            wire = [TAG, 0, data, spec, True, True]
            made = blank(wire)
            fill(made, wire)
            return made[()]
    raise CodecError("no value of numpy")


def objects_in(value: Any) -> list[Any] | None:
    """The objects in an array of such; None for one of other values."""
    return list(value.flat) if value.dtype.str == OBJECTS else None


def holds_arrays(value: Any) -> bool:
    """Whether it is an array of objects in which there is another such."""
    return bool(_arrays_in(value))


def are_within(values: Iterable[Any], most: int) -> bool:
    """Whether no arrays of objects hold each other deeper than so many, and none holds itself.

    What numpy computes with them goes down there in C, and looks at no limit of recursion.
    """
    heights: dict[int, int] = {}  # nothing of those whose own are being looked at
    for root in values:
        open_ = [root] if holds_arrays(root) else []
        while open_:
            one, inner = open_[-1], _arrays_in(open_[-1])
            if id(one) not in heights:
                heights[id(one)] = 0
                open_ += [each for each in inner if id(each) not in heights]
                continue
            open_.pop()
            if heights[id(one)] == 0:  # not one that is in several
                below = [heights[id(each)] for each in inner]
                if 0 in below or max(below, default=0) >= most:
                    return False
                heights[id(one)] = 1 + max(below, default=0)
    return True


def _arrays_in(value: Any) -> list[Any]:
    """The arrays of objects in an array of such."""
    if not is_array(value) or value.dtype.str != OBJECTS:
        return []
    return [each for each in value.flat if is_array(each) and each.dtype.str == OBJECTS]


def data_of(value: Any) -> str | None:
    """What is in an array, as a text; None for one of objects."""
    return None if value.dtype.str == OBJECTS else value.tobytes().hex()


def told(value: Any) -> list[Any]:
    """The form of an array: of what kind, whether it can be changed, lengths.

    And whether its values lie in the order in which they are told, as they do in what is made of
    it over there.
    """
    is_laid_out = bool(value.flags.c_contiguous)
    return [_kind_of(value), bool(value.flags.writeable), is_laid_out, *value.shape]


def _kind_of(value: Any) -> Any:
    """Of what class an array is, if not of the plain one, and of what kind its values."""
    spec = spec_of(value.dtype)
    return [_MATRIX, spec] if type(value).__name__ == _MATRIX else spec


def contents_of(value: Any) -> tuple[Any, ...]:
    """What an array holds, and its form, to be compared."""
    return *(objects_in(value) or (value.tobytes(),)), form_of(value)


def form_of(value: Any) -> bytes:
    """What of an array may be changed beside what it holds, to be compared."""
    return f"{value.dtype.str} {value.shape} {value.flags.writeable}".encode()


def blank(wire: list[Any]) -> Any:
    """An array that is new here, before it is filled. Raises `CodecError`."""
    import numpy as np  # noqa: PLC0415 - likewise

    _, _, data, spec, _, _, *shape = wire
    if len(shape) > _MOST_AXES or any(type(each) is not int or each < 0 for each in shape):
        raise CodecError("no shape of an array")
    name, spec = _class_in(spec)
    dtype = dtype_of(spec)
    if spec == OBJECTS:
        fits = type(data) is list and len(data) == math.prod(shape)
    else:
        fits = type(data) is str and len(data) == 2 * math.prod(shape) * dtype.itemsize
        fits &= dtype.itemsize > 0 or math.prod(shape) <= MAX_NODES
    if not fits:
        raise CodecError("an array of other contents")
    return with_class(np.zeros(shape, dtype), name)


def with_class(made: Any, name: str) -> Any:
    """An array that is new here, of that class. Raises `CodecError`."""
    import numpy as np  # noqa: PLC0415 - likewise

    if name not in _CLASSES or (name == _MATRIX and made.ndim != len(("rows", "columns"))):
        raise CodecError("an array of another class")
    return made.view(np.matrix) if name == _MATRIX else made


def _class_in(spec: Any) -> tuple[str, Any]:
    match spec:
        case ["matrix", inner]:
            return _MATRIX, inner
    return "ndarray", spec


def fill(target: Any, wire: list[Any], *, lifts: bool = True) -> bool:
    """Give an array what it holds now. Raises `CodecError` where that does not fit into it.

    In the wire of an array of objects stand these themselves. Whether it is read-only by the other
    side's word is given: what is so without that stays as it is, which `lifts` tells of from now.
    """
    _, _, held, spec, can_be_changed, _, *shape = wire
    if spec != _kind_of(target):
        raise CodecError("an array of other values")
    reshape(target, shape)
    values = _values(target, held)
    if not opened(target, lifts=lifts):
        return False
    target[...] = values
    return closed(target, can_be_changed)


def put(target: Any, held: Any) -> None:
    """Give an array what it holds now. Raises `CodecError`; ValueError where it is read-only."""
    target[...] = _values(target, held)


def _values(target: Any, held: Any) -> Any:
    """What an array is to hold. Raises `CodecError` for what does not fit into it."""
    import numpy as np  # noqa: PLC0415 - likewise

    if target.dtype.str == OBJECTS:
        if type(held) is not list or len(held) != target.size:
            raise CodecError("an array of other contents")
        values = np.empty(target.size, object)
        for at, each in enumerate(held):
            values[at] = each
    else:
        data = bytes.fromhex(held) if type(held) is str else b""
        if len(data) != target.nbytes:
            raise CodecError("an array of other contents")
        values = np.zeros(target.size, target.dtype)
        if target.nbytes:
            values = np.frombuffer(data, target.dtype)
        check_bytes(values)
    return values.reshape(target.shape)


def reshape(target: Any, shape: list[Any]) -> None:
    """Give an array another shape in place. Raises `CodecError` for one that it cannot have."""
    if any(type(each) is not int or each < 0 for each in shape):
        raise CodecError("no shape of an array")
    if [*target.shape] == shape:
        return
    fits = math.prod(shape) == target.size and len(shape) <= _MOST_AXES
    if not fits or (type(target).__name__ == _MATRIX and len(shape) != target.ndim):
        raise CodecError("an array that changed its size")
    try:
        target.shape = tuple(shape)
    except AttributeError:  # its values do not lie in order
        raise CodecError("an array that cannot have that shape") from None


def opened(target: Any, *, lifts: bool) -> bool:
    """Whether an array can be changed, which is allowed again where that `lifts` it."""
    if lifts and not target.flags.writeable:
        with contextlib.suppress(ValueError):  # it is a part of one that is read-only
            target.flags.writeable = True
    return bool(target.flags.writeable)


def closed(target: Any, can_be_changed: Any) -> bool:
    """Make an array read-only that can be changed no more; whether it is."""
    target.flags.writeable = can_be_changed is not False
    return not target.flags.writeable


def refuse_overlap(value: Any, known: Iterable[Any]) -> None:
    """Raise `CannotCross` for one of the same memory as one that has crossed: not so over there."""
    import numpy as np  # noqa: PLC0415 - likewise

    for other in known:
        if is_array(other) and _overlap(np, value, other):
            raise CannotCross("a part of an array")


def _overlap(np: Any, one: Any, other: Any) -> bool:
    try:
        return bool(np.shares_memory(one, other, max_work=_MOST_WORK))
    except RuntimeError:  # it takes too long to tell
        return True

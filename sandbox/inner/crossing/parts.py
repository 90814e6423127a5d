"""Parts of arrays: an array of which both sides have the memory is told as a view of it.

Else each side would have a copy, and what one writes there would be seen in the other array only
once it was told, or never.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any, Final

from sandbox.codec import CodecError
from sandbox.inner.crossing.arrays import is_array, with_class

if TYPE_CHECKING:
    from collections.abc import Iterable

TAG: Final = "NP"

_SMALL: Final = 1 << 16
_TIMES: Final = 4
"""A whole is told along with the first part of it where it is small, or not much larger."""

_MOST_AXES: Final = 32

FORM: Final = len(("name", "can be changed", "at", "steps", "lengths"))
"""How many things are told of the form of a part."""


def whole_of(value: Any, known: Iterable[Any], *, new: bool) -> Any:
    """The array that one is a part of: one of those `known`, or with `new` another; or None.

    `known` are arrays that have the same layout on both sides.
    """
    # What shows more than there is, as one number many times, costs more than its memory says.
    at_most = value.size
    for other in known:
        if at_most <= other.size and _is_within(value, other):
            return other
    whole = value.base
    if not new or not is_array(whole) or not whole.flags.c_contiguous or at_most > whole.size:
        return None
    is_worth_it = whole.nbytes <= max(_SMALL, _TIMES * value.nbytes)
    return whole if is_worth_it and _is_within(value, whole) else None


def told(value: Any, whole: Any) -> list[Any]:
    """Of which class a part is, whether it can be changed, where it begins, steps and lengths.

    Where, and steps, are bytes of the whole.
    """
    at = _address(value) - _address(whole)
    name, can_be_changed = type(value).__name__, bool(value.flags.writeable)
    return [name, can_be_changed, at, list(value.strides), list(value.shape)]


def part_of(whole: Any, form: list[Any]) -> Any:
    """That part of an array. Raises `CodecError` for what is none of it."""
    import numpy as np  # noqa: PLC0415 - slow to load, and who has an array has it

    match form:
        case [str(name), bool(can_be_changed), int(at), [*steps], [*lengths]]:
            numbers = [at, *steps, *lengths]
        case _:
            raise CodecError("no part of an array")
    if not is_array(whole) or not whole.flags.c_contiguous or len(lengths) > _MOST_AXES:
        raise CodecError("a part of no array")
    if any(type(each) is not int for each in numbers) or min(lengths, default=0) < 0:
        raise CodecError("a part without a shape")
    if math.prod(lengths) > whole.size or any(each % whole.itemsize for each in (at, *steps)):
        raise CodecError("a part of other values")
    if len(steps) != len(lengths) or not _is_there(at, steps, lengths, whole):
        raise CodecError("a part that is not there")
    try:
        made = np.ndarray(lengths, whole.dtype, whole, at, steps)
    except (ValueError, OverflowError, TypeError) as error:
        raise CodecError(f"a part that is not there: {error}") from None
    if not can_be_changed:
        made.flags.writeable = False
    return with_class(made, name)


def _is_there(at: int, steps: list[int], lengths: list[int], whole: Any) -> bool:
    """Whether all values of a part lie in an array: numpy counts with numbers that overflow."""
    if 0 in lengths:
        return True
    ends = [step * (length - 1) for step, length in zip(steps, lengths, strict=True)]
    low, high = at + sum(min(0, end) for end in ends), at + sum(max(0, end) for end in ends)
    return bool(low >= 0 and high + whole.itemsize <= whole.nbytes)


def _is_within(value: Any, whole: Any) -> bool:
    """Whether the memory of one is all in the other's, which has no gaps."""
    if value.dtype != whole.dtype or not value.nbytes:
        return False
    low = high = _address(value)
    for step, length in zip(value.strides, value.shape, strict=True):
        low, high = low + min(0, step * (length - 1)), high + max(0, step * (length - 1))
    begin = _address(whole)
    return bool(begin <= low and high + value.itemsize <= begin + whole.nbytes)


def _address(value: Any) -> int:
    found: int = value.__array_interface__["data"][0]
    return found

"""Arrays of numbers, texts and times of numpy, which both processes hold as they do containers.

Only where the tests have numpy: it is slow to load, and nothing of it is looked at elsewhere. What
comes in is checked before an array is made of it; no objects and no records are in any.
"""

from __future__ import annotations

import math
import re
import sys
from typing import TYPE_CHECKING, Any, Final

from sandbox.codec import CannotCross, CodecError

if TYPE_CHECKING:
    from collections.abc import Iterable

TAG: Final = "N"

_MOST_AXES: Final = 32
_MOST_WORK: Final = 1_000
_KINDS: Final = re.compile(
    r"\|b1|[<|][iu]1|<[iu][248]|<f[248]|<c(?:8|16)|<U[1-9]\d{0,5}|\|S[1-9]\d{0,5}"
    r"|<[mM]8(?:\[(?:[1-9]\d{0,5})?(?:Y|M|W|D|h|m|s|ms|us|ns|ps|fs|as)\])?"
)
"""What is in an array, as numpy writes it."""


def is_array(value: Any) -> bool:
    """Whether it is an array of such values, and of no class of somebody's own."""
    kind = type(value)
    if kind.__name__ != "ndarray" or kind.__module__ != "numpy":
        return False
    return _KINDS.fullmatch(value.dtype.str) is not None


def is_of_numpy(value: Any) -> bool:
    """Whether it is an array or a scalar of numpy's own classes, whatever is in it."""
    kind = type(value)
    return kind.__module__ == "numpy" and (kind.__name__ == "ndarray" or is_scalar(kind))


def is_scalar(kind: type) -> bool:
    """Whether instances of a class of numpy are scalars."""
    return any(each.__name__ == "generic" for each in kind.__mro__)


def array_of(value: Any) -> Any:
    """An array of what an object holds, as it says itself."""
    import numpy as np  # noqa: PLC0415 - slow to load, and the tests have

    return np.asarray(value)


def told(value: Any) -> list[Any]:
    """What an array holds, and its form: of what kind, whether it can be changed, lengths."""
    return [value.tobytes().hex(), value.dtype.str, bool(value.flags.writeable), *value.shape]


def contents_of(value: Any) -> tuple[bytes, bytes]:
    """What an array holds, and its form, to be compared."""
    return value.tobytes(), f"{value.dtype.str} {value.shape}".encode()


def blank(wire: list[Any]) -> Any:
    """An array that is new here, before it is filled. Raises `CodecError`."""
    import numpy as np  # noqa: PLC0415 - likewise

    _, _, data, kind, _, *shape = wire
    if type(kind) is not str or not _KINDS.fullmatch(kind) or type(data) is not str:
        raise CodecError("no array of values")
    if len(shape) > _MOST_AXES or any(type(each) is not int or each < 0 for each in shape):
        raise CodecError("no shape of an array")
    if 2 * math.prod(shape) * np.dtype(kind).itemsize != len(data):
        raise CodecError("an array of other contents")
    return np.zeros(shape, kind)


def fill(target: Any, wire: list[Any]) -> None:
    """Give an array what it holds now. Raises `CodecError` where that is of another form."""
    import numpy as np  # noqa: PLC0415 - likewise

    _, _, text, kind, can_be_changed, *shape = wire
    if (target.dtype.str, target.shape) != (kind, tuple(shape)):
        raise CodecError("an array that changed its form")
    data = bytes.fromhex(text)
    if len(data) != target.nbytes or (kind[1] == "b" and max(data, default=0) > 1):
        raise CodecError("an array of other contents")
    if kind[1] == "U" and np.frombuffer(data, "<u4").max(initial=0) > sys.maxunicode:
        raise CodecError("an array of no text")
    if target.flags.writeable:  # others stay as they are
        target[...] = np.frombuffer(data, kind).reshape(shape)
        target.flags.writeable = can_be_changed is not False


def refuse_overlap(value: Any, known: Iterable[Any]) -> None:
    """Raise `CannotCross` for a part of an array that has crossed: over there it would be none."""
    import numpy as np  # noqa: PLC0415 - likewise

    for other in known:
        if is_array(other) and _overlap(np, value, other):
            raise CannotCross("a part of an array")


def _overlap(np: Any, one: Any, other: Any) -> bool:
    try:
        return bool(np.shares_memory(one, other, max_work=_MOST_WORK))
    except RuntimeError:  # it takes too long to tell
        return True

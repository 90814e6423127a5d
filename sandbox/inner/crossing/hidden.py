"""Memory of the tests around a part of an array that they handed over.

Both sides have the whole, so that parts of it are views of one memory. But beside the part may
stand what a test expects, as the last column of a table beside the others. Of that the program gets
nothing, and what it writes there, or makes of it, does not count.
"""

from __future__ import annotations

from typing import Any


def nothing_of(whole: Any) -> Any:
    """For each value of an array, whether the program has it: none so far."""
    import numpy as np  # noqa: PLC0415 - slow to load, and who has an array has it

    return np.zeros(whole.size, bool)


def region(marks: Any, whole: Any, part: Any) -> Any:
    """The marks of those values that are in a part of an array."""
    import numpy as np  # noqa: PLC0415 - likewise

    ends = (each.__array_interface__["data"][0] for each in (part, whole))
    at = (next(ends) - next(ends)) // whole.itemsize
    return np.ndarray(part.shape, bool, marks, at, [s // whole.itemsize for s in part.strides])


def as_shown(value: Any, marks: Any) -> Any:
    """What the program gets for an array: zeros where it has nothing."""
    import numpy as np  # noqa: PLC0415 - likewise

    shown = np.zeros_like(value)
    _in_a_row(shown)[marks] = _in_a_row(value)[marks]
    shown.flags.writeable = value.flags.writeable
    return shown


def fill(value: Any, shown: Any, marks: Any) -> None:
    """Take over what the program has changed of what it has."""
    if value.flags.writeable:  # others stay as they are
        _in_a_row(value)[marks] = _in_a_row(shown)[marks]


def _in_a_row(value: Any) -> Any:
    import numpy as np  # noqa: PLC0415 - likewise

    return value.view(np.ndarray).reshape(-1)

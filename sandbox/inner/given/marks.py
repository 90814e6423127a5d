"""What functions of the tests are marked with, by a decorator of the program or by themselves."""

from __future__ import annotations

import types
from typing import Any

from sandbox.codec import copied
from sandbox.inner.remote.handles import number_of


def marks_of(value: Any) -> dict[str, Any] | None:
    """What a function or a method itself shows as attributes; None for other objects."""
    function = value.__func__ if type(value) is types.MethodType else value
    if type(function) is not types.FunctionType:
        return None
    return {name: each for name, each in vars(function).items() if _is_mark(each)}


def may_be_mark(name: str, value: Any) -> bool:
    """Whether a program may mark a function with it. By dunder names runners of tests go."""
    return not name.startswith("__") and _is_mark(value)


def _is_mark(value: Any) -> bool:
    """Plain data, or a thing of the program: others, as pytest's marks, say what tests do."""
    return value is None or copied(value) is not None or number_of(value) is not None

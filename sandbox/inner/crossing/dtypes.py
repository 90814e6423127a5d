"""Of what kind the values of numpy are that cross: told as texts and lists, and checked.

Numbers, texts, times, records of these, and objects. Nothing imports numpy here before it is told
of a value of it.
"""

from __future__ import annotations

import re
import sys
from typing import Any, Final

from sandbox.codec import CodecError

OBJECTS: Final = "|O"
"""What an array of any objects says it holds."""

_MOST_NESTED: Final = 8
_MOST_FIELDS: Final = 1_000
_MOST_BYTES: Final = 1 << 24
_KINDS: Final = re.compile(
    r"\|b1|[<|][iu]1|[<>](?:[iu][248]|f[248]|f16|c8|c16|c32)|<U[1-9]\d{0,5}|\|S[1-9]\d{0,5}"
    r"|[<>][mM]8(?:\[(?:[1-9]\d{0,5})?(?:Y|M|W|D|h|m|s|ms|us|ns|ps|fs|as)\])?"
)
"""What is in an array, as numpy writes it."""


def is_dtype(value: Any) -> bool:
    """Whether it is what numpy says of the values in an array."""
    above = type(value).__mro__
    return any((each.__module__, each.__name__) == ("numpy", "dtype") for each in above)


def spec_of(dtype: Any, nested: int = 0) -> str | list[Any] | None:
    """A kind of values in words: a text, or of records their length and fields.

    None for a kind that does not cross.
    """
    text: str = dtype.str
    if text == OBJECTS and not nested:
        return text
    if dtype.names is None:
        return text if _KINDS.fullmatch(text) else None
    if dtype.type.__name__ != "void" or nested > _MOST_NESTED:
        return None
    fields = []
    for name in dtype.names:
        inner, at, *_ = dtype.fields[name]
        base, shape = inner.subdtype or (inner, ())
        spec = spec_of(base, nested + 1)
        if spec is None:
            return None
        fields.append([name, spec, at, *shape])
    return [dtype.itemsize, *fields]


def dtype_of(spec: Any) -> Any:
    """The kind of values that was told of. Raises `CodecError`."""
    import numpy as np  # noqa: PLC0415 - slow to load, and who has such values has it

    return np.dtype(_checked(spec, 0))


def _checked(spec: Any, nested: int) -> Any:
    """What numpy makes the same kind of."""
    if type(spec) is str and (_KINDS.fullmatch(spec) or (spec == OBJECTS and not nested)):
        return spec
    match spec:
        case [int(size), *fields] if 0 <= size <= _MOST_BYTES and nested <= _MOST_NESTED:
            return _records(size, fields, nested)
    raise CodecError("no kind of values")


def _records(size: int, fields: list[Any], nested: int) -> Any:
    import numpy as np  # noqa: PLC0415 - likewise

    names, kinds, places = [], [], []
    for field in fields[:_MOST_FIELDS]:
        match field:
            case [str(name), spec, int(at), *shape] if 0 <= at <= size:
                if any(type(each) is not int or not 0 <= each <= _MOST_BYTES for each in shape):
                    raise CodecError("no shape of a field")
                kinds.append((_checked(spec, nested + 1), tuple(shape)))
                names.append(name)
                places.append(at)
            case _:
                raise CodecError("no field of a record")
    told: Any = {"names": names, "formats": kinds, "offsets": places, "itemsize": size}
    try:
        return np.dtype(told)
    except (TypeError, ValueError) as error:
        raise CodecError(f"no kind of records: {error}") from None


def check_bytes(values: Any) -> None:
    """Refuse bytes of which numpy would make no value of their kind. Raises `CodecError`."""
    import numpy as np  # noqa: PLC0415 - likewise

    if values.dtype.names is not None:
        for name in values.dtype.names:
            check_bytes(values[name])
    elif values.dtype.kind == "b" and values.view("u1").max(initial=0) > 1:
        raise CodecError("an array of other contents")
    elif values.dtype.kind == "U" and values.size:
        points = np.frombuffer(values.tobytes(), "<u4")
        if points.max() > sys.maxunicode:
            raise CodecError("an array of no text")

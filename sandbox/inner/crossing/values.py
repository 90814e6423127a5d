"""Values of the standard library that cross as copies, beyond the built-in ones of the codec.

Exact types only, each with a tag and the parts that it is rebuilt from. What comes in is checked
part by part before any constructor sees it, so that rebuilding never runs C code on what somebody
made up; what does not fit is a `CodecError`.
"""

from __future__ import annotations

import gc
import ipaddress
import uuid
from collections import UserString
from decimal import Decimal, InvalidOperation
from fractions import Fraction
from pathlib import PosixPath, PurePosixPath, PureWindowsPath
from types import MappingProxyType
from typing import TYPE_CHECKING, Any, Final

from sandbox.codec import CodecError
from sandbox.inner.crossing import clocks
from sandbox.inner.crossing.arrays import is_scalar
from sandbox.inner.crossing.kinds import DICTS

if TYPE_CHECKING:
    from collections.abc import Callable

_MOST_TEXT: Final = 100_000
_MOST_ADDRESS: Final = 200
_ADDRESSES: Final[dict[str, type]] = {
    kind.__name__: kind
    for kind in (
        *(ipaddress.IPv4Address, ipaddress.IPv4Interface, ipaddress.IPv4Network),
        *(ipaddress.IPv6Address, ipaddress.IPv6Interface, ipaddress.IPv6Network),
    )
}
_VIEWS: Final[dict[type, str]] = {
    type({}.keys()): "keys",
    type({}.values()): "values",
    type({}.items()): "items",
}


def parts_of(value: Any) -> tuple[str, list[Any]] | None:
    """The tag of a value and what it is made of; None where it is of no kind that is known here."""
    kind = type(value)
    found = _PARTS.get(kind)
    if kind is memoryview:
        return ("memoryview", [value.tobytes()]) if _is_of_bytes(value) else None
    if found is not None:
        tag, parts = found
        return tag, parts(value)
    if kind in _VIEWS:
        return "V" + _VIEWS[kind], list(value)
    if _ADDRESSES.get(kind.__name__) is kind:
        return "address", [kind.__name__, str(value)]
    return clocks.zone_parts(value)


def _is_of_bytes(view: memoryview) -> bool:
    """Whether it shows bytes that nobody changes: of others, changes are seen on both sides."""
    try:
        return view.readonly and view.format == "B" and view.ndim == 1
    except ValueError:  # it was released
        return False


def dict_under(value: Any) -> Any:
    """The dict that a mapping proxy shows; None where it is none, or a class's own."""
    if type(value) is not MappingProxyType:
        return None
    found = gc.get_referents(value)[0]
    return found if type(found) in DICTS and "__module__" not in found else None


def scalar_of(value: Any) -> bool | float | str | bytes | complex | None:
    """What a scalar of numpy holds; None where it is none."""
    kind = type(value)
    if kind.__module__ == "numpy" and is_scalar(kind):
        item = value.item()
        if type(item) in (int, float, bool, str, bytes, complex):
            scalar: bool | float | str | bytes | complex = item
            return scalar
    return None


def rebuilt(tag: str, parts: list[Any]) -> Any:
    """The value of a tag and its parts. Raises `CodecError`."""
    try:
        if tag.startswith("V"):
            return _view(tag[1:], parts)
        return _MAKERS[tag](*parts)
    except (KeyError, TypeError, ValueError, ArithmeticError, ImportError) as error:
        raise CodecError(f"not a value of that kind: {error}") from error


def _text(value: Any) -> str:
    if type(value) is not str or len(value) > _MOST_TEXT:
        raise TypeError("a text was due")
    return value


def _whole(value: Any) -> int:
    if type(value) is not int:
        raise TypeError("a whole number was due")
    return value


def _decimal(text: Any) -> Decimal:
    try:
        return Decimal(_text(text))
    except InvalidOperation as error:
        raise ValueError("no decimal") from error


def _fraction(above: Any, below: Any) -> Fraction:
    return Fraction(_whole(above), _whole(below))


def _path(pure: Any, text: Any) -> PurePosixPath:
    return PurePosixPath(_text(text)) if pure is True else PosixPath(_text(text))


def _windows_path(text: Any) -> PureWindowsPath:
    return PureWindowsPath(_text(text))


def _memoryview(data: Any) -> memoryview:
    if type(data) is not bytes:
        raise TypeError("bytes were due")
    return memoryview(data)


def _uuid(number: Any) -> uuid.UUID:
    return uuid.UUID(int=_whole(number))


def _user_string(text: Any) -> UserString:
    return UserString(_text(text))


def _view(name: str, parts: list[Any]) -> Any:
    if name == "keys":
        return dict.fromkeys(parts).keys()
    if name == "values":
        return dict(enumerate(parts)).values()
    if name != "items" or any(type(pair) is not tuple for pair in parts):
        raise TypeError("no view of a dict")
    return dict(parts).items()


def _address(name: Any, text: Any) -> Any:
    if len(_text(text)) > _MOST_ADDRESS:
        raise ValueError("no address")
    return _ADDRESSES[_text(name)](text)


def _proxy(shown: Any) -> MappingProxyType[Any, Any]:
    if type(shown) not in DICTS:
        raise TypeError("no dict to show")
    return MappingProxyType(shown)


def _not_implemented() -> Any:
    return NotImplemented


_PARTS: Final[dict[type, tuple[str, Callable[[Any], list[Any]]]]] = {
    Decimal: ("Decimal", lambda v: [str(v)]),
    Fraction: ("Fraction", lambda v: [v.numerator, v.denominator]),
    PurePosixPath: ("path", lambda v: [True, str(v)]),
    PosixPath: ("path", lambda v: [False, str(v)]),
    PureWindowsPath: ("windows path", lambda v: [str(v)]),
    UserString: ("UserString", lambda v: [v.data]),
    uuid.UUID: ("uuid", lambda v: [v.int]),
    type(NotImplemented): ("NotImplemented", lambda _v: []),
    **clocks.PARTS,
}
_MAKERS: Final[dict[str, Callable[..., Any]]] = {
    "Decimal": _decimal,
    "Fraction": _fraction,
    "path": _path,
    "windows path": _windows_path,
    "memoryview": _memoryview,
    "uuid": _uuid,
    "address": _address,
    "proxy": _proxy,
    "UserString": _user_string,
    "NotImplemented": _not_implemented,
    **clocks.MAKERS,
}

"""Results as texts: two results count as equal where their texts are.

The keeper of a run writes the text of what a program's process told it, the server that of a value
of its own, by the same rules. What is in order is a list; a set has its members sorted, a mapping
its keys; a whole float is that integer, another has twelve digits; a bool is no number. What is no
plain value is written as it shows itself, under the name of its type and without addresses.
A long text is a prefix and a digest. All are ASCII.

It guards against two runs that differ by nothing but an address, not against a program that shows
its objects as it likes: a text is the program's own word, as every result of it is.
"""

from __future__ import annotations

import hashlib
import json
import re
import sys
from typing import Any, Final

from sandbox.plain import Teller, Told

MOST_TEXT: Final = 200
"""Characters of a text."""

_PREFIX: Final = 120
_BITS: Final = 1024
"""Of an integer in decimal digits; every float is below. Longer ones cost time so."""

_ADDRESS: Final = re.compile(r" at 0x[0-9a-fA-F]+")


class Describer(Teller):
    """A `Teller` that also tells how a value shows itself that is no plain one."""

    __slots__ = ()

    def named(self, kind: type, value: Any) -> str:
        """The type's name and, where there is one, what the value's own `repr` says."""
        name = super().named(kind, value)
        if issubclass(kind, complex):
            number = complex.__complex__(value)
            return f"{name} {_number(number.real)} {_number(number.imag)}"
        if kind.__repr__ is object.__repr__:
            return name
        try:
            shown = kind.__repr__(value)
        except Exception:  # noqa: BLE001 - a program's own code; that it fails is no result
            return name
        if type(shown) is not str:
            return name
        self.pay(len(shown))
        return f"{name} {_ADDRESS.sub('', shown)}"


def canonical(value: object) -> str:
    """The text of a value of ours; its own code may run, so never call this for a program's."""
    return text_of(Describer(sys.maxsize).tell(value))


def text_of(told: Told) -> str:
    """The text of a told value; the form must have been checked with `is_told`."""
    return shortened(_text(told))


def shortened(text: str) -> str:
    """The text, or what stands for it where it is too long."""
    if len(text) <= MOST_TEXT:
        return text
    return f"{text[:_PREFIX]}... sha256:{hashlib.sha256(text.encode('ascii')).hexdigest()}"


def plainly(name: str) -> str:
    """A name that a program chose, in ASCII and without line breaks."""
    return json.dumps(name)[1:-1]


def _text(told: Told) -> str:  # noqa: PLR0911 - one for each form
    match told:
        case None | bool():
            return str(told)
        case int():
            return _integer(told)
        case float():
            return _number(told)
        case str():
            return json.dumps(told)
        case ["i", str(digits)]:
            return _integer(int(digits, 16))
        case ["f", str(name)]:
            return name
        case [str(tag), content]:
            return _tagged(tag, content)
        case _:
            raise TypeError("not the form of a value")


def _tagged(tag: str, content: Any) -> str:
    match tag, content:
        case ["l", list(items)]:
            return f"[{', '.join(map(_text, items))}]"
        case ["s", list(items)]:
            return f"set({', '.join(sorted(map(_text, items)))})"
        case ["d", list(pairs)]:
            found = sorted(f"{_text(key)}: {_text(item)}" for key, item in pairs)
            return f"{{{', '.join(found)}}}"
        case _:
            return f"<{plainly(content)}>"


def _integer(number: int) -> str:
    return str(number) if number.bit_length() <= _BITS else f"{number:#x}"


def _number(number: float) -> str:
    return _integer(int(number)) if number.is_integer() else f"{number:.12g}"

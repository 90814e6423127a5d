"""Other values in the style of a literal, as source text.

A program that shares its process with its tests may look at what it is compared with. So a changed
value has the type, the length and the size of what stood there, and is drawn anew every time.
It is also unequal under the milder notions of equality that an honest class may have: it differs
in more than case and space, and a number is no other name of the same residue.
"""

from __future__ import annotations

import ast
import string
import warnings
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Iterator
    from random import Random

_TRIES = 30
_DIGITS = "123456789"
_DECIMALS = 4000
"""Python reads decimal numbers of up to 4300 digits."""
_FILLED: dict[type, str] = {list: "[{}]", tuple: "({},)", set: "{{{}}}", dict: "{{{0}: {0}}}"}
"""The empty displays with one item."""


def evaluate(text: str) -> Any:
    """The value of a literal's source text. Raises `ValueError` where it is none."""
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # of escapes that Python does not know
            return ast.literal_eval(f"({text})")
    except (SyntaxError, TypeError, MemoryError, RecursionError) as error:
        raise ValueError(f"not a literal: {text[:80]!r}") from error


def is_literal(node: ast.expr) -> bool:
    """Whether an expression is made of constants only."""
    try:
        ast.literal_eval(node)
    except (ValueError, SyntaxError, TypeError, MemoryError, RecursionError):
        return False
    return True


def leaves(node: ast.expr) -> Iterator[ast.expr]:
    """The numbers, texts, empty displays and so on that a literal is made of."""
    match node:
        case ast.List(elts=[_, *_]) | ast.Tuple(elts=[_, *_]) | ast.Set():
            for item in node.elts:
                yield from leaves(item)
        case ast.Dict(keys=[_, *_]):
            for part in (*node.keys, *node.values):
                if part is not None:
                    yield from leaves(part)
        case ast.BinOp(left=left, right=right):  # a complex number
            yield from leaves(left)
            yield from leaves(right)
        case _:
            yield node


def vary(text: str, random: Random) -> str | None:
    """The source text of another value of the same sort as a leaf's; None where none was found."""
    old = evaluate(text)
    for attempt in range(_TRIES):
        longer = attempt >= _TRIES // 2
        new = _draw(text, old, random, longer=longer)
        try:
            value = evaluate(new)
        except ValueError:
            continue
        if _other(old, value) and (longer or _length(old) == _length(value) or not old):
            return new
    return None


def fresh(random: Random, quote: str) -> str:
    """Source text of a value that a program would hit on once in a million times at most."""
    match random.randrange(4):
        case 0:
            return f"{random.randrange(10**7, 10**9)}"
        case 1:
            return f"{random.randrange(10, 1000)}.{random.randrange(10**5, 10**6)}"
        case 2:
            return f"{quote}{word(random, random.randint(6, 9))}{quote}"
        case _:
            return f"[{', '.join(str(random.randrange(1000)) for _ in range(3))}]"


def word(random: Random, length: int) -> str:
    """Lower-case letters."""
    return "".join(random.choice(string.ascii_lowercase) for _ in range(length))


def _draw(text: str, old: object, random: Random, *, longer: bool) -> str:
    digit = random.randrange(10)
    match old:
        case bool():
            new = str(not old)
        case int():
            new = _integer(text, abs(old), random)
        case float() | complex():
            new = _leading_digit(text, random)
        case str() | bytes():
            new = _append(text, random) if longer else _character(text, random)
        case None:
            some = (str(random.randrange(100)), repr(word(random, 4)), "True", "False", "[]")
            new = random.choice(some)
        case _:
            new = _FILLED.get(type(old), "{}").format(digit)
    return new


def _integer(text: str, size: int, random: Random) -> str:
    """A smaller number with as many digits, or the next: never another name of the residue."""
    sign = text[: len(text) - len(text.lstrip("-+ "))]
    digits = text[len(sign) :]
    low = 10 ** (len(str(size)) - 1) if len(digits) < _DECIMALS else size
    low = 0 if size == 1 and not sign else min(low, size)
    new = random.randrange(low, size + 1)
    new = size + 1 if new == size else new
    style = {"0x": "#x", "0o": "#o", "0b": "#b"}.get(digits[:2].lower(), "_" * ("_" in digits))
    return f"{sign}{new:{style}}"


def _leading_digit(text: str, random: Random) -> str:
    mantissa = text.lower().partition("e")[0]
    found = [at for at, digit in enumerate(mantissa) if digit in _DIGITS][:1]
    zeros = [at for at, digit in enumerate(mantissa) if digit == "0"]
    return _put(text, (found or [random.choice(zeros)])[0], random.choice(_DIGITS))


def _character(text: str, random: Random) -> str:
    """Another letter for a letter, another digit for a digit."""
    places = [at for at, char in enumerate(text) if char.isascii() and char.isalnum()]
    if not places:
        return _append(text, random)
    at = random.choice(places)
    for alphabet in (string.ascii_lowercase, string.ascii_uppercase):
        if text[at] in alphabet:
            return _put(text, at, random.choice(alphabet))
    return _put(text, at, random.choice(string.digits))


def _append(text: str, random: Random) -> str:
    """Letters before the closing quotes."""
    closing = 3 if text.endswith(('"""', "'''")) else 1
    return f"{text[:-closing]}{word(random, random.randint(1, 3))}{text[-closing:]}"


def _put(text: str, at: int, char: str) -> str:
    return f"{text[:at]}{char}{text[at + 1 :]}"


def _other(old: object, new: object) -> bool:
    """Whether two leaves are unequal beyond doubt."""
    match old, new:
        case (str() | bytes(), str() | bytes()):
            return type(old) is type(new) and _bare(old) != _bare(new)
        case (float() | complex(), float() | complex()):
            return old != new and abs(new) < float("inf")
        case _:
            return old is None or (type(old) is type(new) and old != new)


def _length(value: object) -> int:
    return len(value) if isinstance(value, (str, bytes)) else 0


def _bare(text: str | bytes) -> str:
    """A text without regard to case, space and punctuation."""
    plain = text.decode("latin-1") if isinstance(text, bytes) else text
    return "".join(char for char in plain.casefold() if char.isalnum())

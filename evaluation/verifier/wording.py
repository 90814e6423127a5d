"""What a T5 that verifies is told of an answer: the text of LEVER's published checkpoint for MBPP.

    # description
    Write a function to …

    # program
    def …

    # execution
    # return: (int)=7

There a call that gave nothing is an error, whatever came in its stead, and results are of the three
calls that a problem of MBPP shows. Ours are of the first three inputs. The texts of results here
know no tuple (it is a list) and no float that is a whole number (it is an int), and long ones
are cut.
"""

from __future__ import annotations

import ast
import json
import re
import warnings
from collections.abc import Iterable
from typing import Any, Final

from evaluation.verifier.features import kind_of
from policies.values import Output

MOST_RESULTS: Final = 3

_NO_RESULT: Final = "ERROR: tracing failed"
_NO_PROGRAM: Final = "ERROR: program is not parsable"
_OBJECT: Final = "<object list>"
_UNREADABLE: Final = (SyntaxError, ValueError, MemoryError, RecursionError)
_SET: Final = re.compile(r"set\((?P<members>.*)\)", re.DOTALL)
_OTHER: Final = re.compile(r"<(?P<type>[\w.]+) ?(?P<shown>.*)>", re.DOTALL)
_TYPES: Final = {
    "bool": "bool",
    "none": "NoneType",
    "number": "float",
    "str": "str",
    "sequence": "list",
    "mapping": "dict",
}
"""Of results that are no literals, by their kind."""


def written(description: str, program: str, outputs: Iterable[Output | None]) -> str:
    """The text for one answer, with what its program gave for the inputs, in their order."""
    executed = _executed(program, outputs)
    return _whole(f"# description\n{description}\n\n# program\n{program}\n\n{executed}")


def _executed(program: str, outputs: Iterable[Output | None]) -> str:
    if not _parses(program):
        return f"# execution\n{_NO_PROGRAM}\n\n"
    returns = [f"# return: {shown(output)}\n\n" for output in outputs]
    return "# execution\n" + "".join(returns[:MOST_RESULTS])


def shown(output: Output | None) -> str:
    """A result with its type."""
    if output is None or not output.returned:
        return _NO_RESULT
    kind, value = _typed(output.text)
    return f"({kind})={_OBJECT if 'object' in value else value}"


def _typed(text: str) -> tuple[str, str]:
    """The type of a result and its `str`, by its text."""
    if made := _SET.fullmatch(text):
        members = made["members"]
        return "set", f"{{{members}}}" if members else "set()"
    if other := _OTHER.fullmatch(text):
        return other["type"], other["shown"] or _OBJECT
    try:
        value = _value(text)
    except _UNREADABLE:
        return _TYPES.get(kind_of(text), "object"), text
    return type(value).__name__, str(value)


def _value(text: str) -> Any:
    """Raises one of `_UNREADABLE`."""
    if text.startswith('"'):
        return json.loads(text)
    if text.lstrip("-") in {"inf", "nan"}:
        return float(text)
    return ast.literal_eval(text)


def _whole(text: str) -> str:
    """Without halves of characters, which no tokenizer reads."""
    return text.encode("utf-16", "surrogatepass").decode("utf-16", "replace")


def _parses(program: str) -> bool:
    with warnings.catch_warnings():  # what the compiler thinks of foreign code is nobody's news
        warnings.simplefilter("ignore")
        try:
            ast.parse(program)
        except _UNREADABLE:
            return False
    return True

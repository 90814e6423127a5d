"""Modules of the running interpreter's own library, judged by the examples in their texts.

Nobody wrote them for a sandbox. What is an example in a doc string is an assertion here, as people
make them of one; examples that are none in one process either (they print, or go on from others)
are left out. The wrong programs are the same modules with a function that gives nothing.
"""

import ast
import doctest
import sys
import types
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from sandbox import Asserts, Integrity, Limits, Status

LIBRARY = Path(doctest.__file__).parent
LIMITS = Limits(wall_s=20.0, cpu_s=15.0)

MODULES = {
    "_pydecimal": (5, 10),
    "collections/__init__": (8, 1),
    "difflib": (8, 1),
    "fractions": (1, 1),
    "heapq": (1, 1),
    "pickletools": (10, 1),
    "statistics": (15, 1),
}
"""For each the fewest tests that there have to be, and how many doc strings are one."""

OPERATORS = {"Counter", "Decimal"}
"""Classes of these modules whose examples use operators, which are the program's word."""

FASTER = {"_heapq", "_collections", "_statistics"}
"""Modules in C, from which a module takes what it has written in Python before."""


@dataclass(frozen=True)
class Example:
    """What a doc string says of a function or a class, as tests."""

    entry: str
    code: str
    of_function: bool


def in_python(text: str) -> str:
    """The source of a module without what it takes from C instead, wherever it can do without."""
    lines = text.splitlines(keepends=True)
    for node in reversed(ast.parse(text).body):
        match node:
            case ast.Try(body=[ast.ImportFrom(module=str(name))], handlers=[handler]) if (
                name in FASTER and isinstance(handler.body[0], ast.Pass)
            ):
                if not {"deque", "defaultdict"} & {each.name for each in node.body[0].names}:
                    lines[node.lineno - 1 : node.end_lineno] = []
    return "".join(lines)


def as_assertion(example: doctest.Example) -> str | None:
    """An example as lines of a test; None where it is none. Raises `SyntaxError`."""
    source, want = example.source.strip(), example.want.rstrip("\n")
    if not want:
        return source
    if example.exc_msg is not None or "..." in want or "<BLANKLINE>" in want:
        return None
    match ast.parse(source, mode="eval").body:
        case ast.Call(func=ast.Name(id="print"), args=[shown], keywords=[]):
            return f"assert str({ast.unparse(shown)}) == {want!r}"
        case ast.Call(func=ast.Name(id="print")):
            return None
    try:
        ast.literal_eval(want)
    except (ValueError, SyntaxError):
        return f"assert repr({source}) == {want!r}"
    return f"assert ({source}) == {want}"


def as_tests(text: str) -> str | None:
    """All examples of a doc string as one test; None where they are not all assertions."""
    try:
        lines = [as_assertion(each) for each in doctest.DocTestParser().get_examples(text)]
    except (SyntaxError, ValueError):
        return None
    if None in lines or not any(line and line.startswith("assert ") for line in lines):
        return None
    return "\n".join(line for line in lines if line)


def examples_in(source: str) -> Iterator[Example]:
    """The tests that are in the doc strings of a source."""
    kinds = (ast.FunctionDef, ast.ClassDef)
    for top in (node for node in ast.parse(source).body if isinstance(node, kinds)):
        inside = [node for node in getattr(top, "body", ()) if isinstance(node, kinds)]
        for node in (top, *(inside if isinstance(top, ast.ClassDef) else ())):
            code = as_tests(ast.get_docstring(node) or "")
            if code is not None:
                yield Example(top.name, code, isinstance(top, ast.FunctionDef))


def without_result(source: str, function: str) -> str:
    """The source with a function that gives nothing."""
    tree = ast.parse(source)
    for node in tree.body:
        if isinstance(node, ast.FunctionDef) and node.name == function:
            node.body = [ast.Pass()]
    return ast.unparse(tree)


def holds(source: types.CodeType, code: str) -> bool:
    """Whether the tests hold in one process."""
    module = types.ModuleType("solution")
    sys.modules["solution"] = module
    try:
        exec(source, vars(module))  # noqa: S102 - a module of the library
        exec(compile(code, "tests.py", "exec"), vars(module))  # noqa: S102 - its examples
    except Exception:  # noqa: BLE001 - whatever an example needs that is not there
        return False
    finally:
        del sys.modules["solution"]
    return True


def examples_of(source: str, together: int) -> list[Example]:
    """The tests that hold, several as one where that is wanted."""
    compiled = compile(source, "solution.py", "exec")
    found = [each for each in examples_in(source) if holds(compiled, each.code)]
    return [
        Example(some[0].entry, "\n".join(each.code for each in some), some[0].of_function)
        for some in (found[at : at + together] for at in range(0, len(found), together))
    ]


@pytest.fixture(scope="module", params=MODULES)
def examples(request) -> tuple[str, list[Example]]:
    """The source of a module and the tests that are in it."""
    fewest, together = MODULES[request.param]
    path = LIBRARY / f"{request.param}.py"
    source = in_python(path.read_text(encoding="utf-8"))
    found = examples_of(source, together)
    assert len(found) >= fewest
    return source, found


def test_right(judge, examples: tuple[str, list[Example]]) -> None:
    source, found = examples
    for example in found:
        report = judge(source, Asserts(example.code, example.entry), LIMITS)
        assert report.status is Status.PASSED, (example, report)
        if example.entry not in OPERATORS:
            assert report.integrity is Integrity.ISOLATED, (example, report)


def test_wrong(judge, examples: tuple[str, list[Example]]) -> None:
    source, found = examples
    for example in (each for each in found if each.of_function):
        wrong = without_result(source, example.entry)
        report = judge(wrong, Asserts(example.code, example.entry), LIMITS)
        assert report.status in {Status.FAILED, Status.ERROR}, (example, report)

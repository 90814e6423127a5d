"""What tests ask of a program: which names it has to define, and what else they mention.

Tests are parsed, but for long ones, as this runs on the loop. These are looked through for words,
by what stands around them: there the parameters of a function count as mentioned as well, and what
is bound with a type or beside another name.
"""

from __future__ import annotations

import ast
import builtins
import keyword
import re
from collections.abc import Iterator
from dataclasses import dataclass
from functools import lru_cache
from typing import Final

from router.plan.programs.lexing import code_of
from router.plan.programs.reading import read
from sandbox import IO, Asserts, Calls, Pytest, Tests

_PARSED_CHARACTERS: Final = 200_000
_BUILT_IN: Final = frozenset(dir(builtins))
_NO_NAME: Final = _BUILT_IN.union(keyword.kwlist)
_WORD: Final = re.compile(r"\w+")
_USED: Final = re.compile(r"(?<![\w.])[^\W\d]\w*")
_BOUND: Final = re.compile(
    r"^([\w, \t]+)=(?!=)|\b(?:def|class|for|as|import)[ \t]+(\w+)", re.MULTILINE
)
_FROM: Final = re.compile(r"\bfrom[ \t]+solution[ \t]+import\b[ \t]*(\([^()]*\)|[^\r\n;]*)")
"""One whose bracket is not closed is gone through up to the next."""
_IMPORT: Final = re.compile(r"(?:^|[;:])[ \t]*import[ \t]+([^\r\n;]*)", re.MULTILINE)
_ATTRIBUTE: Final = re.compile(r"(?<![\w.])(\w+)\.(\w+)")


@dataclass(frozen=True, slots=True)
class Wanted:
    """What tests ask of a program: to define one of `names`, and what else they mention."""

    names: frozenset[str] = frozenset()
    mentioned: frozenset[str] = frozenset()


def wanted_by(tests: Tests) -> Wanted:
    """What tests ask of the program, as far as they name anything."""
    match tests:
        case Asserts(code=code, entry_point=name):
            return Wanted(frozenset({name}), _mentioned(code))
        case Calls(entry_point=name):
            return Wanted(frozenset(_WORD.findall(name)[:1]))  # of `Class().method` the class
        case Pytest(code=code):
            return Wanted(_imported(code))
        case IO():
            return Wanted()


def _mentioned(code: str) -> frozenset[str]:
    """The names that assertions use and do not bind."""
    return _used(code) if len(code) <= _PARSED_CHARACTERS else _used_by_words(code)


def _imported(code: str) -> frozenset[str]:
    """What a test module has from `solution`; of an import of everything, all it does not bind."""
    return _from_solution(code) if len(code) <= _PARSED_CHARACTERS else _from_by_words(code)


@lru_cache(maxsize=64)  # all candidates of a request ask the same
def _used(code: str) -> frozenset[str]:
    found = read(code)
    return found.used - found.bound if found else frozenset()


@lru_cache(maxsize=64)
def _from_solution(code: str) -> frozenset[str]:
    found = read(code)
    if found is None:
        return frozenset()
    modules: set[str] = set()
    names: set[str] = set()
    for node in ast.walk(found.tree):
        match node:
            case ast.ImportFrom(module="solution", level=0, names=imported):
                names.update(each.name for each in imported)
            case ast.Import(names=imported):
                modules.update(a.asname or a.name for a in imported if a.name == "solution")
            case _:
                pass
    for node in ast.walk(found.tree):
        match node:
            case ast.Attribute(value=ast.Name(id=name), attr=attribute) if name in modules:
                names.add(attribute)
            case _:
                pass
    if "*" in names:
        names |= found.used - found.bound - _BUILT_IN
    return frozenset(names) - {"*"}


@lru_cache(maxsize=4)  # long as they are, no more are kept
def _used_by_words(code: str) -> frozenset[str]:
    code = code_of(code)
    bound = {name for found in _BOUND.findall(code) for name in _WORD.findall(" ".join(found))}
    return frozenset(_USED.findall(code)) - bound - _NO_NAME


@lru_cache(maxsize=4)
def _from_by_words(whole: str) -> frozenset[str]:
    code = code_of(whole)
    names = {words[0] for found in _FROM.findall(code) for words in _listed(found)}
    modules = {
        words[-1]  # what it is called here
        for found in _IMPORT.findall(code)
        for words in _listed(found)
        if words[0] == "solution"
    }
    if modules:
        names.update(attribute for name, attribute in _ATTRIBUTE.findall(code) if name in modules)
    if "*" in names:
        names |= _used_by_words(whole)
    return frozenset(names) - {"*"}


def _listed(imported: str) -> Iterator[list[str]]:
    """The words of each part of what an import names."""
    return (words for part in imported.strip("()").split(",") if (words := part.split()))

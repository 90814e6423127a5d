"""How people write what a call gives: doctests, comparisons, arrows, words, assertions.

A form is told by what stands around a call of literals: nothing is run, and what is no literal is
no example. What is expected may lack its quotes; whether that is a string, only the other examples
can tell, so it is handed on as it stands.
"""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from typing import Final

from router.plan.programs.literals import CallArguments, Literal, Literals
from router.plan.programs.reading import lines_of, parse
from router.plan.programs.statements import (
    correction_at,
    is_denied,
    is_listed,
    is_stated,
    is_wanted,
)

GENERIC: Final = ("candidate", "solution")
"""What people call a function that they do not want to name."""


@dataclass(frozen=True, slots=True)
class Unquoted:
    """A word where a value is expected: a string without its quotes, perhaps."""

    word: str


@dataclass(frozen=True, slots=True)
class Shown:
    """A call that a text shows, of the function `name`; `expected` is None where nothing is said.

    A `Literal` is what was said, since None may be. It is `wanted` where words say what the call
    should give, which others, that say what it does give, may part from.
    """

    name: str
    call: CallArguments
    expected: Literal | Unquoted | None = None
    wanted: bool = False


_SAYS: Final = (
    r"returns?|gives|yields|outputs|produces|equals|evaluates[ \t]+to|results?[ \t]+in"
    r"|is(?:[ \t]+equal[ \t]+to)?"
    r"|(?:should|must|will|would|shall|to)\s{1,8}"
    r"(?:return|be(?:[ \t]+equal[ \t]+to)?|give|output|produce|yield|equal|evaluate[ \t]+to)"
)
_COMPARES: Final = re.compile(r"[ \t]{0,40}(?:==(?![=>])|is\b)[ \t]{0,40}")
_LEADS_TO: Final = re.compile(
    rf"[ \t`*]{{0,40}}(?:==+>?|=+>|-+>|[➞→⇒⟶↦➜]|=|:(?!=)|(?:{_SAYS})\b|\#[ \t]*(?:{_SAYS})\b"
    r"|\#[ \t]*(?:==+>?|=>|-+>|[➞→⇒⟶↦➜]|=|[Oo]utput\b|[Rr]esult\b)?)"
    r"[ \t]{0,40}:?[ \t]{0,40}[`*]{0,3}"
)
_BEFORE: Final = 48
_ASSERTS: Final = re.compile(r"(?:^|[^\w.])assert(?P<not>[ \t]+not)?[ \t(]*$")
_NEGATED: Final = re.compile(r"\bnot[ \t(]*$")
_METHOD: Final = re.compile(r"\bself\.assert(?P<which>\w+)\([ \t\r\n]*$")
_NEXT: Final = re.compile(r"\s*,\s*")
_ENDS: Final = re.compile(r"[ \t)`]*(?:,[ \t]*f?['\"]|[#;\r\n]|$)")
_ARITHMETIC: Final = re.compile(
    r"[ \t]*(?:[+*/%]|//|\*\*)[ \t]*[\w.(\['\"]|[ \t]*-[ \t]*[\d.(\[]"
    r"|[ \t]*(?:==|!=|<|>|(?:or|and|if|in)\b[ \t]*[\d\[('\"])"
)
_LAST_EQUAL: Final = re.compile(r"[^\r\n]{0,200}(?<![=!<>])=[ \t]*(?=[^\s=])")
_SEPARATED: Final = re.compile(r"[ \t]*,[ \t]*")
_OVER: Final = re.compile(r"[ \t`*.;)]*(?:#.*)?$", re.MULTILINE)
_WORD: Final = re.compile(r"([^\W\d]\w*)[ \t`*.]*$", re.MULTILINE)
_PROMPTS: Final = re.compile(
    r"(?P<lead>[ \t]*(?:#+[ \t]*|[-*+][ \t]+|\d{1,4}[.)][ \t]+|>[ \t]+)?)>>>(?P<code>[^\r\n]*)"
)
_CONTINUES: Final = re.compile(r"[ \t]*(?:#+[ \t]*|>[ \t]+)?\.\.\.(?P<code>[^\r\n]*)")
_OUTPUT_ENDS: Final = re.compile(r"[ \t#>\r]*(?:$|>>>|'''|\"\"\"|```|~~~)")


@dataclass(frozen=True, slots=True)
class Forms:
    """Reads the calls of functions by any of their `names`, a pattern."""

    names: str
    literals: Literals

    def shown(self, text: str) -> Iterator[Shown]:
        """The calls of literals that a text shows, in order, with what they are said to give."""
        lines = lines_of(text)
        at, plain = 0, list[str]()
        while at < len(lines):
            if _PROMPTS.match(lines[at]) is None:
                plain.append(lines[at])
                at += 1
                continue
            yield from self._in_prose("".join(plain))
            plain.clear()
            session = _Session(lines, at)
            yield from self._in_session(session)
            at = session.at
        yield from self._in_prose("".join(plain))

    def _calls(self, text: str) -> Iterator[re.Match[str]]:
        return re.finditer(rf"(?<![\w.])(?P<name>{self.names})[ \t]{{0,8}}\(", text)

    def _in_prose(self, text: str) -> Iterator[Shown]:
        silent: int | None = None
        for found in self._calls(text):
            if self.literals.spent:
                return
            before = text[max(0, found.start() - _BEFORE) : found.start()]
            if not re.search(r"\b(?:def|class)[ \t]+$", before):
                written = self.literals.call(text, found.end() - 1)
                if written:
                    listed = silent is not None and is_listed(text, silent, found.start())
                    expected = None if listed else self._said(text, before, written.end)
                    silent = written.end if expected is None else None
                    leads = _LEADS_TO.match(text, written.end)
                    wanted = expected is not None and leads is not None and is_wanted(leads[0])
                    yield Shown(found["name"], written.arguments, expected, wanted)

    def _in_session(self, session: _Session) -> Iterator[Shown]:
        """The examples of a doctest."""
        known: dict[str, ast.expr] = {}
        found: list[Shown] = []
        silent: list[int] = []
        for source, output, more in session.statements():
            if (assigned := _assigned(source)) is not None:
                known |= assigned
                continue
            for call in () if self.literals.spent else self._calls(source):
                written = self.literals.call(source, call.end() - 1, known)
                if written is None:
                    continue
                before = source[: call.start()]
                expected = self._said(source, before[-_BEFORE:], written.end)
                if expected is None and not before.strip() and _OVER.match(source, written.end):
                    expected = self._printed(output)
                    if more and not output.strip():
                        silent.append(len(found))
                elif output.split("#")[0].strip() == "False":  # what it compares with is wrong
                    expected = None
                found.append(Shown(call["name"], written.arguments, expected))
            found += self._in_prose(output)  # where a line of it follows without a gap
        if any(each.expected is not None for each in found):
            for at in silent:  # an interpreter shows nothing of None
                found[at] = replace(found[at], expected=Literal(None, 0))
        yield from found

    def _printed(self, output: str) -> Literal | Unquoted | None:
        bare = output.lstrip()
        return self.value(bare, 0) if bare else None

    def _said(self, text: str, before: str, end: int) -> Literal | Unquoted | None:
        """What a call that ends there is said to give."""
        if method := _METHOD.search(before):
            return self._by_method(method["which"], text, end)
        if is_denied(before[before.rfind("\n") + 1 :]):
            return None
        compared = _COMPARES.match(text, end)
        if asserted := _ASSERTS.search(before):
            if compared and not asserted["not"]:
                return self.stated(text, compared)
            if _ENDS.match(text, end):
                return Literal(not asserted["not"], end)
        if compared and _NEGATED.search(before):
            return None
        leads = _LEADS_TO.match(text, end)
        return self.stated(text, leads, bare_tuples=not compared) if leads else None

    def stated(
        self, text: str, leads: re.Match[str], *, bare_tuples: bool = False
    ) -> Literal | Unquoted | None:
        """The value after what leads to it, or what is put in its place; None where in doubt."""
        value = self.value(text, leads.end(), bare_tuples=bare_tuples)
        if not isinstance(value, Literal):
            return value
        wanted = is_wanted(leads[0])
        corrected = None if wanted else correction_at(text, value.end)
        if corrected is not None:
            value, wanted = self.literals.at(text, corrected), True
        return value if value and is_stated(text, value.end, wanted=wanted) else None

    def _by_method(self, which: str, text: str, end: int) -> Literal | Unquoted | None:
        match which:
            case "True" | "False":
                return Literal(which == "True", end)
            case "IsNone":
                return Literal(None, end)
            case _ if "Equal" in which and "Not" not in which:
                comma = _NEXT.match(text, end)
                return self.literals.at(text, comma.end()) if comma else None
            case _:
                return None

    def value(self, text: str, at: int, *, bare_tuples: bool = False) -> Literal | Unquoted | None:
        """The value that is said to come out, without the prose around it."""
        found = self.literals.at(text, at)
        if found is None:
            word = _WORD.match(text, at)
            return Unquoted(word[1]) if word else None
        if _ARITHMETIC.match(text, found.end):
            result = _LAST_EQUAL.match(text, found.end)
            found = self.literals.at(text, result.end()) if result else None
            return None if found is None or _ARITHMETIC.match(text, found.end) else found
        return (self._bare_tuple(text, found) if bare_tuples else None) or found

    def _bare_tuple(self, text: str, first: Literal) -> Literal | None:
        """Values up to the end of the line, with commas between them: a tuple without brackets."""
        values, end = [first.value], first.end
        while comma := _SEPARATED.match(text, end):
            found = self.literals.at(text, comma.end())
            if found is None:
                return None
            values.append(found.value)
            end = found.end
        return Literal(tuple(values), end) if len(values) > 1 and _OVER.match(text, end) else None


class _Session:
    """The statements of a doctest that begins at a line, each with what it prints."""

    def __init__(self, lines: list[str], at: int) -> None:
        self._lines = lines
        self.at = at

    def statements(self) -> Iterator[tuple[str, str, bool]]:
        """Source, output, and whether another statement follows; `at` then is after them."""
        while self.at < len(self._lines) and (begins := _PROMPTS.match(self._lines[self.at])):
            source = [begins["code"].removeprefix(" ")]
            self.at += 1
            while self.at < len(self._lines) and (more := _CONTINUES.match(self._lines[self.at])):
                source.append(more["code"].removeprefix(" "))
                self.at += 1
            lead = "#" if "#" in begins["lead"] else ""
            output = self._output(lead)
            after = self.at
            while after < len(self._lines) and not self._lines[after].strip(" \t\r\n#"):
                after += 1
            more_follows = after < len(self._lines) and bool(_PROMPTS.match(self._lines[after]))
            self.at = after if more_follows else self.at
            yield "\n".join(source), output, more_follows

    def _output(self, lead: str) -> str:
        lines: list[str] = []
        while self.at < len(self._lines) and not _OUTPUT_ENDS.match(self._lines[self.at]):
            line = self._lines[self.at]
            lines.append(line.lstrip(" \t").removeprefix(lead) if lead else line)
            self.at += 1
        return "".join(lines)


def _assigned(source: str) -> Mapping[str, ast.expr] | None:
    """What a statement assigns to one name."""
    if not re.match(r"\s*\w+[ \t]*=[^=]", source):
        return None
    tree = parse(source.strip())
    match tree.body if tree else []:
        case [ast.Assign(targets=[ast.Name(id=name)], value=value)]:
            return {name: value}
        case _:
            return None

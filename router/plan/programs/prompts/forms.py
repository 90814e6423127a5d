"""How people write what a call gives: doctests, comparisons, arrows, words, assertions.

A form is told by what stands around a call of literals: nothing is run, and what is no literal is
no example. What is expected may lack its quotes; whether that is a string, only the other examples
can tell, so it is handed on as it stands.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import Final

from router.plan.programs.prompts.denials import NOT_WANTED, WANTED, is_denied, is_labelled, is_used
from router.plan.programs.prompts.literals import CallArguments, Literal, Literals
from router.plan.programs.prompts.sessions import Known, Session, begins_at, is_all, is_taken_back
from router.plan.programs.prompts.statements import correction_at, is_listed, is_stated, is_wanted
from router.plan.programs.reading import lines_of

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
    should give, and `reported` where they say what it does give, which may be another thing.
    """

    name: str
    call: CallArguments
    expected: Literal | Unquoted | None = None
    wanted: bool = False
    reported: bool = False


@dataclass(frozen=True, slots=True)
class Said:
    """A value that is said to come out, and how (see `Shown`)."""

    value: Literal | Unquoted
    wanted: bool = False
    reported: bool = False


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
    r"[ \t]{0,40}:?[ \t]{0,40}(?:returns?[ \t]{1,8})?[`*]{0,3}"
)
_IN_WORDS: Final = re.compile(r"[a-z]{2}")
_BEFORE: Final = 48
_ASSERTS: Final = re.compile(r"(?:^|[^\w.])assert(?P<not>[ \t]+not)?[ \t(]*$")
_ASSIGNED: Final = re.compile(r"(?<![=!<>])=[ \t(]*$")
_METHOD: Final = re.compile(r"\bself\.assert(?P<which>\w+)\([ \t\r\n]*$")
_EQUALS: Final = re.compile(r"(?:Dict|List|MultiLine|Sequence|Set|Tuple)?Equals?|Is")
_NEXT: Final = re.compile(r"\s*,\s*")
_ARGUMENT_ENDS: Final = re.compile(r"\s*[,)]")
_ENDS: Final = re.compile(r"[ \t)`]*(?:,[ \t]*f?['\"]|[#;\r\n]|$)")
_ARITHMETIC: Final = re.compile(
    r"[ \t]*(?:[+*/%]|//|\*\*)[ \t]*[\w.(\['\"]|[ \t]*-[ \t]*[\d.(\[]"
    r"|[ \t]*(?:==|!=|<(?!/?[a-z])|>|(?:or|and|if|in)\b[ \t]*[\d\[('\"])"
)
_LAST_EQUAL: Final = re.compile(r"[-\d \t.+*/%()]{1,200}=[ \t]*(?=[^\s=])")
_SEPARATED: Final = re.compile(r"[ \t]*,[ \t]*")
_NUMBERED: Final = re.compile(r"[.)][ \t]+\w")
_OVER: Final = re.compile(r"[ \t`*.;)]*(?:#.*)?$", re.MULTILINE)
_WORD: Final = re.compile(r"([^\W\d]\w*)[ \t`*.]*$", re.MULTILINE)


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
            if not begins_at(lines[at]):
                plain.append(lines[at])
                at += 1
                continue
            above = "".join(plain)
            yield from self._in_prose(above)
            plain.clear()
            session = Session(lines, at)
            shown = list(self._in_session(session))
            at = session.at
            if not is_labelled(above, len(above), NOT_WANTED) and not is_taken_back(
                "".join(lines[at : at + 6])
            ):
                yield from shown
        yield from self._in_prose("".join(plain))

    def _calls(self, text: str) -> Iterator[re.Match[str]]:
        return re.finditer(rf"(?<![\w.])(?P<name>{self.names})[ \t]{{0,8}}\(", text)

    def _in_prose(self, text: str) -> Iterator[Shown]:
        silent: int | None = None
        read = 0
        for found in self._calls(text):
            if self.literals.spent:
                return
            begins = found.start()
            if begins < read or re.search(r"\b(?:def|class)[ \t]+$", text[:begins][-_BEFORE:]):
                continue
            written = self.literals.call(text, found.end() - 1)
            if written is None:
                continue
            listed = silent is not None and is_listed(text, silent, begins)
            said = None if listed else self._said(text, begins, written.end)
            silent = written.end if said is None else None
            read = written.end
            if said and isinstance(said.value, Literal):
                read = said.value.end
            told = (said.value, said.wanted, said.reported) if said else ()
            yield Shown(found["name"], written.arguments, *told)

    def _in_session(self, session: Session) -> Iterator[Shown]:
        """The examples of a doctest."""
        known = Known(self.literals)
        found: list[Shown] = []
        silent: list[int] = []
        for source, output, more in session.statements():
            shows = not self.literals.spent and known.take(source, self.names.split("|"))
            for call in self._calls(source) if shows else ():
                written = self.literals.call(source, call.end() - 1, known.values)
                if written is None:
                    continue
                said = self._said(source, call.start(), written.end)
                expected = said.value if said else None
                first = not source[: call.start()].rpartition(";")[2].strip()
                silently = expected is None or isinstance(expected, Unquoted)  # as in a comment
                if silently and first and _OVER.match(source, written.end):
                    expected = self._printed(output)
                    if more and not output.strip():
                        silent.append(len(found))
                elif output.split("#")[0].strip() == "False":  # what it compares with is wrong
                    expected = None
                handed = source[call.start() : written.end]
                if not known.agree(handed, written.arguments, expected):
                    expected = None
                found.append(Shown(call["name"], written.arguments, expected))
            found += self._in_prose(output)  # where a line of it follows without a gap
        if any(each.expected is not None for each in found):
            for at in silent:  # an interpreter shows nothing of None
                found[at] = replace(found[at], expected=Literal(None, 0))
        yield from found

    def _printed(self, output: str) -> Literal | Unquoted | None:
        bare = output.lstrip()
        value = self.value(bare, 0) if bare else None
        return None if isinstance(value, Literal) and not is_all(bare, value.end) else value

    def _said(self, text: str, at: int, end: int) -> Said | None:
        """What a call from here to there is said to give."""
        before = text[max(0, at - _BEFORE) : at]
        if method := _METHOD.search(before):
            value = self._by_method(method["which"], text, end)
            return Said(value) if value else None
        if asserted := _ASSERTS.search(before):
            begins = at - len(before) + asserted.start()
            return self._asserted(text, begins, end, holds=not asserted["not"])
        leads = _LEADS_TO.match(text, end)
        compared = _COMPARES.match(text, end) is not None
        if leads is None or (compared and _ASSIGNED.search(before)):
            return None
        in_words = not compared and _IN_WORDS.search(leads[0]) is not None
        wanted = is_wanted(leads[0]) or is_labelled(text, at, WANTED)
        if is_used(text, at, in_words=in_words) or is_denied(text, at, wanted=wanted):
            return None
        said = self.stated(text, leads, bare_tuples=not compared)
        return replace(said, wanted=True, reported=False) if said and wanted else said

    def _asserted(self, text: str, at: int, end: int, *, holds: bool) -> Said | None:
        """What an assertion that begins there says of a call that ends there."""
        if is_used(text, at) or is_denied(text, at):
            return None
        compared = _COMPARES.match(text, end)
        if compared and holds:
            said = self.stated(text, compared, message=True)
            return Said(said.value) if said else None
        return Said(Literal(holds, end)) if _ENDS.match(text, end) else None

    def stated(
        self, text: str, leads: re.Match[str], *, bare_tuples: bool = False, message: bool = False
    ) -> Said | None:
        """The value after what leads to it, or what is put in its place; None where in doubt.

        With a `message` another value may follow; else it is in doubt which of the two is meant.
        """
        value = self.value(text, leads.end(), bare_tuples=bare_tuples)
        wanted = is_wanted(leads[0])
        reported = not wanted and _IN_WORDS.search(leads[0]) is not None
        if not isinstance(value, Literal):
            return Said(value, wanted, reported) if value else None
        comma = None if message else _SEPARATED.match(text, value.end)
        if comma and self.literals.at(text, comma.end()):
            return None
        if leads[0].strip() == "#" and _NUMBERED.match(text, value.end):
            return None
        if not wanted and (corrected := correction_at(text, value.end)) is not None:
            value, wanted = self.literals.at(text, corrected), True
        if value and is_stated(text, value.end, wanted=wanted):
            return Said(value, wanted, reported and not wanted)
        return None

    def _by_method(self, which: str, text: str, end: int) -> Literal | Unquoted | None:
        match which:
            case "True" if compared := _COMPARES.match(text, end):
                value = self.literals.at(text, compared.end())
            case "True" | "False":
                value = Literal(which == "True", end)
            case "IsNone":
                value = Literal(None, end)
            case _ if _EQUALS.fullmatch(which) and (comma := _NEXT.match(text, end)):
                value = self.literals.at(text, comma.end())
            case _:
                return None
        return value if value and _ARGUMENT_ENDS.match(text, value.end) else None

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

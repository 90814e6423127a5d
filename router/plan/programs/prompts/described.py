"""Examples that name no function: "For x = 1 the output should be 2", `Input: …  Output: …`.

They are of the function that is asked for. Values are bound to its parameters by name, and by their
order where the names are others' and there are as many.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Final

from router.plan.programs.prompts.forms import Forms, Shown
from router.plan.programs.prompts.literals import CallArguments
from router.plan.programs.prompts.signatures import Parameter

_MARKS: Final = r"[`*\s]{0,60}"
_BEGINS: Final = re.compile(
    rf"\b(?:(?P<input>inputs?\b[ \t]*\d{{0,3}}{_MARKS}[:=](?!=){_MARKS})"
    r"|(?:for|given|if|when|with)\b[ \t]+(?=[`*]{0,3}\w+[`*]{0,3}[ \t]{0,8}[:=]))",
    re.IGNORECASE,
)
_NAMED: Final = re.compile(r"[`*]{0,3}(?P<name>[^\W\d]\w*)[`*]{0,3}[ \t]{0,8}[:=](?!=)[ \t]{0,40}")
_OUTPUT_NAME: Final = re.compile(r"output|result|return|expect|answer|expla", re.IGNORECASE)
_SEPARATOR: Final = re.compile(r"[`*]{0,3}[ \t]{0,40}(?:[,;]|and\b|\r?\n)\s{0,60}(?:and\b[ \t]+)?")
_ARROW: Final = r"(?:==+>?|=+>|-+>|[➞→⇒⟶↦➜])"
_OUTPUT: Final = re.compile(
    rf"[`*\s;,.]{{0,60}}(?:(?:{_ARROW}[ \t`*]{{0,40}})?(?:(?:expected|sample)[ \t]+)?"
    rf"(?:outputs?|results?|returns?|answer)\b[ \t]*\d{{0,3}}{_MARKS}"
    rf"(?:[:=](?!=)|should[ \t]+be\b|is\b){_MARKS}|{_ARROW}[ \t`*]{{0,40}})",
    re.IGNORECASE,
)
_BETWEEN: Final = (
    r"(?:(?!\b(?:otherwise|else|unless|raises?"
    r"|(?:for|given|if|when|with)\b[ \t]+[`*]{0,3}\w+[`*]{0,3}[ \t]{0,8}[:=])"
    r"|[.;!?](?:\s|$))[^\r\n]){0,200}?"
)
"""What is said of one call, and not yet of another, or of what happens else."""
_STATED: Final = (
    re.compile(
        _BETWEEN + r"\b(?:output|result|answer|return[ \t]+value)\b[ \t:=]{0,8}"
        r"(?:(?:should|must|will|would)[ \t]+be|is|equals)?[ \t:=]{0,8}[`*]{0,3}(?=[^\s:=])",
        re.IGNORECASE,
    ),
    re.compile(
        rf"{_BETWEEN}(?:\b(?:returns?|(?:should|must|will)[ \t]+(?:be|return|give|output))\b"
        rf"|{_ARROW})[ \t:]{{0,8}}[`*]{{0,3}}",
        re.IGNORECASE,
    ),
)
_MOST: Final = 64


@dataclass(frozen=True, slots=True)
class _Given:
    """Values, with the names that they have in the text, or with none of them."""

    names: tuple[str, ...]
    values: tuple[object, ...]
    end: int


@dataclass(frozen=True, slots=True)
class Described:
    """Reads what is said of a function without its name; `parameters` None where unknown."""

    name: str
    parameters: Sequence[Parameter] | None
    forms: Forms

    def shown(self, text: str) -> Iterator[Shown]:
        """The examples, in order."""
        at = 0
        for _ in range(_MOST):
            begins = _BEGINS.search(text, at)
            if begins is None or self.forms.literals.spent:
                return
            at = begins.end()
            given = self._given(text, at)
            if given is None:
                continue
            call = self._bound(given, as_input=begins["input"] is not None)
            if call is None:
                continue
            forms = [_OUTPUT] if begins["input"] else _STATED
            for form in forms:
                says = form.match(text, given.end)
                said = self.forms.stated(text, says, bare_tuples=True) if says else None
                if said:
                    yield Shown(self.name, call, said.value)
                    break

    def _given(self, text: str, at: int) -> _Given | None:
        names: list[str] = []
        values: list[object] = []
        end = at
        while True:
            named = _NAMED.match(text, at)
            if named and _OUTPUT_NAME.match(named["name"]):
                break
            if values and (named is None) != (not names):
                break
            found = self.forms.literals.at(text, named.end() if named else at)
            if found is None:
                break
            names += [named["name"]] if named else []
            values.append(found.value)
            end = found.end
            separator = _SEPARATOR.match(text, end)
            if separator is None:
                break
            at = separator.end()
        return _Given(tuple(names), tuple(values), end) if values else None

    def _bound(self, given: _Given, *, as_input: bool) -> CallArguments | None:
        """The call that gives a function these values, by its parameters; None if they differ."""
        if self.parameters is None:
            return CallArguments(given.values)
        rest = any(each.variadic for each in self.parameters)
        named = [each for each in self.parameters if not each.variadic]
        positional = [each.name for each in named if not each.keyword_only]
        required = {each.name for each in named if each.default is None}
        if given.names and required <= {*given.names} <= {each.name for each in named}:
            return _by_name(dict(zip(given.names, given.values, strict=True)), positional)
        fits = len(required) <= len(given.values) and (rest or len(given.values) <= len(positional))
        if not given.names:
            return CallArguments(given.values) if fits else None
        theirs = [name in positional for name in given.names]
        in_place = all(
            not known or positional.index(name) == at
            for at, (name, known) in enumerate(zip(given.names, theirs, strict=True))
        )
        one = as_input and len(given.values) == 1
        return CallArguments(given.values) if fits and in_place and (any(theirs) or one) else None


def _by_name(given: Mapping[str, object], positional: Sequence[str]) -> CallArguments:
    args: list[object] = []
    for name in positional:
        if name not in given:
            break
        args.append(given[name])
    rest = {name: value for name, value in given.items() if name not in positional[: len(args)]}
    return CallArguments(tuple(args), rest)

"""Calls of tools that a client forces, of a server that cannot force its model to call.

llama.cpp forces a call in the form of the model's template, and where the template knows none the
model goes on to its limit. What it does force on every model is JSON by a schema: so it is shown
the tools, and asked for the name and the arguments of one of them. That JSON comes back as a call,
whole; where it was cut, as the text that it is.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any, Final
from uuid import uuid4

from router.request import ChatPrompt, Prompt
from router.upstream.said.chunks import Chunk

_SHARED: Final = ("$defs", "definitions")
"""Where a schema has what it refers to from its root, which is another here."""


@dataclass(slots=True)
class Forcing:
    """A call of one of these tools, by name, and what every choice said of it so far."""

    tools: Mapping[str, Mapping[str, Any]]
    _said: dict[int, str] = field(default_factory=dict)

    @property
    def fields(self) -> dict[str, Any]:
        """What the server is asked for in place of a call."""
        shared: dict[str, dict[str, Any]] = {}
        calls = [self._call(name, tool, shared) for name, tool in self.tools.items()]
        schema = {"anyOf": calls, **shared}
        described = {"name": "call", "schema": schema, "strict": True}
        return {
            "tool_choice": "none",
            "response_format": {"type": "json_schema", "json_schema": described},
        }

    def read(self, chunk: Chunk) -> Chunk:
        """A piece of the answer: no text until the call is whole."""
        said = self._said.get(chunk.index, "") + chunk.text
        self._said[chunk.index] = said
        if chunk.finish_reason is None:
            spoken = chunk.said or bool(chunk.text)
            return replace(chunk, text="", said=False, unsaid=chunk.unsaid or spoken)
        if chunk.whole:
            ended = replace(chunk, text="", unsaid=True)
        else:  # its tokens were counted as they came
            ended = replace(chunk, text="", tokens=chunk.tokens or ())
        call = self._made(said)
        if call is None:
            return replace(ended, text=said, said=True)
        reason = "tool_calls" if chunk.finish_reason == "stop" else chunk.finish_reason
        return replace(ended, finish_reason=reason, tool_calls=(call,))

    @staticmethod
    def _call(
        name: str, tool: Mapping[str, Any], shared: dict[str, dict[str, Any]]
    ) -> dict[str, Any]:
        arguments = dict(tool.get("parameters") or {"type": "object"})
        for place in _SHARED:
            if isinstance(found := arguments.pop(place, None), Mapping):
                shared.setdefault(place, {}).update(found)
        return {
            "type": "object",
            "properties": {"name": {"const": name}, "arguments": arguments},
            "required": ["name", "arguments"],
            "additionalProperties": False,
        }

    def _made(self, said: str) -> dict[str, Any] | None:
        try:
            told = json.loads(said)
        except (ValueError, RecursionError):
            return None
        match told:
            case {"name": str(name), "arguments": dict(arguments)} if name in self.tools:
                function = {"name": name, "arguments": json.dumps(arguments, ensure_ascii=False)}
                call = {"id": f"call_{uuid4().hex}", "type": "function", "function": function}
                return {"index": 0, **call}
            case _:
                return None


def _definitions_agree(functions: Iterable[Mapping[str, Any]]) -> bool:
    """Whether definitions of one name are one: they come to stand in one place."""
    known: dict[tuple[str, str], object] = {}
    for function in functions:
        for place in _SHARED:
            found = (function.get("parameters") or {}).get(place)
            for name, definition in found.items() if isinstance(found, Mapping) else ():
                if known.setdefault((place, name), definition) != definition:
                    return False
    return True


def forced(tools: Sequence[Mapping[str, Any]], passed_on: Mapping[str, Any]) -> Forcing | None:
    """What a client forces; None where it leaves the choice, or asks for another form as well."""
    if passed_on.get("response_format") is not None:
        return None
    functions = [tool.get("function") for tool in tools]
    named = {
        each["name"]: each
        for each in functions
        if isinstance(each, Mapping) and isinstance(each.get("name"), str)
        if isinstance(each.get("parameters"), Mapping | None)
    }
    if not _definitions_agree(named.values()):
        return None
    match passed_on.get("tool_choice"):
        case "required" if named and len(named) == len(tools):
            return Forcing(named)
        case {"type": "function", "function": {"name": str(name)}} if name in named:
            return Forcing({name: named[name]})
        case _:
            return None


def forcing_of(prompt: Prompt, passed_on: Mapping[str, Any]) -> Forcing | None:
    """The call that a client forces, where it is to be forced by other means than its own."""
    match prompt:
        case ChatPrompt(tools=tools) if tools:
            return forced(tools, passed_on)
        case _:
            return None


def with_forcing(prompt: Prompt) -> Prompt:
    """The prompt with the fields that its server is sent: a call that is forced makes others."""
    match prompt:
        case ChatPrompt(fields=fields) if forcing := forcing_of(prompt, fields):
            return replace(prompt, fields={**fields, **forcing.fields})
        case _:
            return prompt

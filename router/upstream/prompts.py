"""How a prompt is written for a model, and which stops belong to the way it is written."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from router.catalogue.fim import FimTemplate
from router.request import ChatPrompt, Prompt, SampleRequest, TextPrompt, TokenPrompt
from router.upstream.servers import ServerDialect


class NoMiddle(ValueError):
    """A suffix for a model that has no fill-in-the-middle."""


def rendered(prompt: Prompt, fim: FimTemplate | None) -> Prompt:
    """Write suffix and other files into the prompt, in the way that the model was trained on.

    A prompt that its client has written so is passed on as it is. Raises `NoMiddle`.
    """
    match prompt:
        case TextPrompt(suffix=None, extra=()) | ChatPrompt() | TokenPrompt():
            return prompt
        case TextPrompt(text=text) if fim is not None and fim.written(text):
            return TextPrompt(text)
        case TextPrompt(text, suffix, extra) if fim is not None:
            if suffix is None:
                return TextPrompt(fim.context(extra) + text)
            return TextPrompt(fim.render(text, suffix, extra))
        case TextPrompt(suffix=suffix) if suffix:
            raise NoMiddle("has no fill-in-the-middle: send no suffix")
        case TextPrompt(text=text):
            return TextPrompt(text)


def stopping(
    prompt: Prompt, request: SampleRequest, fim: FimTemplate | None, server: ServerDialect
) -> Mapping[str, Any]:
    """The client's own fields, and what ends an answer in a middle: its suffix, special tokens."""
    passed_on = request.passed_on
    if request.hints and not server.takes_hints:
        passed_on = {n: value for n, value in passed_on.items() if n not in request.hints}
    if not isinstance(prompt, TextPrompt) or fim is None:
        return passed_on
    if prompt.suffix is None and not fim.written(prompt.text):
        return passed_on
    match passed_on.get("stop"):
        case str(stop):
            stops = [stop]
        case list(given):
            stops = given
        case _:
            stops = []
    ends = (request.until, *fim.stop) if request.until else fim.stop
    more = [end for end in ends if end not in stops]
    if (most := server.most_stops) is not None:
        more = more[: max(0, most - len(stops))]
    return {**server.special_stops(fim.stop), **passed_on, "stop": [*stops, *more]}


def of_the_plan(text: str, asked: Prompt) -> Prompt:
    """A prompt of the plan's own, in the form of the request's."""
    match asked:
        case TextPrompt() | TokenPrompt():
            return TextPrompt(text)
        case ChatPrompt():
            return ChatPrompt(({"role": "user", "content": text},))

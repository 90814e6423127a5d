"""Which server has a prompt in its cache: the one that was last asked with its beginning.

A server computes only what is new of a prompt that begins as another did. Here a bounded number of
beginnings is remembered, by their hashes alone, with the server that has read them. A beginning
counts where it is at least half of the prompt: a preamble that all prompts share must not send them
all to one server.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Iterator, Sequence
from typing import Final

from router.request import ChatPrompt, Prompt, TextPrompt, TokenPrompt

MOST_BEGINNINGS: Final = 8192
"""Beginnings that are remembered, the latest."""

SHORTEST: Final = 64
"""Characters, or tokens: a shorter beginning costs as good as nothing to read again."""

GROWTH: Final = 1.25
"""From one length of a beginning to the next."""

COUNTED_SHARE: Final = 0.5
"""The part of a prompt that a beginning must be."""


class Affinity:
    """The servers, by a number each, that have read the beginnings of prompts."""

    def __init__(self, most: int = MOST_BEGINNINGS) -> None:
        self._most = most
        self._read: OrderedDict[int, int] = OrderedDict()

    def __len__(self) -> int:
        return len(self._read)

    def server(self, beginnings: Sequence[int]) -> int | None:
        """The one that has read the longest of these; None where none is known."""
        return next((self._read[each] for each in beginnings if each in self._read), None)

    def keep(self, beginnings: Sequence[int], server: int) -> None:
        """A server reads these."""
        for each in beginnings:
            self._read[each] = server
            self._read.move_to_end(each)
        while len(self._read) > self._most:
            self._read.popitem(last=False)


def beginnings(prompt: Prompt) -> tuple[int, ...]:
    """Hashes of a prompt and of its beginnings, the longest first."""
    read = what_is_read(prompt)
    return tuple(hash(read[:length]) for length in _lengths(len(read)))


def what_is_read(prompt: Prompt) -> str | tuple[int, ...]:
    """Something that begins alike where prompts do, as a model reads them."""
    match prompt:
        case TextPrompt(text=text, suffix=suffix, extra=extra):
            read = "".join(part for file in extra for part in file) + text
            # In which order a family wants the two is its own affair: here the text comes first.
            return read if suffix is None else f"{read}\0{suffix}"
        case TokenPrompt(tokens=tokens):
            return tokens
        case ChatPrompt(messages=messages):
            return "".join(map(repr, messages))


def _lengths(whole: int) -> Iterator[int]:
    """From the whole down, as far as it counts; the same steps whatever the whole is."""
    steps = [float(SHORTEST)]
    while steps[-1] * GROWTH < whole:
        steps.append(steps[-1] * GROWTH)
    yield whole
    for step in reversed(steps):
        if COUNTED_SHARE * whole <= int(step) < whole:
            yield int(step)

"""What goes out of an answer that the deadline cut, where it belongs between two pieces of code.

Half a line before a suffix makes both of them wrong, so such an answer is cut at the end of its
last whole line. Half a line that is all there is, blank lines before it aside, goes out as it
stands: it can still be shown.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace

from router.plan.samples import Sample
from router.request import Prompt, TextPrompt
from router.upstream.said.chunks import Chunk, TokenLogprob


def suffix_of(prompt: Prompt) -> str | None:
    """What stands after the answer, at the end of a file nothing; None where it is no gap."""
    return prompt.suffix if isinstance(prompt, TextPrompt) else None


def whole_lines(prompt: Prompt, text: str) -> str:
    """The part of an unfinished answer that goes out."""
    suffix = suffix_of(prompt)
    if suffix is None:
        return text
    whole = text[: _line_end(text, suffix)]
    return whole if whole.strip() else text


def _line_end(text: str, suffix: str) -> int:
    """Where the last whole line ends: before its line break where the suffix brings its own."""
    newline = text.rfind("\n")
    if not suffix.startswith(("\n", "\r")):
        return newline + 1
    return len(text[: max(newline, 0)].removesuffix("\r"))


@dataclass(slots=True)
class HeldBack:
    """Pieces of a stream that are held back until they are sure: what was sent cannot be cut.

    The tokens of the first `_told` characters that are held have been sent.
    """

    sent: int = 0
    _told: int = 0
    _text: str = ""
    _tokens: list[TokenLogprob] = field(default_factory=list)

    def add(self, text: str, tokens: Sequence[TokenLogprob]) -> None:
        """Hold a piece."""
        self._text += text
        self._tokens += tokens

    def release(self, end: int) -> tuple[str, Sequence[TokenLogprob]]:
        """What is held of the first so many characters, with the tokens that begin in it."""
        text, self._text = self._text[:end], self._text[end:]
        self.sent += len(text)
        if not self._text:
            tokens, self._tokens, self._told = self._tokens, [], 0
            return text, tokens
        count, told = 0, self._told
        while told < len(text) and count < len(self._tokens):
            told += len(self._tokens[count].token)
            count += 1
        self._told = max(0, told - len(text))
        tokens, self._tokens = self._tokens[:count], self._tokens[count:]
        return text, tokens

    @property
    def text(self) -> str:
        """What is held."""
        return self._text


@dataclass(slots=True)
class WholeLines:
    """Pieces of a stream, held back until their line has ended."""

    suffix: str
    _held: HeldBack = field(default_factory=HeldBack)

    def take(self, text: str, tokens: Sequence[TokenLogprob]) -> tuple[str, Sequence[TokenLogprob]]:
        """Add a piece; what may be sent now."""
        self._held.add(text, tokens)
        end = _line_end(self._held.text, self.suffix)
        says = self._held.sent or self._held.text[:end].strip()
        return self._held.release(end) if end and says else ("", ())

    def rest(self, *, cut: bool) -> tuple[str, Sequence[TokenLogprob]]:
        """What is sent last: of an answer that was cut nothing, unless it would be the first."""
        if cut and self._held.sent:
            return "", ()
        return self._held.release(len(self._held.text))


@dataclass(slots=True)
class SurePieces:
    """Pieces of a sample, held back until they are the answer's whatever comes."""

    _held: HeldBack = field(default_factory=HeldBack)

    def take(self, sample: Sample, chunk: Chunk) -> Chunk:
        """Add a piece that the sample has taken; what may be sent of it and those before it."""
        if not self._held.text and sample.sure >= self._held.sent + len(chunk.text):
            self._held.sent += len(chunk.text)
            return chunk
        self._held.add(chunk.text, chunk.tokens or ())
        text, tokens = self._held.release(max(0, sample.sure - self._held.sent))
        return replace(chunk, text=text, tokens=tuple(tokens) or None)

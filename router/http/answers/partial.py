"""What goes out of an answer that the deadline cut, where it belongs between two pieces of code.

Half a line before a suffix makes both of them wrong, so such an answer is cut at the end of its
last whole line. Half a line that is all there is goes out as it stands: it can still be shown.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

from router.request import Prompt, TextPrompt
from router.upstream.said.chunks import Chunk, TokenLogprob


def suffix_of(prompt: Prompt) -> str:
    """What stands after the answer; nothing for most."""
    return (prompt.suffix or "") if isinstance(prompt, TextPrompt) else ""


def whole_lines(prompt: Prompt, text: str) -> str:
    """The part of an unfinished answer that goes out."""
    suffix = suffix_of(prompt)
    return text[: _line_end(text, suffix)] or text if suffix else text


def _line_end(text: str, suffix: str) -> int:
    """Where the last whole line ends: before its line break where the suffix brings its own."""
    newline = text.rfind("\n")
    if not suffix.startswith(("\n", "\r")):
        return newline + 1
    return len(text[: max(newline, 0)].removesuffix("\r"))


@dataclass(slots=True)
class WholeLines:
    """Pieces of a stream, held back until their line has ended: what was sent cannot be cut."""

    suffix: str
    sent: bool = False
    _text: str = ""
    _tokens: list[TokenLogprob] = field(default_factory=list)

    def take(self, chunk: Chunk) -> tuple[str, Sequence[TokenLogprob]]:
        """Add a piece; what may be sent now."""
        self._text += chunk.text
        self._tokens += chunk.tokens or ()
        return self._release(_line_end(self._text, self.suffix))

    def rest(self, *, cut: bool) -> tuple[str, Sequence[TokenLogprob]]:
        """What is sent last: of an answer that was cut nothing, unless it would be the first."""
        return self._release(0 if cut and self.sent else len(self._text))

    def _release(self, end: int) -> tuple[str, Sequence[TokenLogprob]]:
        if not end:
            return "", ()
        text, self._text = self._text[:end], self._text[end:]
        tokens, self._tokens = self._tokens, []
        self.sent = True
        return text, tokens

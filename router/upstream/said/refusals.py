"""What a server says when it refuses a request: read once, whatever shape it says it in.

OpenAI's error object (`error.message`, `error.param`), FastAPI's (`detail`, a text or a list with
`loc` and `msg`), an object with a `message`, or any text. Which field is at fault stands in `param`
or `loc`, or else in the message, where it must be told from English.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Iterable, Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from http import HTTPStatus
from typing import Any, Final

from router.upstream.failures import AS_SET_UP, WHILE_COMPUTING
from router.upstream.said.chunks import MalformedChunk, parse_json
from router.upstream.said.texts import mended

LONGEST_MESSAGE: Final = 2000
"""Bytes of an error that are read."""

LONGEST_RETRY_S: Final = 3600

_NOT_THE_REQUESTS: Final = frozenset(
    {
        HTTPStatus.TOO_MANY_REQUESTS,
        *AS_SET_UP,
        *WHILE_COMPUTING,
    }
)
"""What is about the gateway's configuration or its load, or the server."""

_CONTEXT: Final = re.compile(
    r"context[ _-]?(length|size|window)|maximum context|max_model_len", re.IGNORECASE
)
_UNPARSED: Final = re.compile(r"failed to parse (\w+)", re.IGNORECASE)
_NUMBER: Final = re.compile(r"(?<![\w.-])\d+(?![\w.-])")
_LETTER: Final = re.compile(r"\w")
_PLAIN: Final = str.maketrans("_-", "  ")
_QUOTES: Final = "'\"`\u2018\u2019\u201c\u201d"


class Refused(Exception):
    """A server tells an error in place of an answer."""

    def __init__(self, refusal: Refusal) -> None:
        super().__init__(refusal.message)
        self.refusal = refusal


@dataclass(frozen=True, slots=True)
class Refusal:
    """An error of a server. `named` are the fields that it points at, `code` its own words for it.

    `retry_after_s` is how long it wants to be left alone, where it says so. `answered` is the
    status of the answer itself; an event of a stream has none, and counts as a server's fault.
    """

    status: int
    message: str
    named: tuple[str, ...] = ()
    code: str = ""
    retry_after_s: int | None = None
    answered: int = 500

    @property
    def shown(self) -> str:
        """What the server did, as the end of a sentence."""
        return f"answered {self.status}: {self.message}"

    @property
    def of_the_request(self) -> bool:
        """Whether it finds fault with what was sent."""
        return 400 <= self.status < 500 and self.status not in _NOT_THE_REQUESTS  # noqa: PLR2004 HTTP's own bounds

    @property
    def of_the_length(self) -> bool:
        """Whether prompt and answer are too long for its context."""
        return bool(_CONTEXT.search(self.code) or _CONTEXT.search(self.message))

    def field(self, sent: Collection[str], jargon: Collection[str]) -> str | None:
        """The field of those sent that is at fault; None if it names none of them.

        One that is no `jargon` (`model`, `stream`) counts in the message only between quotes.
        """
        for name in self.named:
            if name in sent:
                return name
        quoted = [(self.message.find(f"{q}{name}"), name) for name in sent for q in _QUOTES]
        whole = [(at, name) for at, name in quoted if at >= 0 and self._ends(at + 1 + len(name))]
        return min(whole)[1] if whole else self._first_word(jargon)

    def says(self, word: str) -> bool:
        """Whether the message has this word, or this field."""
        return self._first_word((word,)) is not None

    @property
    def unparsed(self) -> str | None:
        """The field that it could not parse, which llama.cpp may call a fault of its own."""
        found = _UNPARSED.search(self.message)
        return found[1] if found else None

    def quotes_any(self, fields: Iterable[tuple[str, str]]) -> bool:
        """Whether the message tells a field, or its name in plain words, and then what it said.

        `fields` are names and values as clients chose them: many, and long. None is worked on that
        the message has no room for.
        """
        message = self.message.casefold()
        plain = message.translate(_PLAIN)  # place for place the same
        return any(
            0 < len(value) <= len(message)
            and len(name) <= len(message)
            and (told := _end_of(name.casefold().translate(_PLAIN), plain, message)) >= 0
            and _end_of(value.casefold(), message, message, told) >= 0
            for name, value in fields
        )

    @property
    def tells_a_number(self) -> bool:
        """Whether a number stands in the message."""
        return bool(_NUMBER.search(self.message))

    def _ends(self, at: int) -> bool:
        return self.message[at : at + 1] in _QUOTES

    def _first_word(self, words: Collection[str]) -> str | None:
        if not words:
            return None
        any_of = "|".join(re.escape(word) for word in sorted(words, key=len, reverse=True))
        found = re.search(rf"(?<![\w.])({any_of})(?!\w)", self.message)
        return found[1] if found else None


def _end_of(words: str, text: str, message: str, start: int = 0) -> int:
    """Where they first end in a text, from `start` on, as no part of longer words; else -1."""
    at = text.find(words, start)
    while at >= 0:
        end = at + len(words)
        if not (_LETTER.match(message[at - 1 : at]) or _LETTER.match(message, end)):
            return end
        at = text.find(words, at + 1)
    return -1


def read_refusal(status: int, detail: object, retry_after: str | None = None) -> Refusal:
    """The error in an answer's body (bytes or text), or in an event of a stream (JSON)."""
    if isinstance(detail, bytes):
        detail = detail.decode(errors="replace")
    if isinstance(detail, str):
        try:
            shape = parse_json(detail)
        except MalformedChunk:
            shape = detail.strip()
    else:
        shape = detail
    error = shape.get("error", shape) if isinstance(shape, Mapping) else shape
    told = error if isinstance(error, Mapping) else {}
    code = " ".join(str(told[key]) for key in ("code", "type") if told.get(key))
    return Refusal(
        _status(status, told),
        mended(_message(error))[:LONGEST_MESSAGE] or "no explanation",
        tuple(_named(told)),
        code,
        None if retry_after is None else _seconds(retry_after),
        answered=status,
    )


def _status(status: int, told: Mapping[str, Any]) -> int:
    """An event of a stream has no status but the one that is written in it."""
    match told.get("code"):
        case int(code) if status >= HTTPStatus.INTERNAL_SERVER_ERROR and 400 <= code < 600:  # noqa: PLR2004 HTTP's own bounds
            return code
        case _:
            return status


def _message(error: object) -> str:
    match error:
        case {"message": str(message)} | {"detail": str(message)} | str(message):
            return message
        case {"detail": [*problems]}:
            return "; ".join(_problem(problem) for problem in problems)
        case {}:
            return ""
        case _:
            return str(error)


def _problem(problem: object) -> str:
    match problem:
        case {"loc": [*loc], "msg": message}:
            return f"{'.'.join(str(part) for part in loc)}: {message}"
        case _:
            return str(problem)


def _named(told: Mapping[str, Any]) -> Iterator[str]:
    """The fields that an error points at, without what is inside of them."""
    if told.get("type") == "invalid_model":  # Mistral's way to point at one
        yield "model"
    if isinstance(param := told.get("param"), str):
        yield from _outermost(re.split(r"[.\[]", param))
    problems = told.get("detail")
    for problem in problems if isinstance(problems, list) else ():
        loc = problem.get("loc") if isinstance(problem, Mapping) else None
        yield from _outermost(loc if isinstance(loc, list) else ())


def _outermost(path: Iterable[object]) -> list[str]:
    return [part for part in path if isinstance(part, str) and part != "body"][:1]


def _seconds(retry_after: str) -> int | None:
    """`Retry-After`, a number or a date, as whole seconds."""
    try:
        seconds = float(retry_after)
    except ValueError:
        try:
            seconds = (parsedate_to_datetime(retry_after) - datetime.now(UTC)).total_seconds()
        except (ValueError, TypeError):  # TypeError: a date without a zone
            return None
    if not seconds < LONGEST_RETRY_S:
        return LONGEST_RETRY_S
    return max(1, round(seconds))

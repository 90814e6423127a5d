"""Whether a text that writes a call and a value states that the call gives the value.

A sentence that goes on after the value may say anything: that it is a count of something, that it
is wrong, that another was expected. So it has to end there, or go on with a word that joins what
leaves the value as it is; and before the call there is no operator, and nothing that denies it.
"""

from __future__ import annotations

import re
from typing import Final

_OPERATOR: Final = re.compile(
    r"(?:[\d)\]}'\"]|(?<![\w.])[^\W\d])([ \t]*)(?:\*\*|//|[-+*/%@&|^])\1$"  # as far from both
    r"|(?:\bassert|>>>|[(\[=])[ \t]*[-+~][ \t]*$|[-+~]$|\b(?:or|in)[ \t]*$"
)
_DENIES: Final = re.compile(
    r"\bnot\b[^.\r\n]{0,24}\bthat[ \t`]*$|\b\w*Error:[^\r\n]*$"
    r"|\b(?:currently|actually|instead|wrong|wrongly|incorrectly|bug)\b[^.\r\n]*$",
    re.IGNORECASE,
)
_LISTED: Final = re.compile(r"[ \t`]*,[ \t`]*")
_REST: Final = re.compile(
    r"[`*)]*[ \t]*(?:[,;(\u2013\u2014-]+[ \t]*)?"
    r"(?P<word>or\b|[^\W\d]\w*(?!\w|[ \t`]*(?:\w+)?\())"
)
_JOINS: Final = frozenset(
    [
        "and",
        "as",
        "because",
        "due",
        "for",
        "hence",
        "since",
        "so",
        "the",
        "then",
        "thus",
        "when",
        "where",
    ]
)
_CONTRASTS: Final = frozenset({"but", "instead", "not", "rather"})
_WANTED: Final = re.compile(r"[ \t`*#]*(?:should|must|shall|to)\b")
_CORRECTED: Final = re.compile(
    r"[`*)\].,;!(\s]{0,8}(?:(?:but|and|it|this|that|which|the|i|was|is|when|while)\s{1,4}){0,4}"
    r"(?:should|must|expect(?:ed)?|correct)\b"
    r"(?:\s{1,4}(?:have|been|be|return|give|output|is|was|value|result|answer)\b){0,4}"
    r"[ \t:=]{0,8}[`*]{0,3}",
    re.IGNORECASE,
)
_TAKEN_BACK: Final = re.compile(
    r"[`*)\].,;!(\s]{0,8}(?:instead\s{1,4}of|rather\s{1,4}than"
    r"|(?:and\s{1,4})?(?:it|this|that|which)(?:'s|\s{1,4}is)\s{1,4}(?:wrong|incorrect|not)\b)",
    re.IGNORECASE,
)


def is_denied(before: str) -> bool:
    """Whether what stands before a call makes it a part of something, or denies what follows."""
    return bool(_OPERATOR.search(before) or _DENIES.search(before))


def is_listed(text: str, end: int, at: int) -> bool:
    """Whether only a comma stands between a call that ended and one that begins."""
    return _LISTED.fullmatch(text, end, at) is not None


def is_wanted(form: str) -> bool:
    """Whether the words between a call and a value say what it should give, not what it does."""
    return _WANTED.match(form) is not None


def is_stated(text: str, end: int, *, wanted: bool) -> bool:
    """Whether the text that goes on after a value leaves it as it is, or comes to another call.

    Of a `wanted` value it may say what comes out instead.
    """
    if not wanted and _TAKEN_BACK.match(text, end):  # on another line, or in the next sentence
        return False
    rest = _REST.match(text, end)
    if rest is None or rest["word"] in _JOINS:
        return True
    return wanted and rest["word"] in _CONTRASTS


def correction_at(text: str, end: int) -> int | None:
    """Where the value begins that a text says should be in the place of one that ended."""
    found = _CORRECTED.match(text, end)
    return found.end() if found else None

"""Whether a text that writes a call and a value states that the call gives the value.

A sentence that goes on after the value may say anything: that it is a count of something, that it
is wrong, that another was expected. So it has to end there, or go on with a word that joins what
leaves the value as it is; and no sign may follow that makes it a part of something, or a question.
What stands before the call is another question (`denials`).
"""

from __future__ import annotations

import re
import unicodedata
from typing import Final

_LISTED: Final = re.compile(r"[ \t`]*,[ \t`]*")
_REST: Final = re.compile(
    r"[`*)]*[ \t]*(?:[,(\u2013\u2014-]+[ \t]*)?"
    r"(?P<word>or\b|(?![rRuUbBfF]{1,2}['\"])[^\W\d]\w*(?!\w|[ \t`]*(?:\w+)?\())"
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
    r"|(?:and\s{1,4})?(?:it|this|that|which)(?:'s|\s{1,4}is)\s{1,4}(?:wrong|incorrect|not)\b"
    r"|and\s{1,4}not\b)",
    re.IGNORECASE,
)
_SENTENCE: Final = re.compile(r"(?:(?![.!?](?:\s|$))[^\r\n]){0,200}")
_IN_BRACKETS: Final = re.compile(r"\([^()]*\)")
_CALL: Final = re.compile(r"\b[^\W\d]\w*\(")
_PARTS_FROM: Final = re.compile(
    r"\b(?:expect\w*|incorrect\w*|instead|must|need\w*|reason|should|supposed|want\w*|wrong\w*)\b",
    re.IGNORECASE,
)
_NEXT_SIGN: Final = re.compile(
    r"[ \t`*)\]]*(?P<sign>[^\s\w`*)\]])(?P<after>[ \t]*(?:['\"\d\[({]|=)?)"
)
_AGAIN: Final = re.compile(r"[ \t]+[-+]?['\"\d]")
_GOOD_SIGNS: Final = frozenset("\u2713\u2714\u2705\u2611`")
_BAD_SIGNS: Final = frozenset("?%&@\u00b7")


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
    if _is_part(text, end):
        return False
    if not wanted and (_TAKEN_BACK.match(text, end) or _parts_from(text, end)):
        return False
    rest = _REST.match(text, end)
    if rest is None or rest["word"] in _JOINS:
        return True
    return wanted and rest["word"] in _CONTRASTS


def _is_part(text: str, end: int) -> bool:
    """Whether a sign follows that makes a value a part of something, or of a question."""
    if text[end : end + 1] == "!" and text[end - 1 : end].isdigit():
        return True
    if _AGAIN.match(text, end):
        return True
    found = _NEXT_SIGN.match(text, end)
    if found is None:
        return False
    sign, value_follows = found["sign"], bool(found["after"].strip())
    if sign in "<>=!|":  # a tag of HTML, a quotation and a table's edge leave a value as it is
        return value_follows
    return sign in _BAD_SIGNS or (
        unicodedata.category(sign).startswith("S") and sign not in _GOOD_SIGNS
    )


def _parts_from(text: str, end: int) -> bool:
    """Whether the rest of a sentence, up to another call, says that something else is wanted.

    What stands in brackets gives a reason.
    """
    found = _SENTENCE.match(text, end)
    rest = _CALL.split(found[0], maxsplit=1)[0] if found else ""
    return _PARTS_FROM.search(_IN_BRACKETS.sub("", rest)) is not None


def correction_at(text: str, end: int) -> int | None:
    """Where the value begins that a text says should be in the place of one that ended."""
    found = _CORRECTED.match(text, end)
    return found.end() if found else None

"""Whether what stands before a call takes from it what is said after it.

A call may be a part of an expression, of a condition or of code that only uses it; a sentence may
deny what it says, or speak of a part of the result; and a label above may say that what follows is
what comes out, and not what should.
"""

from __future__ import annotations

import re
from typing import Final

_LOOKS_BACK: Final = 200
_LABEL_AT_MOST: Final = 600
_OPERATOR: Final = re.compile(
    r"(?:[\d)\]}'\"]|(?<![\w.])[^\W\d])([ \t]*)(?:\*\*|//|[-+*/%@&|^])\1$"  # as far from both
    r"|(?:\bassert|>>>|[(\[=])[ \t]*[-+~][ \t]*$|[-+~]$|\b(?:or|in)[ \t]*$"
)
_CONDITION: Final = re.compile(
    r"\w\($|\blambda\b[^:]*:[ \t]*$"
    r"|\b(?:if|elif|else|while|until|unless|whether|when|return|yield|print)[ \t(]*$"
)
_STATEMENT: Final = re.compile(r"[ \t]*(?:if|elif|while|return|raise|yield)\b")
_NEGATED: Final = re.compile(
    r"(?:\b(?:not|never|nobody|cannot|avoid|neither|nor)\b|n['\u2019]t\b)"
    r"(?:(?!\b(?:but|hence|like|so|such|then|thus)\b)[^.,:;!?(])*$",
    re.IGNORECASE,
)
_DENIES: Final = re.compile(
    r"\bnot\b[^.]{0,24}\bthat[ \t`]*$|\b\w*Error:.*$|[\u2717\u2718\u2716\u274c\u26d4\U0001f6ab].*$"
    r"|\b(?:actual|actually|bad|currently|incorrect|incorrectly|instead|wrong|wrongly|bug)\b[^.]*$"
    r"|^[ \t>#*`-]*(?:before|got|old)\b[ \t*`]*:[^.]*$",
    re.IGNORECASE,
)
_PART: Final = re.compile(r"\b(?P<of_what>[^\W\d]\w*)[ \t]+of[ \t`*]*$")
_WHOLE: Final = frozenset(
    [
        *("answer", "call", "calls", "evaluation", "example", "examples", "execution"),
        *("invocation", "output", "outputs", "result", "results", "return", "value", "values"),
    ]
)
"""Of what is said of one of these of a call, the call itself is meant."""
_STRINGS: Final = re.compile(r"'[^']*'|\"[^\"]*\"")
_LABEL: Final = re.compile(
    r"^[ \t>]*(?:(?P<heading>\#{1,6}[ \t]+[^\r\n]{1,80})|(?P<label>[^\r\n:]{1,120}):)[ \t*_`]*\r?$",
    re.MULTILINE,
)
NOT_WANTED: Final = re.compile(
    r"\b(?:buggy|currently|incorrect|incorrectly|wrong|wrongly)\b"
    r"|^\W*(?:(?:the|my|its)\W+)?(?:actual|bad|before|broken|current|got|now|old|observed|today)\b"
    r"(?:\W+\w+){0,2}\W*$",
    re.IGNORECASE,
)
"""What labels say above what comes out, and below it above what should come out."""
WANTED: Final = re.compile(r"^\W*(?:\w+\W+)?(?:desired|expected|wanted)\b", re.IGNORECASE)
_PARAGRAPH_ENDS: Final = re.compile(r"\n[ \t>]*\r?\n")


def is_used(text: str, at: int, *, in_words: bool = False) -> bool:
    """Whether a call that begins there is a part of an expression, or of code that uses it.

    No code says `in_words` what it gives: there a line that begins like a statement is prose.
    """
    before = _line(text, at)
    if _OPERATOR.search(before) or _CONDITION.search(before):
        return True
    if not in_words and _STATEMENT.match(before):
        return True
    bare = _STRINGS.sub("", before)
    return bare.count("[") > bare.count("]") or bare.count("{") > bare.count("}")


def is_denied(text: str, at: int, *, wanted: bool = False) -> bool:
    """Whether what is said of a call that begins there is denied, or is said of a part of it.

    What is `wanted` of it may be wanted because it is not so now.
    """
    before = _line(text, at)
    part = _PART.search(before)
    if _NEGATED.search(before) or (part and part["of_what"].lower() not in _WHOLE):
        return True
    return not wanted and (bool(_DENIES.search(before)) or is_labelled(text, at, NOT_WANTED))


def is_labelled(text: str, at: int, label: re.Pattern[str]) -> bool:
    """Whether the last label above a call that begins there is such a one."""
    begins = text.rfind("\n", 0, at) + 1
    above = text[max(0, begins - _LABEL_AT_MOST) : begins]
    labels = list(_LABEL.finditer(above))
    last = labels[-1] if labels else None
    if last is None or not label.search(last["heading"] or last["label"]):
        return False
    return _PARAGRAPH_ENDS.search(above[last.end() :].lstrip(" \t\r\n>")) is None


def _line(text: str, at: int) -> str:
    return text[max(text.rfind("\n", 0, at) + 1, at - _LOOKS_BACK) : at]

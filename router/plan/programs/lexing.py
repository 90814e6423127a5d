"""Whether a place in Python source is inside a string or a comment, and what is left without them.

No more than fences and words need: strings of one quote end with their line at the latest, so that
an apostrophe in what is no Python does no harm.
"""

from __future__ import annotations

import re
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Final


def repeated(pattern: str) -> str:
    """As often as it matches, without a way back: no text is gone through twice.

    Before 3.11.5 CPython goes on behind what the last try of a possessive group had begun. Atomic
    groups are right everywhere, and take memory for each try.
    """
    return rf"(?:{pattern})*+" if sys.version_info >= (3, 11, 5) else rf"(?>(?:{pattern})*)"


COMMENT: Final = r"#[^\r\n]*+"
_STRINGS: Final = (
    "QQQ" + repeated(r"[^\\Q]++|\\(?s:.)|Q(?!QQ)") + "(?:QQQ)?",
    "Q" + repeated(r"[^\\Q\r\n]++|\\(?s:.)") + "Q?",
)
STRING: Final = "|".join(form.replace("Q", quote) for quote in "'\"" for form in _STRINGS)
"""A string without its prefix, whether it ends or not."""
_NO_CODE: Final = re.compile(rf"{COMMENT}|\\\r?\n|(?:\b[rRbBuUfF]{{1,2}})?(?:{STRING})")
_TOKEN: Final = re.compile(
    r"""(?P<comment>\#[^\r\n]*)
    |(?P<opens>'''|\"\"\")
    |'(?:\\.|[^'\\\r\n])*'?
    |"(?:\\.|[^"\\\r\n])*"?""",
    re.VERBOSE,
)
_ENDS: Final[Mapping[str, re.Pattern[str]]] = MappingProxyType(
    {
        "'''": re.compile(r"(?:[^\\']|\\.|'(?!''))*'''", re.DOTALL),
        '"""': re.compile(r'(?:[^\\"]|\\.|"(?!""))*"""', re.DOTALL),
    }
)


@dataclass(frozen=True, slots=True)
class Place:
    """`string` is the quote of the string that is open there, or empty."""

    string: str = ""
    in_comment: bool = False

    @property
    def in_string(self) -> bool:
        """Whether a string of several lines is open."""
        return bool(self.string)


def after(place: Place, line: str) -> Place:
    """The place at the end of a line that begins at `place`; a comment lasts until there."""
    string, at = place.string, 0
    while at < len(line):
        if string:
            found = _ENDS[string].match(line, at)
            if found is None:
                return Place(string)
            string, at = "", found.end()
            continue
        found = _TOKEN.search(line, at)
        if found is None:
            return Place()
        if found["comment"]:
            return Place(in_comment=True)
        string, at = found["opens"] or "", found.end()
    return Place(string)


def code_of(source: str) -> str:
    """The source with a space for each of its strings and comments, and wherever a line goes on."""
    return _NO_CODE.sub(" ", source)

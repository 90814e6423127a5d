"""What a verifier reads of texts: the tokens that are in them, as numbers.

A bag: which tokens there are and which stand side by side, not where. Of a prompt words alone
count: numbers, texts and truth values are left out, so that no output of an example is read.
"""

from __future__ import annotations

import itertools
import re
import zlib
from collections.abc import Iterable, Sequence
from typing import Final, TypeAlias

import numpy as np
from numpy.typing import NDArray

BUCKETS: Final = 2**14
"""Tokens are hashed into so many; what shares one is the same token."""

Buckets: TypeAlias = NDArray[np.int64]

_PROGRAM: Final = re.compile(
    r"""(?P<skip>\#[^\n]*|\s+)
    |(?P<string>[rbfuRBFU]{0,2}(?:\"{3}.*?(?:\"{3}|\Z)|'{3}.*?(?:'{3}|\Z)
        |"(?:\\.|[^"\\\n])*"?|'(?:\\.|[^'\\\n])*'?))
    |(?P<name>[^\W\d]\w*)
    |(?P<number>\d[\w.]*)
    |(?P<sign>\*\*=?|//=?|[<>=!+\-*/%&|^:]=|->|<<|>>|.)""",
    re.VERBOSE | re.DOTALL,
)
_WORD: Final = re.compile(r"[^\W\d_]{2,}")
_NO_WORDS: Final = frozenset({"true", "false", "none"})
_TELLING: Final = frozenset({"0", "1", "2", "10"})
"""Numbers that programs differ in for a reason; others are all the same."""


def program_buckets(text: str) -> Buckets:
    """Of a program's names, signs and numbers, alone and in pairs; comments do not count."""
    found = list[str]()
    for match in _PROGRAM.finditer(text):
        match match.lastgroup:
            case "skip":
                continue
            case "string":
                found.append('"')
            case "number" if match.group() not in _TELLING:
                found.append("#")
            case _:
                found.append(match.group())
    return _hashed("program", [*found, *_pairs(found)])


def prompt_buckets(text: str) -> Buckets:
    """Of a prompt's words, alone and in pairs."""
    words = [word for word in map(str.lower, _WORD.findall(text)) if word not in _NO_WORDS]
    return _hashed("prompt", [*words, *_pairs(words)])


def _pairs(tokens: Sequence[str]) -> Iterable[str]:
    return (f"{one} {other}" for one, other in itertools.pairwise(tokens))


def _hashed(of: str, tokens: Iterable[str]) -> Buckets:
    """Each bucket once, in order; a word of a prompt is another token than a name in a program."""
    hashes = {zlib.crc32(f"{of} {token}".encode()) % BUCKETS for token in tokens}
    return np.array(sorted(hashes), dtype=np.int64)

"""How many tokens a text has, where no tokenizer says so."""

from __future__ import annotations

import math
from typing import Final

BYTES_PER_TOKEN: Final = 3.5
"""Of source code and of English, as tokenizers of 100,000 to 150,000 tokens cut them."""


def most_tokens(text: str) -> int:
    """More tokens than any byte-level tokenizer makes of a text: one per byte, and a start."""
    return len(text.encode()) + 1


def likely_tokens(text: str) -> int:
    """About as many tokens as a code model's tokenizer makes of a text."""
    return math.ceil(len(text.encode()) / BYTES_PER_TOKEN) + 1

"""Tables on a terminal: what a narrow one has no room for is folded, and nothing is cut."""

from __future__ import annotations

from typing import Any

from rich.table import Column, Table


def folding(*columns: Column | str, **how: Any) -> Table:
    """A table of these columns; `how` is as rich takes it."""
    made = [Column(each) if isinstance(each, str) else each for each in columns]
    for column in made:
        column.overflow = "fold"
    return Table(*made, **how)

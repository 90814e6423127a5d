"""Modules that are the same on both sides, and that no program wrote."""

from __future__ import annotations

import sys
from typing import Final

_PACKAGES: Final = sys.stdlib_module_names | {"numpy"}
"""The library's, and numpy, whose values cross as those of the library do."""


def is_of_both(module: object) -> bool:
    """Whether a module of that name is of the library, or of a package that both sides may have."""
    return type(module) is str and module.partition(".")[0] in _PACKAGES

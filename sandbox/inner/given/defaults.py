"""Parameters of functions of the tests, as the program sees them: of a default only that it is.

Which one may be what a test expects, so it stays there.
"""

from __future__ import annotations

import inspect
from typing import TYPE_CHECKING, Any, Final

if TYPE_CHECKING:
    from collections.abc import Iterable


class Default:
    """Stands for the default of a parameter, which is the tests' and stays there."""

    def __repr__(self) -> str:
        return "..."


_DEFAULT: Final = Default()


def signature_of(told: Iterable[tuple[str, Any, bool, tuple[type, ...]]]) -> inspect.Signature:
    """A signature, from name, kind, whether there is a default, and annotation of each."""
    return inspect.Signature(
        [
            inspect.Parameter(
                name,
                kind,
                default=_DEFAULT if optional else inspect.Parameter.empty,
                annotation=next(iter(classes), inspect.Parameter.empty),
            )
            for name, kind, optional, classes in told
        ]
    )


def without_defaults(
    names: list[str], args: tuple[Any, ...], kwargs: dict[str, Any]
) -> tuple[tuple[Any, ...], dict[str, Any]]:
    """The arguments of a call that a program made with defaults of a signature: without these."""
    first = next((at for at, arg in enumerate(args) if arg is _DEFAULT), len(args))
    later = {**dict(zip(names[first:], args[first:], strict=False)), **kwargs}
    return args[:first], {name: arg for name, arg in later.items() if arg is not _DEFAULT}

"""What holds of every option and argument of every command, whoever wrote it."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any, Final

import typer

_ANY_NUMBER: Final = -1
"""Of arguments, as click says it."""


def settled(command: Any) -> Any:
    """The command, whose help tells what may be repeated, and whose numbers are finite."""
    for parameter in command.params:
        if parameter.multiple:
            parameter.help = f"{parameter.help.removesuffix('.')}; may be repeated."
        elif parameter.nargs == _ANY_NUMBER:
            parameter.metavar = f"{parameter.metavar}..."
        parameter.callback = _finite(parameter.callback)
    return command


def _finite(callback: Callable[..., Any] | None) -> Callable[..., Any]:
    """The callback, behind a look for `nan` and `inf`, which every range of numbers lets pass."""

    def checked(context: Any, parameter: Any, value: Any) -> Any:
        if context.resilient_parsing:  # a shell completes what is not yet typed to its end
            return value
        for each in value if isinstance(value, tuple | list) else (value,):
            if isinstance(each, float) and not math.isfinite(each):
                raise typer.BadParameter(
                    f"{each} is no finite number.", ctx=context, param=parameter
                )
        return value if callback is None else callback(context, parameter, value)

    return checked

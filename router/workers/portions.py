"""What of the settings is whose: a worker gets them with its part of what is there for all."""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from pydantic import AnyUrl, SecretStr

from router.settings import Settings


def portion(settings: Settings, number: int) -> dict[str, Any]:
    """The settings of a worker as plain values, from which `Settings` are made again.

    It has its part of the sandbox's workers, and of the runs that may wait for one.
    """
    sandbox = settings.sandbox
    processors = len(os.sched_getaffinity(0))
    parts = {
        "workers": _part(sandbox.workers or processors, number, settings.workers),
        "queue": _part(sandbox.queue, number, settings.workers),
    }
    own = settings.model_copy(update={"sandbox": sandbox.model_copy(update=parts)})
    plain: dict[str, Any] = _plain(own.model_dump())
    return plain


def _part(whole: int, number: int, parts: int) -> int:
    """At least one; parts come to the whole where that is enough for all."""
    return max(1, whole // parts + (number < whole % parts))


def _plain(value: Any) -> Any:
    match value:
        case Mapping():
            return {str(name): _plain(each) for name, each in value.items()}
        case list() | tuple():
            return [_plain(each) for each in value]
        case SecretStr():
            return value.get_secret_value()
        case Path() | AnyUrl():
            return str(value)
        case _:
            return value

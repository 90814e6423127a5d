"""The sandbox's backends as commands name them, for one program at a time."""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

from sandbox import Backend, DockerBackend, ProcessBackend

BACKENDS: Final[dict[str, Callable[[], Backend]]] = {
    "process": lambda: ProcessBackend(workers=1),
    "docker": lambda: DockerBackend(workers=1),
}

"""The gateway of `http_world`, with a calibration: its `auto` climbs, and so does `climb`."""

from __future__ import annotations

from contextlib import AbstractAsyncContextManager
from typing import Any

from calibrations import calibration
from fake_upstream import pieces
from http_world import PROMPT, ScriptedBackend, World, world

from policies.plans.auto import Auto
from policies.plans.climb import Climb


def calibrated(**options: Any) -> AbstractAsyncContextManager[World]:
    """A gateway like this; no answer passes its tests but where a backend says so."""
    backend = options.pop("backend", ScriptedBackend(lambda _source: False))
    climb = Climb(calibration())
    policies = {"auto": Auto(climb=climb), "climb": climb}
    return world(backend=backend, policies_made=policies, **options)


def call_of(w: World, prompt: str = PROMPT) -> float:
    """FLOPs of one large call."""
    return w.cost.ceiling("large", len(pieces(prompt)), 1, 256)

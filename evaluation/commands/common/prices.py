"""What costs of models are reckoned from, for the commands about the study."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from evaluation.architectures import ARCHITECTURES
from evaluation.commands.common.configuration import load_settings
from evaluation.commands.common.failing import failing_on
from evaluation.study.reading import Times, UnreadableTimes, read_times
from policies.cost import Rate


def times_of(path: Path | None) -> Times:
    """The wall times of a file; none without one."""
    with failing_on(UnreadableTimes):
        return Times() if path is None else read_times(path)


def rates_of(config: Path | None) -> Mapping[str, Rate]:
    """What models cost: those known by name, and others that a gateway's configuration has."""
    if config is None:
        return ARCHITECTURES
    from router.configuration.configured import model_rate  # noqa: PLC0415 slow to import, and seldom needed
    from router.upstream.sizes.architecture import UnknownArchitecture  # noqa: PLC0415 likewise

    settings = load_settings(config)
    with failing_on(UnknownArchitecture, OSError):
        found = {
            model: model_rate(settings, model)
            for model in settings.models
            if model not in ARCHITECTURES
        }
    return {**ARCHITECTURES, **{model: rate for model, rate in found.items() if rate is not None}}

"""What the models of a gateway cost, as far as the configuration and the files here say."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from policies.cost import Rate
from router.catalogue.entries import CATALOGUE
from router.configuration.configured import model_rate
from router.settings import Settings
from router.upstream.sizes import architecture
from router.upstream.sizes.architecture import UnknownArchitecture


def rates_of_models(
    settings: Settings, models: Sequence[str], on_unreadable: Callable[[str, Exception], None]
) -> dict[str, Rate]:
    """The rates that are known; `on_unreadable` hears of models whose sizes cannot be read."""
    found: dict[str, Rate] = {}
    for model in models:
        try:
            rate = _rate(settings, model)
        except (UnknownArchitecture, OSError) as error:
            on_unreadable(model, error)
            continue
        if rate is not None:
            found[model] = rate
    return found


def _rate(settings: Settings, model: str) -> Rate | None:
    if model in settings.models:
        return model_rate(settings, model)
    if model in CATALOGUE:
        return architecture.from_gguf(settings.model_dir / CATALOGUE[model].file)
    return None

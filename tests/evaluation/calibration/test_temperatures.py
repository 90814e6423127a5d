"""At which temperature models are drawn, where several data sets were sampled."""

from __future__ import annotations

import numpy as np
import pytest

from evaluation.calibration import calibrate
from evaluation.calibration.calibrate import (
    USUAL_TEMPERATURE,
    Calibrating,
    CannotCalibrate,
    temperatures,
)
from evaluation.calibration.particles import Arm, Particles, Recorded
from policies.cost import FlatRate

MODELS = ("small", "large")
RATES = {"small": FlatRate(1.0), "large": FlatRate(3.0)}


def particles(dataset: str, **drawn_at: float | None) -> Particles:
    answers = tuple(Recorded(np.arange(4) < at % 5, np.full(4, 20.0)) for at in range(20))
    arms = {model: Arm(answers, temperature=drawn_at.get(model)) for model in MODELS}
    return Particles(dataset, tuple(f"p/{at}" for at in range(20)), arms)


@pytest.mark.parametrize(
    ("found", "expected"),
    [
        ([{"small": 0.3, "large": 0.6}], {"small": 0.3, "large": 0.6}),
        ([{"small": 0.3, "large": 0.6}] * 2, {"small": 0.3, "large": 0.6}),
        ([{}, {"small": 0.3}], {"small": 0.3, "large": USUAL_TEMPERATURE}),
        ([{"small": 0.3}, {"large": 0.6}], {"small": 0.3, "large": 0.6}),
    ],
)
def test_models_are_drawn_as_their_samples_were(
    found: list[dict[str, float]], expected: dict[str, float]
) -> None:
    """Each as its own, and what does not say so as what does."""
    sets = [particles(f"d{at}", **drawn_at) for at, drawn_at in enumerate(found)]
    assert temperatures(sets, MODELS) == temperatures(sets[::-1], MODELS) == expected


def test_rungs_have_these_temperatures_in_every_domain(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(calibrate, "LENGTHS", (128,))
    sets = [particles("one"), particles("two", small=0.3, large=0.6)]
    made = Calibrating(RATES).calibration(sets)
    for domain in (*made.domains.values(), made.pooled):
        for ladder in domain.lengths[0].own:
            assert {(each.model, each.temperature) for each in ladder.rungs} <= {
                ("small", 0.3),
                ("large", 0.6),
            }


@pytest.mark.parametrize("first", [0, 1])
def test_samples_at_different_temperatures_make_no_one_ladder(first: int) -> None:
    sets = [particles("one", small=0.8, large=0.8), particles("two", small=0.8, large=0.2)]
    with pytest.raises(CannotCalibrate, match=r"large are at different.*0\.2 in two"):
        Calibrating(RATES).calibration(sets[::-1] if first else sets)

"""Problems drawn with replacement, round after round: what intervals over problems are made of."""

from __future__ import annotations

import numpy as np

from evaluation.calibration.replays.standings import Resampled
from evaluation.pools.view import Floats


def rounds(problems: int) -> Floats:
    """How often each problem counts in each round: (rounds, problems), 1 in the first one.

    So the first round is what was measured, and the others tell how far chance may move it.
    """
    return np.concatenate([np.ones((1, problems)), Resampled(problems).weights])

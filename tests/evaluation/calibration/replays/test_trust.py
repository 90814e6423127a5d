import numpy as np

from evaluation.calibration.replays.standings import Resampled, Standing
from evaluation.calibration.replays.trust import Predictions, deciles


def standing(success):
    none = np.zeros(len(success), np.int64)
    return Standing("ladder", success, np.full(success.shape, np.nan), success, none)


def predictions(success, folds=None):
    problems = success.shape[1]
    parts = np.zeros(problems, np.int64) if folds is None else folds
    return Predictions(success, success - 0.1, success + 0.1, parts)


def test_predictions_that_come_true_lie_in_every_interval():
    draw = np.random.default_rng(1)
    promised = draw.random((4, 300))
    came = (draw.random(promised.shape) < promised).astype(float)
    found = deciles(predictions(promised), standing(came), Resampled(300))
    assert len(found) == 10
    assert sum(each.n for each in found) == promised.size
    assert [each.predicted for each in found] == sorted(each.predicted for each in found)
    assert sum(each.within for each in found) >= 8


def test_predictions_that_are_too_high_are_seen():
    draw = np.random.default_rng(1)
    promised = draw.random((4, 300))
    came = (draw.random(promised.shape) < promised / 2).astype(float)
    found = deciles(predictions(promised), standing(came), Resampled(300))
    assert not any(each.within for each in found[3:])


def test_folds_are_not_told_apart():
    """Two folds, one hard and predicted by the easy one, and the other way round."""
    hard = np.arange(100) < 50
    promised = np.repeat(np.where(hard, 0.51, 0.49)[None], 2, axis=0)
    came = np.repeat(np.where(hard, 0.4, 0.6)[None], 2, axis=0)
    found = deciles(predictions(promised, hard.astype(np.int64)), standing(came), Resampled(100))
    assert all(each.within for each in found)


def test_what_outran_does_not_count():
    success = np.full((2, 30), 0.5)
    plan = standing(success)
    outran = Standing(plan.name, plan.success, plan.plus, plan.flops, np.array([0, 1]))
    found = deciles(predictions(success), outran, Resampled(30))
    assert sum(each.n for each in found) == 30

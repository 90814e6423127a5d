"""`evaluation.statistics` under the name that users import metrics by."""

from evaluation.statistics import *  # noqa: F403

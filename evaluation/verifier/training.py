"""Training a verifier: the only part that needs torch.

Problems are held out whole, since what is right for one sample of a problem is told by another. As
many networks are trained as there are folds, each stopped where the fold that it does not learn
from is told best, and their logits are averaged: so every problem is learned from, and no network
is stopped by what it has learned.
"""

from __future__ import annotations

import hashlib
import random
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

import numpy as np

from evaluation.local.loading import importing
from evaluation.verifier.lessons import Lesson
from evaluation.verifier.model import SHAPES, AnswerVerifier, Weights

if TYPE_CHECKING:
    import torch

FOLDS: Final = 3

_BATCH: Final = 8
"""Problems a step."""

_EPOCHS: Final = 40
_PATIENCE: Final = 5
"""Epochs without a better one."""

_RATE: Final = 2e-3
_DECAY: Final = 1e-2
_TOKEN_DROPOUT: Final = 0.9
_DROPOUT: Final = 0.2
_SPREAD: Final = 0.05
"""Of a new token's vector."""

_CONSTANT: Final = 1e-6
"""A feature that varies less than this has always one value."""


@dataclass(frozen=True, slots=True)
class Trained:
    """A network, and how well it tells the problems that were held out: mean loss in nats."""

    weights: Weights
    loss: float
    epochs: int


def fold_of(task_id: str) -> int:
    """Of a problem: always the same, whichever others there are."""
    return hashlib.sha256(f"verifier/{task_id}".encode()).digest()[0] % FOLDS


def train(
    lessons: Sequence[Lesson],
    told: Mapping[str, str],
    advance: Callable[[Trained], None],
    *,
    seed: int = 0,
) -> AnswerVerifier:
    """A verifier of these lessons. Raises `LoadFailed` without torch, ValueError for too few."""
    with importing():
        import torch  # noqa: PLC0415 an extra
    torch.set_num_threads(1)  # the networks are so small that threads would wait for each other
    networks = list[Weights]()
    for fold in range(FOLDS):
        held = [each for each in lessons if fold_of(each.reading.task_id) == fold]
        learned = [each for each in lessons if fold_of(each.reading.task_id) != fold]
        if not held or not learned:
            raise ValueError("too few problems to hold some of them out")
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(seed * FOLDS + fold)
            trained = _Training(learned, held, random.Random(seed)).run()  # noqa: S311 repeats
        advance(trained)
        networks.append(trained.weights)
    return AnswerVerifier(tuple(networks), told)


class _Pages:
    """Lessons as tensors: made once, put together for each step."""

    def __init__(self, lesson: Lesson) -> None:
        import torch  # noqa: PLC0415

        texts = [*lesson.reading.programs, lesson.reading.prompt]
        self.texts = len(texts)
        self.tokens = torch.tensor(np.concatenate(texts))
        self.starts = torch.tensor(np.cumsum([0, *map(len, texts[:-1])]))
        self.at = torch.tensor(lesson.at)
        self.features = torch.tensor(lesson.features, dtype=torch.float32)
        self.right = torch.tensor(lesson.right, dtype=torch.float32)


class _Training:
    """One network in the making."""

    def __init__(
        self, learned: Sequence[Lesson], held: Sequence[Lesson], order: random.Random
    ) -> None:
        import torch  # noqa: PLC0415

        features = np.concatenate([each.features for each in learned])
        spread = features.std(axis=0)
        scale = np.divide(1.0, spread, out=np.zeros_like(spread), where=spread > _CONSTANT)
        self._fixed = {
            "centre": torch.tensor(features.mean(axis=0), dtype=torch.float32),
            "scale": torch.tensor(scale, dtype=torch.float32),
        }
        spreads = {name: SHAPES[name][0] ** -0.5 for name in ("inner", "outer")}
        spreads["tokens"] = _SPREAD
        self._free = {
            name: (torch.randn(shape) * spreads.get(name, 0.0)).requires_grad_()
            for name, shape in SHAPES.items()
            if name not in self._fixed
        }
        self._learned, self._held = list(map(_Pages, learned)), list(map(_Pages, held))
        self._order = order

    def run(self) -> Trained:
        """Epochs until the held-out problems are told no better."""
        import torch  # noqa: PLC0415

        adam = torch.optim.AdamW(self._free.values(), lr=_RATE, weight_decay=_DECAY)
        best = Trained(self._weights(), self._loss_of_held(), 0)
        for epoch in range(1, _EPOCHS + 1):
            self._order.shuffle(self._learned)
            for start in range(0, len(self._learned), _BATCH):
                loss = self._loss(self._learned[start : start + _BATCH], learning=True)
                adam.zero_grad()
                loss.backward()
                adam.step()
            if (held := self._loss_of_held()) < best.loss:
                best = Trained(self._weights(), held, epoch)
            elif epoch - best.epochs >= _PATIENCE:
                break
        return best

    def _weights(self) -> Weights:
        every = {**self._fixed, **self._free}
        return {name: values.detach().numpy().copy() for name, values in every.items()}

    def _loss_of_held(self) -> float:
        import torch  # noqa: PLC0415

        with torch.no_grad():
            return float(self._loss(self._held, learning=False))

    def _loss(self, pages: Sequence[_Pages], *, learning: bool) -> torch.Tensor:
        """Mean cross entropy, in which problems weigh alike."""
        import torch  # noqa: PLC0415

        logits = self._logits(pages, learning=learning)
        right = torch.cat([each.right for each in pages])
        rows = torch.tensor([len(each.right) for each in pages])
        weights = (1.0 / rows / len(pages)).repeat_interleave(rows)
        loss = torch.nn.functional.binary_cross_entropy_with_logits
        return loss(logits, right, weight=weights, reduction="sum")

    def _logits(self, pages: Sequence[_Pages], *, learning: bool) -> torch.Tensor:
        import torch  # noqa: PLC0415

        drop = torch.nn.functional.dropout
        texts = drop(self._encoded(pages), _TOKEN_DROPOUT, training=learning)
        features = torch.cat([each.features for each in pages])
        ends = np.cumsum([each.texts for each in pages]).tolist()
        at = [each.at + end - each.texts for each, end in zip(pages, ends, strict=True)]
        asked = [torch.full_like(each.at, end - 1) for each, end in zip(pages, ends, strict=True)]
        told = (features - self._fixed["centre"]) * self._fixed["scale"]
        read = torch.cat([texts[torch.cat(at)], texts[torch.cat(asked)], told], dim=1)
        inner = torch.relu(read @ self._free["inner"] + self._free["inner_bias"])
        inner = drop(inner, _DROPOUT, training=learning)
        return inner @ self._free["outer"] + self._free["outer_bias"]

    def _encoded(self, pages: Sequence[_Pages]) -> torch.Tensor:
        """The mean vectors of all texts: of each problem its programs, then its prompt."""
        import torch  # noqa: PLC0415

        ends = np.cumsum([len(each.tokens) for each in pages]).tolist()
        starts = [
            each.starts + end - len(each.tokens) for each, end in zip(pages, ends, strict=True)
        ]
        return torch.nn.functional.embedding_bag(
            torch.cat([each.tokens for each in pages]),
            self._free["tokens"],
            torch.cat(starts),
            mode="mean",
        )

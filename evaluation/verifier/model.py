"""A trained verifier: what it computes, and the file that has it.

Computing needs numpy alone. Files are safetensors; what was learned from stands in their metadata.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final, TypeAlias

import numpy as np
from numpy.typing import NDArray

from evaluation.local.loading import importing
from evaluation.pools.files import write_whole
from evaluation.verifier.features import FEATURES, Floats
from evaluation.verifier.tokens import BUCKETS, Buckets

VERSION: Final = 1
"""Of what is read of an answer, and of how it is computed with."""

WIDTH: Final = 32
"""Of a token's vector."""

HIDDEN: Final = 64

Weights: TypeAlias = Mapping[str, NDArray[np.float32]]

SHAPES: Final[Mapping[str, tuple[int, ...]]] = {
    "tokens": (BUCKETS, WIDTH),
    "centre": (len(FEATURES),),
    "scale": (len(FEATURES),),
    "inner": (2 * WIDTH + len(FEATURES), HIDDEN),
    "inner_bias": (HIDDEN,),
    "outer": (HIDDEN,),
    "outer_bias": (1,),
}
"""Of one network's weights, by name."""

_MOST_HEADER: Final = 2**20


class UnreadableVerifier(ValueError):
    """A file that holds no verifier of this version; the message says which and why."""


@dataclass(frozen=True, slots=True)
class AnswerVerifier:
    """One network or several, whose logits are averaged, and what they were trained on.

    The features are `(value - centre) * scale`: where `scale` is 0 one never varied in training,
    and tells nothing.
    """

    networks: tuple[Weights, ...]
    told: Mapping[str, str]

    def encode(self, texts: Sequence[Buckets]) -> tuple[Floats, ...]:
        """The mean vector of each text's tokens, (texts, WIDTH), under each network."""
        return tuple(
            np.stack([_mean(weights["tokens"], text) for text in texts])
            for weights in self.networks
        )

    def scores(
        self, programs: Sequence[Floats], prompt: Sequence[Floats], features: Floats
    ) -> Floats:
        """-log P(right) for each row of features and of encoded programs; `prompt` is one row."""
        logits = [
            self._logits(weights, own, asked, features)
            for weights, own, asked in zip(self.networks, programs, prompt, strict=True)
        ]
        scores: Floats = np.logaddexp(0.0, -np.mean(logits, axis=0))
        return scores

    @staticmethod
    def _logits(weights: Weights, own: Floats, asked: Floats, features: Floats) -> Floats:
        told = (features - weights["centre"]) * weights["scale"]
        read = np.concatenate([own, np.repeat(asked, len(own), axis=0), told], axis=1)
        inner = np.maximum(read @ weights["inner"] + weights["inner_bias"], 0)
        logits: Floats = inner @ weights["outer"] + weights["outer_bias"]
        return logits

    def save(self, path: Path) -> None:
        """Write the file whole. Raises OSError, and `LoadFailed` without safetensors."""
        with importing():
            from safetensors.numpy import save  # noqa: PLC0415 of an extra
        tensors = {
            f"{at}.{name}": np.ascontiguousarray(values, np.float32)
            for at, weights in enumerate(self.networks)
            for name, values in weights.items()
        }
        own = {"version": str(VERSION), "features": " ".join(FEATURES)}
        write_whole(path, save(tensors, {**self.told, **own}))

    @classmethod
    def load(cls, path: Path) -> AnswerVerifier:
        """Read a file. Raises OSError, `UnreadableVerifier`, and `LoadFailed`."""
        with importing():
            from safetensors import SafetensorError  # noqa: PLC0415 of an extra
            from safetensors.numpy import load  # noqa: PLC0415
        content = path.read_bytes()
        try:
            tensors = load(content)
            told = _metadata(content)
        except (SafetensorError, ValueError) as error:
            raise UnreadableVerifier(f"{path} is no verifier: {error}") from error
        if told.get("version") != str(VERSION) or told.get("features") != " ".join(FEATURES):
            raise UnreadableVerifier(f"{path} is a verifier of another version: train it again")
        networks = tuple(
            {name: tensors.get(f"{at}.{name}", np.empty(0, np.float32)) for name in SHAPES}
            for at in range(len(tensors) // len(SHAPES))
        )
        for weights in networks:
            if any(weights[name].shape != shape for name, shape in SHAPES.items()):
                raise UnreadableVerifier(f"{path} is no verifier: its weights have other shapes")
        if not networks:
            raise UnreadableVerifier(f"{path} is no verifier: it has no weights")
        return cls(networks, told)


def _metadata(content: bytes) -> dict[str, str]:
    """Of a safetensors file, whose header is JSON behind eight bytes that say its length."""
    length = min(int.from_bytes(content[:8], "little"), _MOST_HEADER)
    told: dict[str, str] = json.loads(content[8 : 8 + length]).get("__metadata__") or {}
    return told


def _mean(vectors: NDArray[np.float32], text: Buckets) -> Floats:
    if not len(text):
        return np.zeros(WIDTH)
    mean: Floats = vectors[text].mean(axis=0, dtype=np.float64)
    return mean

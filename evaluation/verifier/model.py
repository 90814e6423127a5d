"""A trained verifier: what it computes, and the file that has it.

Computing needs numpy alone. Files are safetensors; what was learned from stands in their metadata.
Nearly all of a verifier are the vectors of tokens, so a file has them in eight bits.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final, TypeAlias

import numpy as np
from numpy.typing import NDArray
from safetensors import SafetensorError
from safetensors.numpy import load, save

from evaluation.verifier.features import FEATURES, Floats
from evaluation.verifier.tokens import BUCKETS, Buckets
from evaluation.writing import write_whole

VERSION: Final = 2
"""Of what is read of an answer, of how it is computed with, and of the file."""

WIDTH: Final = 32
"""Of a token's vector."""

HIDDEN: Final = 64

Numbers: TypeAlias = NDArray[np.float32] | NDArray[np.int8]
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

_STORED: Final[Mapping[str, tuple[int, ...]]] = {**SHAPES, "tokens_scale": (1,)}
"""Of one network in a file, whose `tokens` are whole numbers: parts of `_STEPS` of a scale."""

_STEPS: Final = 127
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
        """Write the file whole. Raises OSError."""
        tensors = {
            f"{at}.{name}": values
            for at, weights in enumerate(self.networks)
            for name, values in _stored(weights).items()
        }
        own = {"version": str(VERSION), "features": " ".join(FEATURES)}
        write_whole(path, save(tensors, {**self.told, **own}))

    @classmethod
    def load(cls, path: Path) -> AnswerVerifier:
        """Read a file. Raises OSError and `UnreadableVerifier`."""
        content = path.read_bytes()
        try:
            tensors = load(content)
            told = _metadata(content)
        except (SafetensorError, ValueError) as error:
            raise UnreadableVerifier(f"{path} is no verifier: {error}") from error
        if told.get("version") != str(VERSION) or told.get("features") != " ".join(FEATURES):
            raise UnreadableVerifier(f"{path} is a verifier of another version: train it again")
        stored = [
            {name: tensors.get(f"{at}.{name}", np.empty(0, np.float32)) for name in _STORED}
            for at in range(len(tensors) // len(_STORED))
        ]
        for weights in stored:
            if any(weights[name].shape != shape for name, shape in _STORED.items()):
                raise UnreadableVerifier(f"{path} is no verifier: its weights have other shapes")
        if not stored:
            raise UnreadableVerifier(f"{path} is no verifier: it has no weights")
        return cls(tuple(map(_read, stored)), told)


def _stored(weights: Weights) -> dict[str, Numbers]:
    """As a file has them."""
    scale = np.abs(weights["tokens"]).max(keepdims=True).reshape(1)
    steps = np.divide(weights["tokens"], scale, out=np.zeros(SHAPES["tokens"]), where=scale > 0)
    others = {name: np.ascontiguousarray(weights[name], np.float32) for name in SHAPES}
    return {
        **others,
        "tokens": np.rint(steps * _STEPS).astype(np.int8),
        "tokens_scale": np.ascontiguousarray(scale, np.float32),
    }


def _read(stored: Mapping[str, Numbers]) -> Weights:
    """What a file has of one network, to compute with."""
    weights = {name: stored[name].astype(np.float32) for name in SHAPES}
    weights["tokens"] *= stored["tokens_scale"].astype(np.float32) / _STEPS
    return weights


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

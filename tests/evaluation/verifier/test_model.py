"""What a verifier computes, and its file."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from safetensors.numpy import save

from evaluation.verifier.features import FEATURES
from evaluation.verifier.model import SHAPES, WIDTH, AnswerVerifier, UnreadableVerifier, Weights
from evaluation.verifier.tokens import program_buckets

FEW = len(FEATURES)


def network(seed: int, **others: float) -> Weights:
    draw = np.random.default_rng(seed)
    weights = {n: draw.normal(size=shape).astype(np.float32) for n, shape in SHAPES.items()}
    for name, value in others.items():
        weights[name] = np.full(SHAPES[name], value, dtype=np.float32)
    return weights


def scores(verifier: AnswerVerifier, features: np.ndarray) -> list[float]:
    texts = verifier.encode([program_buckets("return x"), program_buckets("")])
    programs = [np.repeat(vectors[:1], len(features), axis=0) for vectors in texts]
    prompt = [vectors[1:] for vectors in texts]
    return verifier.scores(programs, prompt, features).tolist()


def test_a_score_is_the_negative_logarithm_of_a_probability() -> None:
    even = AnswerVerifier((network(0, outer=0.0, outer_bias=0.0),), {})
    assert scores(even, np.ones((2, FEW))) == pytest.approx([np.log(2)] * 2)
    sure = AnswerVerifier((network(0, outer=0.0, outer_bias=800.0),), {})
    wrong = AnswerVerifier((network(0, outer=0.0, outer_bias=-800.0),), {})
    assert scores(sure, np.ones((1, FEW))) == [0]
    assert scores(wrong, np.ones((1, FEW))) == [800]  # no overflow


def test_logits_of_several_networks_are_averaged() -> None:
    biases = (2.0, -1.0)
    both = AnswerVerifier(tuple(network(0, outer=0.0, outer_bias=b) for b in biases), {})
    assert scores(both, np.ones((1, FEW))) == pytest.approx([np.log1p(np.exp(-0.5))])


def test_a_feature_that_never_varied_tells_nothing() -> None:
    verifier = AnswerVerifier((network(1, scale=0.0),), {})
    assert len(set(scores(verifier, np.random.default_rng(0).normal(size=(4, FEW))))) == 1


def test_a_text_without_tokens_is_no_vector() -> None:
    (vectors,) = AnswerVerifier((network(2),), {}).encode([program_buckets("")])
    assert vectors.tolist() == [[0.0] * WIDTH]


def test_a_file_holds_all_of_it(tmp_path: Path) -> None:
    made = AnswerVerifier((network(3), network(4)), {"dataset": "humaneval", "problems": "a b"})
    made.save(tmp_path / "one.safetensors")
    read = AnswerVerifier.load(tmp_path / "one.safetensors")
    features = np.random.default_rng(0).normal(size=(3, FEW))
    assert scores(read, features) == pytest.approx(scores(made, features), rel=0.05)
    for one, other in zip(read.networks, made.networks, strict=True):
        step = np.abs(other["tokens"]).max() / 127
        assert np.abs(one["tokens"] - other["tokens"]).max() <= 0.51 * step
        assert all(np.array_equal(one[n], other[n]) for n in SHAPES if n != "tokens")
    assert read.told["dataset"] == "humaneval"
    assert read.told["version"] == "2"
    read.save(tmp_path / "other.safetensors")  # nothing more is lost
    again = AnswerVerifier.load(tmp_path / "other.safetensors")
    assert scores(again, features) == scores(read, features)


def test_a_file_is_small_and_vectors_that_are_all_nothing_stay_so(tmp_path: Path) -> None:
    path = tmp_path / "none.safetensors"
    AnswerVerifier((network(0, tokens=0.0),) * 3, {}).save(path)
    assert path.stat().st_size < 2e6
    assert not any(weights["tokens"].any() for weights in AnswerVerifier.load(path).networks)


def test_what_is_no_verifier_is_refused_with_a_reason(tmp_path: Path) -> None:
    path = tmp_path / "one.safetensors"

    def refused(content: bytes) -> str:
        path.write_bytes(content)
        with pytest.raises(UnreadableVerifier, match=r"one\.safetensors") as caught:
            AnswerVerifier.load(path)
        return str(caught.value)

    AnswerVerifier((network(0),), {}).save(path)
    whole = path.read_bytes()
    told = {"version": "2", "features": " ".join(FEATURES)}
    for damaged in (b"", b"no such thing", whole[:100], whole[:-8]):
        assert "is no verifier" in refused(damaged)
    assert "another version" in refused(save({"a": np.zeros(1)}))
    assert "another version" in refused(save(network(0), told | {"version": "1"}))
    assert "another version" in refused(save(network(0), told | {"features": "other"}))
    assert "no weights" in refused(save({"a": np.zeros(1)}, told))
    assert "no weights" in refused(save(network(0), told))
    scale = {"tokens_scale": np.ones(1, np.float32)}
    assert "other shapes" in refused(save(network(0) | scale, told))  # not numbered
    with pytest.raises(FileNotFoundError):
        AnswerVerifier.load(tmp_path / "none")

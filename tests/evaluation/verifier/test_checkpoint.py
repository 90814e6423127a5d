"""A T5 that verifies says what transformers computes, and one that cannot be used says why."""

from __future__ import annotations

import io
import json
import math
import sys
from pathlib import Path

import pytest

torch = pytest.importorskip("torch", reason="torch is not installed: make torch")
pytest.importorskip("transformers", reason="transformers is not installed: make torch")

import tiny_t5  # noqa: E402 it needs both

from evaluation.local.loading import LoadFailed  # noqa: E402
from evaluation.verifier import serving  # noqa: E402
from evaluation.verifier.checkpoint import PIECES, CheckpointVerifier  # noqa: E402
from evaluation.verifier.wording import written  # noqa: E402
from policies.values import Output  # noqa: E402
from router.upstream.sizes.architecture import t5_from_config_json  # noqa: E402

TEXT = written("Its square", "def square(n): return n * n", [Output("9"), Output("16")])


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tiny_t5.save(tmp_path_factory.mktemp("t5"))


def directly(text: str) -> float:
    """The probability of "yes" among "yes" and "no" as what T5 decodes first."""
    model, tokenizer = tiny_t5.t5().eval(), tiny_t5.tokenizer()
    read = tokenizer(text, return_tensors="pt")
    said = model.generate(
        input_ids=read.input_ids,
        attention_mask=read.attention_mask,
        do_sample=False,
        max_new_tokens=1,
        output_scores=True,
        return_dict_in_generate=True,
    )
    (logits,) = said.scores[0]
    both = logits[tokenizer.convert_tokens_to_ids(["yes", "no"])]
    return float(torch.softmax(both, dim=0)[0])


def test_a_score_is_that_of_yes_against_no(folder: Path) -> None:
    verifier = CheckpointVerifier.load(folder)
    found = {}
    for text in (TEXT, TEXT.replace("*", "+"), TEXT.replace("9", "6")):
        found[text] = math.exp(-verifier.score(verifier.tokens(text)))
        assert found[text] == pytest.approx(directly(text), rel=1e-4)
    assert len(set(found.values())) == 3
    assert all(0 < probability < 1 for probability in found.values())


def test_what_does_not_fit_is_cut_at_the_end(tmp_path: Path) -> None:
    verifier = CheckpointVerifier.load(tiny_t5.save(tmp_path, longest=5))
    tokens = verifier.tokens(TEXT)
    assert len(tokens) == 5
    whole = tiny_t5.tokenizer()(TEXT).input_ids
    assert tokens == whole[:5]
    assert len(whole) > 20
    assert verifier.score(tokens) == verifier.score(verifier.tokens(TEXT + " more"))


@pytest.mark.parametrize(
    "sizes", [{}, {"feed_forward_proj": "gated-gelu"}, {"num_decoder_layers": 3, "d_kv": 8}]
)
def test_its_flops_are_what_torch_counts(tmp_path: Path, sizes: dict[str, object]) -> None:
    from torch.utils.flop_counter import FlopCounterMode  # noqa: PLC0415

    verifier = CheckpointVerifier.load(tiny_t5.save(tmp_path, **sizes))
    verifier.model.set_attn_implementation("eager")  # whose products are counted
    rate = t5_from_config_json(tmp_path / "config.json")
    for text in (TEXT, "yes"):
        tokens = verifier.tokens(text)
        with FlopCounterMode(display=False) as counted:
            verifier.score(tokens)
        assert rate.score(len(tokens), 1) == counted.get_total_flops()


def test_a_process_counts_and_then_scores(folder: Path) -> None:
    verifier = CheckpointVerifier.load(folder)
    candidate = {
        "program": "def square(n): return n * n",
        "outputs": {"square(3)": ["9", True], "square(4)": ["16", True]},
    }
    asked = {"description": "Its square", "inputs": ["square(3)", "square(4)"]}
    lines = [
        json.dumps({**asked, "id": 1, "candidates": [candidate], "count": True}),
        json.dumps({**asked, "id": 2, "candidates": [candidate, candidate]}),
        json.dumps({**asked, "id": 3, "candidates": [{}]}),
    ]
    out = io.StringIO()
    serving.serve(verifier, lines, out)
    counted, scored, wrong = map(json.loads, out.getvalue().splitlines())
    tokens = verifier.tokens(TEXT)
    assert counted == {"id": 1, "tokens": len(tokens)}
    assert scored == {"id": 2, "scores": [verifier.score(tokens)] * 2}
    assert "KeyError" in wrong["error"]


def refused(folder: Path) -> str:
    with pytest.raises(LoadFailed) as caught:
        CheckpointVerifier.load(folder)
    assert str(folder) in str(caught.value)
    return str(caught.value)


def test_what_is_no_t5_is_refused(tmp_path: Path) -> None:
    assert "config.json" in refused(tmp_path)
    (tmp_path / "config.json").write_text(json.dumps({"model_type": "roberta"}))
    assert "model_type 'roberta' is not 't5'" in refused(tmp_path)


def test_one_without_all_of_its_weights_is_refused(tmp_path: Path) -> None:
    from safetensors.torch import load_file, save_file  # noqa: PLC0415

    tiny_t5.save(tmp_path)
    path = tmp_path / "model.safetensors"
    weights = {name: each for name, each in load_file(path).items() if "decoder" not in name}
    save_file(weights, path, metadata={"format": "pt"})
    assert "lacks weights of a T5, such as decoder." in refused(tmp_path)
    path.write_bytes(b"nothing of use")
    assert "cannot be loaded by transformers" in refused(tmp_path)
    path.rename(tmp_path / "pytorch_model.bin")
    assert "cannot be loaded by transformers" in refused(tmp_path)
    (tmp_path / "pytorch_model.bin").unlink()
    assert "cannot be loaded by transformers" in refused(tmp_path)


def test_whatever_keeps_one_from_loading_is_said(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    tiny_t5.save(tmp_path)
    (tmp_path / "tokenizer.json").write_text("no JSON")
    assert serving.main(tmp_path) == 1
    assert f"{tmp_path} cannot be loaded" in json.loads(capsys.readouterr().out)["error"]


@pytest.mark.parametrize("word", ["yes", "no"])
def test_a_tokenizer_must_have_both_words(tmp_path: Path, word: str) -> None:
    tiny_t5.save(tmp_path)
    others = tuple("other" if each == word else each for each in tiny_t5.WORDS)
    tiny_t5.tokenizer(others).save_pretrained(tmp_path)
    assert f"no single token for '{word}'" in refused(tmp_path)


def test_a_tokenizer_of_sentencepiece_needs_that_too(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    tiny_t5.save(tmp_path)
    (tmp_path / PIECES).touch()
    CheckpointVerifier.load(tmp_path)  # the other file will do
    (tmp_path / "tokenizer.json").unlink()
    monkeypatch.setitem(sys.modules, "sentencepiece", None)
    with pytest.raises(LoadFailed, match="sentencepiece is not installed: make torch"):
        CheckpointVerifier.load(tmp_path)


def test_one_as_it_was_saved_in_2023_is_read(tmp_path: Path) -> None:
    """Its weights are a pickle, of which nothing runs, and its tokenizer is sentencepiece's."""
    pieces = pytest.importorskip("sentencepiece", reason="sentencepiece is not installed")
    tiny_t5.save_as_published(tmp_path)
    verifier = CheckpointVerifier.load(tmp_path)
    model = pieces.SentencePieceProcessor(model_file=str(tmp_path / PIECES))
    assert [verifier.right, verifier.wrong] == model.piece_to_id(["▁yes", "▁no"])
    assert verifier.tokens("yes no yes") == [*model.encode("yes no yes"), 1]
    assert verifier.score(verifier.tokens("yes")) != verifier.score(verifier.tokens("no"))


def test_without_transformers_it_says_what_to_install(
    folder: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setitem(sys.modules, "transformers", None)
    assert serving.main(folder) == 1
    told = json.loads(capsys.readouterr().out)["error"]
    assert told.startswith("transformers is not installed")
    assert "budget-router[torch]" in told

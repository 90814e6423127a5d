"""A model's own files tell how it fills in the middle."""

from __future__ import annotations

import json

import pytest
from gguf_files import gguf

from router.catalogue.fim import FAMILIES
from router.upstream.sizes import gguf as reading
from router.upstream.sizes.tokens import fim_of_folder, fim_of_header

QWEN = ["<|endoftext|>", *FAMILIES["qwen"].marks, "<|repo_name|>", "<|file_sep|>"]
STARCODER = ["<|endoftext|>", *FAMILIES["starcoder"].marks]


def header(tmp_path, tokens, **keys):
    path = tmp_path / "model.gguf"
    named = {f"tokenizer.ggml.{key}": number for key, number in keys.items()}
    path.write_bytes(gguf({"tokenizer.ggml.tokens": tokens} | named, {}))
    return reading.read(path)


def test_a_gguf_file_has_its_vocabulary(tmp_path):
    vocabulary = header(tmp_path, ["a", "bc", "", "é"]).vocabulary
    assert [vocabulary[number] for number in range(4)] == ["a", "bc", "", "é"]
    assert all(token in vocabulary for token in ("a", "bc", "é"))
    assert not any(token in vocabulary for token in ("b", "abc", "c", 1))
    with pytest.raises(IndexError):
        vocabulary[4]


@pytest.mark.parametrize(("tokens", "family"), [(QWEN, "qwen"), (STARCODER, "starcoder")])
def test_its_tokens_tell_the_family(tmp_path, tokens, family):
    found = fim_of_header(header(tmp_path, ["a", *tokens, "b"]))
    assert found is not None
    assert found.form == FAMILIES[family].form
    assert set(found.stop) <= set(tokens)


def test_without_tokens_there_is_none(tmp_path):
    assert fim_of_header(header(tmp_path, ["a", "b"])) is None


@pytest.mark.parametrize(
    "names", [("fim_pre", "fim_suf", "fim_mid"), ("prefix", "suffix", "middle")]
)
def test_keys_name_tokens_by_their_number(tmp_path, names):
    numbers = {f"{name}_token_id": number for number, name in enumerate(names)}
    found = fim_of_header(header(tmp_path, ["<P>", "<S>", "<M>"], **numbers))
    assert found is not None
    assert found.render("a", "b") == "<P>a<S>b<M>"


def test_a_number_beyond_the_vocabulary_names_nothing(tmp_path):
    numbers = {"fim_pre_token_id": 0, "fim_suf_token_id": 1, "fim_mid_token_id": 99}
    assert fim_of_header(header(tmp_path, ["<P>", "<S>"], **numbers)) is None


def added(tokens):
    return [
        {"id": number, "content": token, "special": True} for number, token in enumerate(tokens)
    ]


FILES = {
    "tokenizer_config.json": {
        "model_max_length": 32768,
        "added_tokens_decoder": {str(entry["id"]): entry for entry in added(QWEN)},
    },
    "added_tokens.json": {token: number for number, token in enumerate(QWEN)},
    "tokenizer.json": {"added_tokens": added(QWEN), "model": {"vocab": {}}},
}


@pytest.mark.parametrize("name", FILES)
def test_a_tokenizer_tells_the_family_in_any_of_its_files(tmp_path, name):
    (tmp_path / name).write_text(json.dumps(FILES[name]))
    found = fim_of_folder(tmp_path)
    assert found is not None
    assert found.form == FAMILIES["qwen"].form


def test_a_file_that_tells_nothing_leaves_it_to_the_next(tmp_path):
    (tmp_path / "tokenizer_config.json").write_text('{"model_max_length": 1}')
    (tmp_path / "tokenizer.json").write_text(json.dumps(FILES["tokenizer.json"]))
    assert fim_of_folder(tmp_path) is not None


@pytest.mark.parametrize("name", FILES)
@pytest.mark.parametrize("text", ["", "[]", "null", '{"added_tokens": 5}', "[" * 100_000])
def test_a_tokenizer_that_does_not_read_says_nothing(tmp_path, name, text):
    (tmp_path / name).write_text(text)
    assert fim_of_folder(tmp_path) is None

"""Sizes from a config and from a GGUF header agree, with the paper, and never guess."""

from __future__ import annotations

import json
import struct

import platformdirs
import pytest
from gguf_files import gguf

from router.catalogue.entries import lookup
from router.upstream.sizes.architecture import (
    UnknownArchitecture,
    from_config_json,
    from_gguf,
    t5_from_config_json,
)

SIZES = (
    "hidden_size",
    "intermediate_size",
    "num_hidden_layers",
    "num_attention_heads",
    "num_key_value_heads",
    "vocab_size",
)


def config(*sizes, **more):
    return dict(zip(SIZES, sizes, strict=True)) | more


QWEN = {
    "qwen2.5-coder-0.5b": config(896, 4864, 24, 14, 2, 151_936, model_type="qwen2"),
    "qwen2.5-coder-1.5b": config(1536, 8960, 28, 12, 2, 151_936, model_type="qwen2"),
}


@pytest.mark.parametrize(
    ("shape", "teraflops"),
    [
        ((4096, 11_008, 32, 32, 32, 32_016), 1.69),
        ((5120, 13_824, 40, 40, 40, 32_016), 3.29),
        ((8192, 22_016, 48, 64, 8, 32_000), 8.58),
        ((8192, 28_672, 80, 64, 8, 32_016), 17.60),
    ],
    ids=["7B", "13B", "34B", "70B"],
)
def test_code_llama_costs_what_table_1_of_the_paper_says(shape, teraflops):
    cost = from_config_json(config(*shape, model_type="llama")).paper()
    assert cost == pytest.approx(teraflops * 1e12, rel=1.5e-3)


def test_the_weights_of_the_half_billion_qwen_are_counted_by_hand():
    architecture = from_config_json(QWEN["qwen2.5-coder-0.5b"])
    attention = 896 * 896 * 2 + 896 * 128 * 2
    assert architecture.body_params == 24 * (attention + 3 * 896 * 4864)
    assert architecture.head_params == 151_936 * 896
    assert (architecture.layers, architecture.attention_width) == (24, 896)


@pytest.mark.real_model
@pytest.mark.parametrize("model", QWEN)
def test_the_gguf_header_and_the_config_agree(model):
    path = platformdirs.user_cache_path("budget-router") / "models" / lookup(model).file
    if not path.exists():
        pytest.skip(f"{path.name} is not here: budget-router models pull {model}")
    assert from_gguf(path) == from_config_json(QWEN[model])


def test_a_config_is_read_from_its_file(tmp_path):
    path = tmp_path / "config.json"
    path.write_text(json.dumps(QWEN["qwen2.5-coder-0.5b"]))
    assert from_config_json(path) == from_config_json(QWEN["qwen2.5-coder-0.5b"])


def test_key_value_heads_default_to_the_heads_and_the_head_size_may_be_given():
    plain = config(64, 128, 2, 4, 4, 100)
    assert from_config_json({**plain, "num_key_value_heads": None}) == from_config_json(plain)
    wide = from_config_json({**plain, "head_dim": 32})
    assert wide.attention_width == 4 * 32
    assert wide.body_params == 2 * (4 * 64 * 4 * 32 + 3 * 64 * 128)


@pytest.mark.parametrize("key", [key for key in SIZES if key != "num_key_value_heads"])
def test_a_missing_key_is_named(key):
    sizes = config(64, 128, 2, 4, 4, 100)
    del sizes[key]
    with pytest.raises(UnknownArchitecture, match=key):
        from_config_json(sizes)


@pytest.mark.parametrize("fault", [{"vocab_size": 0}, {"vocab_size": None}, {"model_type": "gpt2"}])
def test_a_file_that_tells_no_sizes_is_named(tmp_path, fault):
    path = tmp_path / "config.json"
    path.write_text(json.dumps(config(64, 128, 2, 4, 4, 100) | fault))
    with pytest.raises(UnknownArchitecture) as refused:
        from_config_json(path)
    assert str(refused.value).startswith(f"{path}: ")
    assert next(iter(fault)) in str(refused.value)


@pytest.mark.parametrize("value", [0, -1, 1.5, "64", True])
def test_a_size_that_is_no_positive_integer_is_refused(value):
    with pytest.raises(UnknownArchitecture, match="vocab_size"):
        from_config_json(config(64, 128, 2, 4, 4, value))


@pytest.mark.parametrize("family", ["mixtral", "gpt2", "phi", ["llama"]])
def test_a_family_whose_blocks_are_other_is_refused(family):
    with pytest.raises(UnknownArchitecture, match="model_type"):
        from_config_json(config(64, 128, 2, 4, 4, 100, model_type=family))


@pytest.mark.parametrize("text", ["", "[]", "{"])
def test_a_config_that_is_no_json_object_is_refused(tmp_path, text):
    path = tmp_path / "config.json"
    path.write_text(text)
    with pytest.raises(UnknownArchitecture, match=r"config\.json"):
        from_config_json(path)


METADATA = {
    "general.architecture": "llama",
    "tokenizer.ggml.tokens": ["a", "bc", ""],
    "llama.block_count": 1,
    "llama.embedding_length": 8,
    "llama.attention.head_count": 2,
}
TENSORS = {
    "token_embd.weight": (8, 100),
    "blk.0.attn_norm.weight": (8,),
    "blk.0.attn_q.weight": (8, 8),
    "blk.0.attn_q.bias": (8,),
    "blk.0.ffn_up.weight": (8, 32),
}


def write(tmp_path, data):
    path = tmp_path / "model.gguf"
    path.write_bytes(data)
    return path


def test_norms_and_biases_are_no_linear_layers_and_a_tied_head_counts(tmp_path):
    architecture = from_gguf(write(tmp_path, gguf(METADATA, TENSORS)))
    assert architecture.body_params == 8 * 8 + 8 * 32
    assert architecture.head_params == 800
    assert (architecture.layers, architecture.attention_width) == (1, 8)


def test_a_head_of_its_own_is_preferred_to_the_embedding(tmp_path):
    tensors = TENSORS | {"output.weight": (8, 90)}
    assert from_gguf(write(tmp_path, gguf(METADATA, tensors))).head_params == 720


@pytest.mark.parametrize(
    ("data", "reason"),
    [
        (b"", "empty"),
        (b"hello, world", "begin with 'GGUF'"),
        (gguf(METADATA, TENSORS, version=9), "version 9"),
        (gguf(METADATA, TENSORS)[:-20], "unpack"),
        (b"GGUF" + struct.pack("<IQQ", 3, 0, 1) + b"\xff" * 40, "middle"),
        (gguf({}, TENSORS), "general.architecture"),
        (gguf(METADATA | {"llama.expert_count": 8}, TENSORS), "experts"),
        (gguf(METADATA | {"llama.block_count": 0}, TENSORS), "block_count"),
        (gguf(METADATA, {}), "blk"),
        (gguf(METADATA, {"blk.0.attn_q.weight": (8, 8)}), "token_embd"),
    ],
)
def test_a_file_that_cannot_be_read_says_why(tmp_path, data, reason):
    with pytest.raises(UnknownArchitecture, match=reason):
        from_gguf(write(tmp_path, data))


def test_a_missing_file_is_an_unknown_architecture(tmp_path):
    with pytest.raises(UnknownArchitecture, match=r"none\.gguf"):
        from_gguf(tmp_path / "none.gguf")


def test_a_feed_forward_without_a_gate_has_two_matrices():
    shape = (64, 128, 2, 4, 4, 100)
    gated = from_config_json(config(*shape, model_type="llama"))
    plain = from_config_json(config(*shape, model_type="starcoder2"))
    assert gated.body_params - plain.body_params == 2 * 64 * 128


T5_BASE = {
    "model_type": "t5",
    "d_model": 768,
    "d_kv": 64,
    "num_heads": 12,
    "d_ff": 3072,
    "num_layers": 12,
    "vocab_size": 32_128,
    "n_positions": 512,
}


def test_a_t5_has_the_parameters_that_it_is_said_to_have():
    base = t5_from_config_json(T5_BASE)
    total = base.read_params + base.said_params + base.head_params  # the embedding is the head
    assert total == pytest.approx(222.9e6, rel=1e-3)  # norms and positions multiply no matrix
    assert (base.encoder_layers, base.decoder_layers, base.longest) == (12, 12, 512)
    assert base.attention_width == 768


def test_a_t5_may_be_gated_and_have_fewer_blocks_that_decode():
    plain = t5_from_config_json(T5_BASE)
    gated = t5_from_config_json({**T5_BASE, "feed_forward_proj": "gated-gelu"})
    assert gated.read_params - plain.read_params == 12 * 768 * 3072
    short = t5_from_config_json({**T5_BASE, "num_decoder_layers": 3})
    assert short.said_params * 4 == plain.said_params
    assert short.read_params == plain.read_params - 9 * 2 * 768 * 768  # keys and values


def test_a_t5_reads_512_tokens_where_nobody_says_how_many():
    untold = {key: value for key, value in T5_BASE.items() if key != "n_positions"}
    assert t5_from_config_json(untold).longest == 512
    assert t5_from_config_json({**untold, "n_positions": 1024}).longest == 1024


@pytest.mark.parametrize(
    ("change", "why"),
    [
        ({"model_type": "llama"}, "model_type 'llama' is not 't5'"),
        ({"model_type": None}, "model_type None"),
        ({"d_kv": None}, "'d_kv' is missing"),
        ({"n_positions": -1}, "'n_positions' must be a positive integer"),
    ],
)
def test_what_is_no_t5_is_never_guessed(change, why):
    with pytest.raises(UnknownArchitecture, match=why):
        t5_from_config_json({**T5_BASE, **change})

"""A causal language model of a few thousand random weights, whose tokens are characters."""

from __future__ import annotations

import string
from pathlib import Path

import pytest

END = "<|end|>"
TOKENS = string.ascii_lowercase + string.digits + "().,:+=_#/" + "ĠĊ"
"""The last two are how byte-level vocabularies write a space and the end of a line."""


def write(directory: Path) -> Path:
    """A model directory as transformers save it; skips the test where torch is missing."""
    torch = pytest.importorskip("torch", reason="torch is not installed: make torch")
    transformers = pytest.importorskip("transformers", reason="make torch")
    vocabulary = {END: 0} | {token: 1 + at for at, token in enumerate(TOKENS)}
    transformers.Qwen2Tokenizer(
        vocab=vocabulary, merges=[], eos_token=END, pad_token=END, unk_token=END
    ).save_pretrained(directory)
    torch.manual_seed(0)
    config = transformers.Qwen2Config(
        vocab_size=len(vocabulary),
        hidden_size=32,
        intermediate_size=64,
        num_hidden_layers=2,
        num_attention_heads=4,
        num_key_value_heads=2,
        max_position_embeddings=256,
        eos_token_id=0,
        bos_token_id=None,
        initializer_range=0.5,  # far from uniform: an error in a cache would show
    )
    transformers.Qwen2ForCausalLM(config).save_pretrained(directory)
    return directory

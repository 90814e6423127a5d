"""A model's sizes, read from its `config.json` or from the header of its GGUF file.

Guards against FLOPs that are silently wrong: a family whose blocks we cannot count, a missing
key or a cut file is an `UnknownArchitecture`, never a guess.
"""

from __future__ import annotations

import json
import math
import re
from collections.abc import Mapping
from pathlib import Path
from typing import Final

from policies.cost import Architecture, EncoderDecoder
from router.upstream.sizes import gguf
from router.upstream.sizes.gguf import Header, Metadata, Shapes

# Blocks of attention (q, k, v, o) and a feed-forward of so many matrices, nothing else: three where
# it is gated (gate, up, down), two where it is not.
_FEED_FORWARD: Final = {
    **dict.fromkeys(
        ("llama", "mistral", "qwen2", "qwen3", "phi3", "gemma", "gemma2", "granite", "olmo2"), 3
    ),
    "starcoder2": 2,
}

_T5_READS: Final = 512
"""Tokens, where a file does not say it: what T5 was trained on."""

_BLOCK_WEIGHT: Final = re.compile(r"blk\.\d+\.(attn|ffn)_\w+\.weight")


class UnknownArchitecture(ValueError):
    """The sizes of a model cannot be told; the message says what is missing and where."""


def from_config_json(source: Path | Mapping[str, object]) -> Architecture:
    """Read a Hugging Face `config.json`, as a path or already parsed.

    Raises `UnknownArchitecture` for a file that cannot be read, a family whose blocks are not
    plain attention with a feed-forward, and a size that is missing or no positive integer.
    """
    if isinstance(source, Path):
        config = _load(source)
        try:
            return from_config_json(config)
        except UnknownArchitecture as error:
            raise UnknownArchitecture(f"{source}: {error}") from None
    family = source.get("model_type", "llama")
    if not isinstance(family, str) or family not in _FEED_FORWARD:
        known = ", ".join(sorted(_FEED_FORWARD))
        raise UnknownArchitecture(f"model_type {family!r} is not one of {known}")
    hidden, layers = _size(source, "hidden_size"), _size(source, "num_hidden_layers")
    heads = _size(source, "num_attention_heads")
    key_value_heads = _size(source, "num_key_value_heads", heads)
    head = _size(source, "head_dim", hidden // heads)
    attention = 2 * hidden * head * (heads + key_value_heads)
    feed_forward = _FEED_FORWARD[family] * hidden * _size(source, "intermediate_size")
    return Architecture(
        body_params=layers * (attention + feed_forward),
        head_params=_size(source, "vocab_size") * hidden,
        layers=layers,
        attention_width=heads * head,
    )


def t5_from_config_json(source: Path | Mapping[str, object]) -> EncoderDecoder:
    """Read the `config.json` of a T5, of an encoder and a decoder.

    Raises `UnknownArchitecture` for a file that cannot be read, another family, and a size that is
    missing or no positive integer.
    """
    config = _load(source) if isinstance(source, Path) else source
    if (family := config.get("model_type")) != "t5":
        raise UnknownArchitecture(f"config.json: model_type {family!r} is not 't5'")
    hidden, width = _size(config, "d_model"), _size(config, "num_heads") * _size(config, "d_kv")
    layers = _size(config, "num_layers")
    decoder_layers = _size(config, "num_decoder_layers", layers)
    gated = str(config.get("feed_forward_proj", "relu")).startswith("gated")
    feed_forward = (3 if gated else 2) * hidden * _size(config, "d_ff")
    projection = hidden * width  # one of the four of an attention
    return EncoderDecoder(
        read_params=layers * (4 * projection + feed_forward) + decoder_layers * 2 * projection,
        said_params=decoder_layers * (6 * projection + feed_forward),
        head_params=_size(config, "vocab_size") * hidden,
        encoder_layers=layers,
        decoder_layers=decoder_layers,
        attention_width=width,
        longest=_size(config, "n_positions", _T5_READS),
    )


def from_gguf(path: Path) -> Architecture:
    """Read the header of a GGUF file; its weights are not touched.

    Raises `UnknownArchitecture` for a file that is missing, cut or no GGUF, and what `from_header`
    raises.
    """
    return from_header(header_of(path), path.name)


def header_of(path: Path) -> Header:
    """The header of a GGUF file. Raises `UnknownArchitecture`."""
    try:
        return gguf.read(path)
    except gguf.UnreadableHeader as error:
        raise UnknownArchitecture(f"{path.name}: no readable GGUF header: {error}") from error


def from_header(header: Header, name: str) -> Architecture:
    """The sizes that the header of the file of this name tells.

    Raises `UnknownArchitecture` for a mixture of experts (which does not use all its weights per
    token), and sizes that are missing.
    """
    try:
        return _from_header(header.metadata, header.shapes)
    except UnknownArchitecture as error:
        raise UnknownArchitecture(f"{name}: {error}") from None


def _load(path: Path) -> Mapping[str, object]:
    try:
        config = json.loads(path.read_bytes())
    except (OSError, ValueError) as error:
        raise UnknownArchitecture(f"{path}: no readable config.json: {error}") from error
    if not isinstance(config, dict):
        raise UnknownArchitecture(f"{path}: not a JSON object")
    return config


def _size(values: Mapping[str, object], key: str, default: int | None = None) -> int:
    value = values.get(key)
    if value is None:
        value = default
    if value is None:
        raise UnknownArchitecture(f"the key {key!r} is missing")
    if isinstance(value, bool) or not isinstance(value, int) or value <= 0:
        raise UnknownArchitecture(f"the key {key!r} must be a positive integer, not {value!r}")
    return value


def _from_header(metadata: Metadata, shapes: Shapes) -> Architecture:
    family = metadata.get("general.architecture")
    if not isinstance(family, str):
        raise UnknownArchitecture("the key 'general.architecture' is missing")
    if metadata.get(f"{family}.expert_count"):
        raise UnknownArchitecture("a mixture of experts does not use all its weights per token")
    hidden = _size(metadata, f"{family}.embedding_length")
    heads = _size(metadata, f"{family}.attention.head_count")
    head = _size(metadata, f"{family}.attention.key_length", hidden // heads)
    body = [
        math.prod(shape)
        for name, shape in shapes.items()
        if _BLOCK_WEIGHT.fullmatch(name) and len(shape) > 1  # norms have one dimension
    ]
    if not body:
        raise UnknownArchitecture("no tensor 'blk.N.attn_*.weight' in the file")
    output = shapes.get("output.weight", shapes.get("token_embd.weight"))
    if output is None:
        raise UnknownArchitecture("neither 'output.weight' nor 'token_embd.weight' is in the file")
    return Architecture(
        body_params=sum(body),
        head_params=math.prod(output),
        layers=_size(metadata, f"{family}.block_count"),
        attention_width=heads * head,
    )

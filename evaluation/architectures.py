"""Sizes of models known by name, so that their FLOPs follow without a weight or a download.

The Code Llama family is the paper's; Llama-3 is here to test its footnote 3; then come families
that people bring counts of, and the gateway's own catalogue among them. Sizes are from the
`config.json` that each model was published with.
"""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType
from typing import Any, Final

from policies.cost import Architecture
from router.upstream.sizes.architecture import from_config_json

TERA: Final = 1e12
"""FLOPs in a teraFLOP, the unit of every table and figure."""


class UnknownModelName(LookupError):
    """No model of this name has its sizes here; the message names those that have."""

    def __init__(self, model: str) -> None:
        super().__init__(f"no sizes of a model {model!r}; known: {', '.join(ARCHITECTURES)}")


def _sizes(
    family: str,
    hidden: int,
    feed_forward: int,
    layers: int,
    *,
    heads: int,
    key_value_heads: int,
    vocabulary: int,
) -> Mapping[str, Any]:
    return {
        "model_type": family,
        "hidden_size": hidden,
        "intermediate_size": feed_forward,
        "num_hidden_layers": layers,
        "num_attention_heads": heads,
        "num_key_value_heads": key_value_heads,
        "vocab_size": vocabulary,
    }


CONFIGS: Final[Mapping[str, Mapping[str, Any]]] = MappingProxyType(
    {
        "codellama-7b": _sizes(
            "llama", 4096, 11_008, 32, heads=32, key_value_heads=32, vocabulary=32_016
        ),
        "codellama-13b": _sizes(
            "llama", 5120, 13_824, 40, heads=40, key_value_heads=40, vocabulary=32_016
        ),
        "codellama-34b": _sizes(
            "llama", 8192, 22_016, 48, heads=64, key_value_heads=8, vocabulary=32_000
        ),
        "codellama-70b": _sizes(
            "llama", 8192, 28_672, 80, heads=64, key_value_heads=8, vocabulary=32_016
        ),
        "llama3-8b": _sizes(
            "llama", 4096, 14_336, 32, heads=32, key_value_heads=8, vocabulary=128_256
        ),
        "llama3-70b": _sizes(
            "llama", 8192, 28_672, 80, heads=64, key_value_heads=8, vocabulary=128_256
        ),
        "qwen2.5-coder-0.5b": _sizes(
            "qwen2", 896, 4864, 24, heads=14, key_value_heads=2, vocabulary=151_936
        ),
        "qwen2.5-coder-1.5b": _sizes(
            "qwen2", 1536, 8960, 28, heads=12, key_value_heads=2, vocabulary=151_936
        ),
        "qwen2.5-coder-3b": _sizes(
            "qwen2", 2048, 11_008, 36, heads=16, key_value_heads=2, vocabulary=151_936
        ),
        "qwen2.5-coder-7b": _sizes(
            "qwen2", 3584, 18_944, 28, heads=28, key_value_heads=4, vocabulary=152_064
        ),
        "qwen2.5-coder-14b": _sizes(
            "qwen2", 5120, 13_824, 48, heads=40, key_value_heads=8, vocabulary=152_064
        ),
        "qwen2.5-coder-32b": _sizes(
            "qwen2", 5120, 27_648, 64, heads=40, key_value_heads=8, vocabulary=152_064
        ),
        "deepseek-coder-1.3b": _sizes(
            "llama", 2048, 5504, 24, heads=16, key_value_heads=16, vocabulary=32_256
        ),
        "deepseek-coder-6.7b": _sizes(
            "llama", 4096, 11_008, 32, heads=32, key_value_heads=32, vocabulary=32_256
        ),
        "deepseek-coder-33b": _sizes(
            "llama", 7168, 19_200, 62, heads=56, key_value_heads=8, vocabulary=32_256
        ),
        "starcoder2-3b": _sizes(
            "starcoder2", 3072, 12_288, 30, heads=24, key_value_heads=2, vocabulary=49_152
        ),
        "starcoder2-7b": _sizes(
            "starcoder2", 4608, 18_432, 32, heads=36, key_value_heads=4, vocabulary=49_152
        ),
        "starcoder2-15b": _sizes(
            "starcoder2", 6144, 24_576, 40, heads=48, key_value_heads=4, vocabulary=49_152
        ),
        "codestral-22b": _sizes(
            "mistral", 6144, 16_384, 56, heads=48, key_value_heads=8, vocabulary=32_768
        ),
        "smollm2-135m": _sizes(
            "llama", 576, 1536, 30, heads=9, key_value_heads=3, vocabulary=49_152
        ),
    }
)
"""What of a model's `config.json` decides its sizes."""

ARCHITECTURES: Final[Mapping[str, Architecture]] = MappingProxyType(
    {model: from_config_json(config) for model, config in CONFIGS.items()}
)


def architecture(model: str) -> Architecture:
    """The sizes of a model by name; raises `UnknownModelName`."""
    try:
        return ARCHITECTURES[model]
    except KeyError:
        raise UnknownModelName(model) from None

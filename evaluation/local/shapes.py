"""Models that have a shape and no learning: what a token costs does not depend on the weights.

So the wall time of a model can be measured where it cannot be downloaded.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from types import SimpleNamespace
from typing import Any, Final

from evaluation.local.loading import LanguageModel, LoadFailed, device, importing

BYTES_PER_TOKEN: Final = 3
"""About what a tokenizer makes of code: so a prompt has about as many tokens as it would have."""


def build(config: Mapping[str, Any]) -> LanguageModel:
    """A model of these sizes (`config.json`) with weights at random, in bfloat16.

    Every sample of it ends at the limit of tokens, and says nothing. Raises `LoadFailed`.
    """
    with importing():
        import torch  # noqa: PLC0415 gigabytes that only this needs
        from transformers import AutoConfig, AutoModelForCausalLM  # noqa: PLC0415
    shape = AutoConfig.for_model(**config, eos_token_id=None, bos_token_id=None)
    try:
        with torch.device(device()):
            model = AutoModelForCausalLM.from_config(shape, dtype=torch.bfloat16)
    except (RuntimeError, MemoryError) as error:  # torch's own for want of memory is a RuntimeError
        raise LoadFailed(f"a model of this shape cannot be had here: {error}") from error
    return LanguageModel(model.eval(), _Bytes())


class _Bytes:
    """In place of a tokenizer. Tokens mean nothing to such a model, but their number counts."""

    added_tokens_decoder: Final[Mapping[int, Any]] = {}

    def __call__(self, text: str, **_: Any) -> SimpleNamespace:
        return SimpleNamespace(input_ids=list(text.encode()[::BYTES_PER_TOKEN]))

    def batch_decode(self, tokens: Sequence[Sequence[int]], **_: Any) -> list[str]:
        return [""] * len(tokens)

"""A verifier in the form that LEVER's authors published theirs (Ni et al., 2023): a T5 checkpoint.

It reads one answer at a time, as `wording` has it, and the probability that the answer is right is
that of the token "yes" against "no" as the first one decoded. Needs torch and transformers; nothing
is downloaded, and no code of a checkpoint's own is run.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from importlib import import_module
from pathlib import Path
from pickle import UnpicklingError
from typing import Any, Final, Self

from safetensors import SafetensorError

from evaluation.local.loading import LoadFailed, importing
from router.upstream.sizes.architecture import UnknownArchitecture, t5_from_config_json

RIGHT: Final = "yes"
WRONG: Final = "no"

PIECES: Final = "spiece.model"
"""The tokenizer of a checkpoint, where it was saved by sentencepiece alone."""

_UNREADABLE: Final = (
    *(OSError, ValueError, ImportError, RuntimeError),
    *(SafetensorError, UnpicklingError),
)


@dataclass(frozen=True, slots=True)
class CheckpointVerifier:
    """The model, its tokenizer, and the tokens that say whether a program is right.

    It reads `longest` tokens: what of a text comes after them is cut.
    """

    model: Any
    tokenizer: Any
    right: int
    wrong: int
    longest: int

    @classmethod
    def load(cls, path: Path) -> Self:
        """Load a directory that transformers wrote, on the CPU. Raises `LoadFailed`."""
        try:
            sizes = t5_from_config_json(path / "config.json")
        except UnknownArchitecture as error:
            raise LoadFailed(f"{path} is no T5: {error}") from error
        with importing():
            import torch  # noqa: PLC0415 an extra
            from transformers import AutoTokenizer, T5ForConditionalGeneration  # noqa: PLC0415

            if (path / PIECES).exists() and not (path / "tokenizer.json").exists():
                for name in ("sentencepiece", "google.protobuf"):  # transformers asks for others
                    import_module(name)
        try:
            tokenizer = AutoTokenizer.from_pretrained(path, local_files_only=True)
            model, found = T5ForConditionalGeneration.from_pretrained(
                path, local_files_only=True, dtype=torch.float32, output_loading_info=True
            )
        except _UNREADABLE as error:
            raise LoadFailed(f"{path} cannot be loaded by transformers: {error}") from error
        if missing := sorted(found["missing_keys"]):
            raise LoadFailed(f"{path} lacks weights of a T5, such as {missing[0]}")
        right, wrong = (_token(tokenizer, word, path) for word in (RIGHT, WRONG))
        return cls(model.eval(), tokenizer, right, wrong, sizes.longest)

    def tokens(self, text: str) -> list[int]:
        """Those of a text that are read."""
        ids: list[int] = self.tokenizer(text).input_ids
        return ids[: self.longest]

    def score(self, tokens: Sequence[int]) -> float:
        """-log P(right)."""
        import torch  # noqa: PLC0415

        begin = self.model.config.decoder_start_token_id
        with torch.inference_mode():
            said = self.model(
                input_ids=torch.tensor([list(tokens)]),
                decoder_input_ids=torch.tensor([[begin]]),
                use_cache=False,
            )
        logits = said.logits[0, 0].double()
        return float(torch.nn.functional.softplus(logits[self.wrong] - logits[self.right]))


def _token(tokenizer: Any, word: str, path: Path) -> int:
    """The token that a word is by itself. Raises `LoadFailed`."""
    ids: list[int] = tokenizer(word, add_special_tokens=False).input_ids
    if len(ids) != 1 or ids[0] == tokenizer.unk_token_id:
        raise LoadFailed(f"{path}: its tokenizer has no single token for {word!r}")
    return ids[0]

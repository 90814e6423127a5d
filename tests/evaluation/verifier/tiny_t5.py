"""A T5 of a few thousand random weights, with a tokenizer of a few words: nothing is downloaded."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

SIZES = {"d_model": 16, "d_kv": 4, "d_ff": 32, "num_layers": 2, "num_heads": 4}
WORDS = (
    *("<pad>", "</s>", "<unk>", "yes", "no", "#", "description", "program", "execution", "return"),
    *(":", "(", ")", "=", "*", "+", "**", "n", "2", "def", "square", "int", "Its", "ERROR"),
    *(str(digit) for digit in range(3, 50)),
)


def tokenizer(words: tuple[str, ...] = WORDS) -> Any:
    """Words and signs, and the end of a text after it."""
    from tokenizers import Tokenizer, models, pre_tokenizers, processors  # noqa: PLC0415
    from transformers import PreTrainedTokenizerFast  # noqa: PLC0415

    known = {word: at for at, word in enumerate(words)}
    made = Tokenizer(models.WordLevel(known, unk_token="<unk>"))
    made.pre_tokenizer = pre_tokenizers.Whitespace()
    made.post_processor = processors.TemplateProcessing(
        single="$A </s>", special_tokens=[("</s>", known["</s>"])]
    )
    special = {"unk_token": "<unk>", "pad_token": "<pad>", "eos_token": "</s>"}
    return PreTrainedTokenizerFast(tokenizer_object=made, **special)


def t5(**sizes: Any) -> Any:
    """The same weights each time, large enough to tell texts apart."""
    import torch  # noqa: PLC0415
    from transformers import T5Config, T5ForConditionalGeneration  # noqa: PLC0415

    more = {"vocab_size": len(WORDS), "decoder_start_token_id": 0, **sizes}
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(1)
        return T5ForConditionalGeneration(T5Config(**SIZES | more, initializer_factor=2.0))


def save(folder: Path, longest: int | None = None, **sizes: Any) -> Path:
    """As a user has it in a directory."""
    t5(**sizes).save_pretrained(folder)
    tokenizer().save_pretrained(folder)
    if longest is not None:
        config = json.loads((folder / "config.json").read_text())
        (folder / "config.json").write_text(json.dumps(config | {"n_positions": longest}))
    return folder


def save_as_published(folder: Path) -> None:
    """As transformers saved a T5 in 2023: no safetensors, and no `tokenizer.json`."""
    import torch  # noqa: PLC0415
    from sentencepiece import SentencePieceTrainer, sentencepiece_model_pb2  # noqa: PLC0415

    model = t5(vocab_size=100)
    model.config.save_pretrained(folder)
    torch.save(model.state_dict(), folder / "pytorch_model.bin")
    special = {"pad_id": 0, "eos_id": 1, "unk_id": 2, "bos_id": -1, "pad_piece": "<pad>"}
    SentencePieceTrainer.train(
        sentence_iterator=iter(["what there is to read is nothing"] * 9),
        model_prefix=str(folder / "spiece"),
        vocab_size=40,
        hard_vocab_limit=False,
        minloglevel=2,
        **special,
    )
    pieces = sentencepiece_model_pb2.ModelProto()
    path = folder / "spiece.model"
    pieces.ParseFromString(path.read_bytes())
    for word in ("\u2581yes", "\u2581no"):
        pieces.pieces.add(piece=word, score=-1.0)
    path.write_bytes(pieces.SerializeToString())
    told = {"tokenizer_class": "T5Tokenizer", "eos_token": "</s>", "unk_token": "<unk>"}
    told |= {"pad_token": "<pad>", "model_max_length": 512}
    (folder / "tokenizer_config.json").write_text(json.dumps(told))

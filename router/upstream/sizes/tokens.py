"""Which special tokens a model has, read from the files of its tokenizer, and its FIM template.

A GGUF file has its whole vocabulary, and keys for the tokens that have a use. A folder of
transformers lists what was added to its vocabulary in one of three files. What does not read says
nothing: a model without a template is served all the same, and refuses suffixes.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Container, Iterable, Iterator, Mapping
from pathlib import Path
from typing import Final

from router.catalogue.fim import FimTemplate, template_of
from router.upstream.sizes.gguf import Header

_USES: Final = {
    "prefix": ("fim_pre_token_id", "prefix_token_id"),
    "suffix": ("fim_suf_token_id", "suffix_token_id"),
    "middle": ("fim_mid_token_id", "middle_token_id"),
    "file": ("fim_sep_token_id",),
    "repository": ("fim_rep_token_id",),
    "pad": ("fim_pad_token_id",),
    "end": ("eot_token_id",),
}
"""The keys of a GGUF file, after `tokenizer.ggml.`: newer names first."""

_LARGEST_TOKENIZER: Final = 64 * 2**20
"""Bytes of a tokenizer's file that are read at all."""


def fim_of_header(header: Header) -> FimTemplate | None:
    """How the model of a GGUF file fills in the middle; None if it does not."""
    named: dict[str, str] = {}
    for use, keys in _USES.items():
        for key in keys:
            number = header.metadata.get(f"tokenizer.ggml.{key}")
            if use not in named and isinstance(number, int):
                try:
                    named[use] = header.vocabulary[number]
                except IndexError:
                    continue
    return template_of(header.vocabulary, named)


def fim_of_folder(folder: Path) -> FimTemplate | None:
    """How the model of a folder of transformers fills in the middle; None if it does not."""
    return template_of(added_tokens(folder), {})


def added_tokens(folder: Path) -> Container[str]:
    """The tokens that were added to a vocabulary, out of the first file that tells them."""
    for name, read in _FILES.items():
        if found := frozenset(read(_json(folder / name))):
            return found
    return frozenset()


def _by_number(content: object) -> Iterator[str]:
    match content:
        case {"added_tokens_decoder": dict(tokens)}:
            yield from _contents(tokens.values())
        case _:
            pass


def _by_token(content: object) -> Iterator[str]:
    if isinstance(content, dict):
        yield from content


def _listed(content: object) -> Iterator[str]:
    match content:
        case {"added_tokens": list(tokens)}:
            yield from _contents(tokens)
        case _:
            pass


def _contents(entries: Iterable[object]) -> Iterator[str]:
    for entry in entries:
        match entry:
            case {"content": str(token)}:
                yield token
            case _:
                pass


def _json(path: Path) -> object:
    try:
        if path.stat().st_size > _LARGEST_TOKENIZER:
            return None
        return json.loads(path.read_bytes())
    except (OSError, ValueError, RecursionError):
        return None


_FILES: Final[Mapping[str, Callable[[object], Iterator[str]]]] = {
    "tokenizer_config.json": _by_number,
    "added_tokens.json": _by_token,
    "tokenizer.json": _listed,
}
"""The smallest first: a `tokenizer.json` has all of the vocabulary."""

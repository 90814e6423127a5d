"""A model's sizes, read from its `config.json` or from the header of its GGUF file.

Guards against FLOPs that are silently wrong: a family whose blocks we cannot count, a missing
key or a cut file is an `UnknownArchitecture`, never a guess. The GGUF header is read here and
not by the `gguf` package, whose reader touches the whole file (540 MB of memory and 7 s for a
0.5B model, and numpy besides): the gateway needs a few integers and the table of tensors.
Layout: the GGUF specification of the ggml project, versions 2 and 3.
"""

from __future__ import annotations

import json
import math
import mmap
import re
import struct
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Final, TypeAlias

from policies.cost import Architecture

# Blocks of attention (q, k, v, o) and a gated feed-forward (gate, up, down), nothing else.
_GATED_FAMILIES: Final = frozenset(
    {"llama", "mistral", "qwen2", "qwen3", "phi3", "gemma", "gemma2", "granite", "olmo2"}
)

_SCALARS: Final = {
    0: "<B", 1: "<b", 2: "<H", 3: "<h", 4: "<I", 5: "<i",
    6: "<f", 7: "<?", 10: "<Q", 11: "<q", 12: "<d",
}  # fmt: skip
_STRING: Final = 8
_ARRAY: Final = 9
_BLOCK_WEIGHT: Final = re.compile(r"blk\.\d+\.(attn|ffn)_\w+\.weight")

Metadata: TypeAlias = Mapping[str, int | float | bool | str]
Shapes: TypeAlias = Mapping[str, tuple[int, ...]]


class UnknownArchitecture(ValueError):
    """The sizes of a model cannot be told; the message says what is missing and where."""


def from_config_json(source: Path | Mapping[str, object]) -> Architecture:
    """Read a Hugging Face `config.json`, as a path or already parsed.

    Raises `UnknownArchitecture` for a file that cannot be read, a family whose blocks are not
    plain attention with a gated feed-forward, and a size that is missing or no positive integer.
    """
    config = _load(source) if isinstance(source, Path) else source
    family = config.get("model_type", "llama")
    if not isinstance(family, str) or family not in _GATED_FAMILIES:
        known = ", ".join(sorted(_GATED_FAMILIES))
        raise UnknownArchitecture(f"config.json: model_type {family!r} is not one of {known}")
    hidden, layers = _size(config, "hidden_size"), _size(config, "num_hidden_layers")
    heads = _size(config, "num_attention_heads")
    key_value_heads = _size(config, "num_key_value_heads", heads)
    head = _size(config, "head_dim", hidden // heads)
    attention = 2 * hidden * head * (heads + key_value_heads)
    feed_forward = 3 * hidden * _size(config, "intermediate_size")
    return Architecture(
        body_params=layers * (attention + feed_forward),
        head_params=_size(config, "vocab_size") * hidden,
        layers=layers,
        attention_width=heads * head,
    )


def from_gguf(path: Path) -> Architecture:
    """Read the header of a GGUF file; its weights are not touched.

    Raises `UnknownArchitecture` for a file that is missing, cut or no GGUF, a mixture of experts
    (which does not use all its weights per token), and sizes that are missing.
    """
    try:
        with path.open("rb") as file, mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ) as data:
            metadata, shapes = _Header(data).read()
    except (OSError, ValueError, OverflowError, struct.error) as error:
        raise UnknownArchitecture(f"{path.name}: no readable GGUF header: {error}") from error
    try:
        return _from_header(metadata, shapes)
    except UnknownArchitecture as error:
        raise UnknownArchitecture(f"{path.name}: {error}") from None


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


@dataclass(slots=True)
class _Header:
    """A cursor over a GGUF file. Reading past its end is a `struct.error`."""

    data: mmap.mmap
    at: int = 0

    def read(self) -> tuple[Metadata, Shapes]:
        if self.data[:4] != b"GGUF":
            raise ValueError("it does not begin with 'GGUF'")
        self.at = 4
        version = self._number("<I")
        if version not in {2, 3}:
            raise ValueError(f"version {version} of the format is not known")
        tensors, keys = int(self._number("<Q")), int(self._number("<Q"))
        metadata: dict[str, int | float | bool | str] = {}
        for _ in range(keys):
            key = self._string()
            value = self._value(int(self._number("<I")))
            if value is not None:
                metadata[key] = value
        return metadata, dict(self._tensor() for _ in range(tensors))

    def _tensor(self) -> tuple[str, tuple[int, ...]]:
        name = self._string()
        dimensions = int(self._number("<I"))
        shape = tuple(int(self._number("<Q")) for _ in range(dimensions))
        self.at += 12  # the type of its numbers, and their offset
        return name, shape

    def _value(self, kind: int) -> int | float | bool | str | None:
        """A scalar or a string; arrays are skipped and give None."""
        if kind == _STRING:
            return self._string()
        if kind == _ARRAY:
            self._skip_array()
            return None
        if kind not in _SCALARS:
            raise ValueError(f"value type {kind} is not known")
        return self._number(_SCALARS[kind])

    def _skip_array(self) -> None:
        kind, count = int(self._number("<I")), int(self._number("<Q"))
        if kind == _STRING:
            for _ in range(count):  # vocabularies: some 150,000 short strings
                (length,) = struct.unpack_from("<Q", self.data, self.at)
                self.at += 8 + length
        elif kind in _SCALARS:
            self.at += count * struct.calcsize(_SCALARS[kind])
        else:
            raise ValueError(f"an array of value type {kind} is not known")

    def _string(self) -> str:
        length = int(self._number("<Q"))
        raw = self.data[self.at : self.at + length]
        if len(raw) < length:
            raise ValueError("it ends in the middle of its header")
        self.at += length
        return raw.decode()

    def _number(self, layout: str) -> int | float | bool:
        (value,) = struct.unpack_from(layout, self.data, self.at)
        self.at += struct.calcsize(layout)
        return value  # type: ignore[no-any-return]  # struct knows no types

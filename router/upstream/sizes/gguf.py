"""The header of a GGUF file: its keys, the shapes of its tensors, and its vocabulary.

It is read here and not by the `gguf` package, whose reader touches the whole file (540 MB of memory
and 7 s for a 0.5B model, and numpy besides): the gateway needs a few keys and two tables. Layout:
the GGUF specification of the ggml project, versions 2 and 3.
"""

from __future__ import annotations

import mmap
import struct
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final, TypeAlias

_SCALARS: Final = {
    0: "<B", 1: "<b", 2: "<H", 3: "<h", 4: "<I", 5: "<i",
    6: "<f", 7: "<?", 10: "<Q", 11: "<q", 12: "<d",
}  # fmt: skip
_STRING: Final = 8
_ARRAY: Final = 9
_TOKENS: Final = "tokenizer.ggml.tokens"

Metadata: TypeAlias = Mapping[str, int | float | bool | str]
Shapes: TypeAlias = Mapping[str, tuple[int, ...]]


class UnreadableHeader(ValueError):
    """A file is missing, cut or no GGUF; the message says which."""


@dataclass(frozen=True, slots=True)
class Vocabulary:
    """The tokens of a model, as the file has them: each a length and its bytes."""

    raw: bytes = b""

    def __contains__(self, token: object) -> bool:
        return isinstance(token, str) and _stored(token) in self.raw

    def __getitem__(self, number: int) -> str:
        """The token of a number. Raises IndexError."""
        at = 0
        while at < len(self.raw):
            (length,) = struct.unpack_from("<Q", self.raw, at)
            if not number:
                return self.raw[at + 8 : at + 8 + length].decode(errors="replace")
            at, number = at + 8 + length, number - 1
        raise IndexError("no such token")


@dataclass(frozen=True, slots=True)
class Header:
    """What a file says of its model; arrays are left out, but for the vocabulary."""

    metadata: Metadata
    shapes: Shapes
    vocabulary: Vocabulary


def read(path: Path) -> Header:
    """Read the header of a file; its weights are not touched. Raises `UnreadableHeader`."""
    try:
        with path.open("rb") as file, mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ) as data:
            return _Cursor(data).read()
    except (OSError, ValueError, OverflowError, struct.error) as error:
        raise UnreadableHeader(str(error)) from error


def _stored(token: str) -> bytes:
    raw = token.encode()
    return struct.pack("<Q", len(raw)) + raw


@dataclass(slots=True)
class _Cursor:
    """A cursor over a GGUF file. Reading past its end is a `struct.error`."""

    data: mmap.mmap
    at: int = 0
    vocabulary: Vocabulary = field(default_factory=Vocabulary, init=False)

    def read(self) -> Header:
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
            value = self._value(key, int(self._number("<I")))
            if value is not None:
                metadata[key] = value
        shapes = dict(self._tensor() for _ in range(tensors))
        return Header(metadata, shapes, self.vocabulary)

    def _tensor(self) -> tuple[str, tuple[int, ...]]:
        name = self._string()
        dimensions = int(self._number("<I"))
        shape = tuple(int(self._number("<Q")) for _ in range(dimensions))
        self.at += 12  # the type of its numbers, and their offset
        return name, shape

    def _value(self, key: str, kind: int) -> int | float | bool | str | None:
        """A scalar or a string; arrays are skipped and give None."""
        if kind == _STRING:
            return self._string()
        if kind == _ARRAY:
            self._skip_array(keep=key == _TOKENS)
            return None
        if kind not in _SCALARS:
            raise ValueError(f"value type {kind} is not known")
        return self._number(_SCALARS[kind])

    def _skip_array(self, *, keep: bool) -> None:
        """Go past an array; keep it as the vocabulary if it is that."""
        kind, count = int(self._number("<I")), int(self._number("<Q"))
        start = self.at
        if kind == _STRING:
            for _ in range(count):  # vocabularies: some 150,000 short strings
                (length,) = struct.unpack_from("<Q", self.data, self.at)
                self.at += 8 + length
            if keep:
                self.vocabulary = Vocabulary(self.data[start : self.at])
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

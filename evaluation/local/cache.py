"""Keys and values of the rows that are decoded together, without a copy as they come and go.

Rows stand densely from 0 on, and each fills its own columns from 0 on. The last row takes the place
of one that ends, so that the rows in use are always one view of the whole.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import torch


class RowCache:
    """What a transformers model wants of `past_key_values` when each row gets one more token.

    Between `begin_token` and `end_token` the model writes that token's keys and values.
    """

    def __init__(self, slots: int, device: torch.device) -> None:
        self._slots = slots
        self._device = device
        self._keys: list[torch.Tensor] = []  # per layer: (slots, heads, columns, head size)
        self._values: list[torch.Tensor] = []
        self._lengths: list[int] = []  # filled columns of each row in use
        self._next = torch.tensor([])

    def append(self, prompt: Any, count: int) -> None:
        """Put `count` more rows into use, which hold what a model has read (batch size 1)."""
        length = prompt.get_seq_length()
        start = len(self._lengths)
        self._lengths += [length] * count
        if not self._keys:
            self._keys = [self._empty(layer.keys) for layer in prompt.layers]
            self._values = [self._empty(layer.values) for layer in prompt.layers]
        self._reserve(length)
        for number, layer in enumerate(prompt.layers):
            self._keys[number][start : start + count, :, :length] = layer.keys
            self._values[number][start : start + count, :, :length] = layer.values

    def remove(self, rows: Iterable[int]) -> None:
        """Take rows out of use; the last ones move into their places."""
        for row in sorted(rows, reverse=True):
            length = self._lengths.pop()
            last = len(self._lengths)
            if row < last:
                self._lengths[row] = length
                for tensor in (*self._keys, *self._values):
                    tensor[row, :, :length] = tensor[last, :, :length]

    def begin_token(self) -> tuple[torch.Tensor, torch.Tensor]:
        """Positions (rows, 1) of the next tokens, and what each sees: (rows, 1, 1, columns)."""
        self._next = torch.tensor(self._lengths, device=self._device)
        columns = max(self._lengths) + 1
        self._reserve(columns)
        seen = torch.arange(columns, device=self._device) <= self._next[:, None]
        return self._next[:, None], seen[:, None, None]

    def end_token(self) -> None:
        """The model has written the next token of every row."""
        self._lengths = [length + 1 for length in self._lengths]

    def update(
        self, keys: torch.Tensor, values: torch.Tensor, layer: int, *_: Any, **__: Any
    ) -> tuple[torch.Tensor, torch.Tensor]:
        """Write one layer's next column; all keys and values of that layer, for the rows in use."""
        used, columns = len(self._lengths), max(self._lengths) + 1
        row = torch.arange(used, device=self._device)
        self._keys[layer][row, :, self._next] = keys[:, :, 0]
        self._values[layer][row, :, self._next] = values[:, :, 0]
        return self._keys[layer][:used, :, :columns], self._values[layer][:used, :, :columns]

    def get_seq_length(self, _layer: int = 0) -> int:
        """Columns of the longest row."""
        return max(self._lengths)

    def _reserve(self, columns: int) -> None:
        have = self._keys[0].shape[-2]
        if columns > have:
            more = (0, 0, 0, max(columns, have + have // 2) - have)
            self._keys = [torch.nn.functional.pad(keys, more) for keys in self._keys]
            self._values = [torch.nn.functional.pad(values, more) for values in self._values]

    def _empty(self, like: torch.Tensor) -> torch.Tensor:
        """Zeros: attention weighs columns that nobody wrote with 0, and 0 times NaN is NaN."""
        return like.new_zeros((self._slots, *like.shape[1:]))

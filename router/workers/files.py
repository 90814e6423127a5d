"""Numbers of Prometheus metrics in files that other processes read while they change.

The files are those of prometheus-client's multiprocess mode, and its collector reads them. They are
written here because a request counts some twenty things: the library's own values look up, lock and
pack for each, and cost twice what its values of one process do; an addition in shared memory costs
less than these. One thread counts, that of the event loop.
"""

from __future__ import annotations

import mmap
import struct
from pathlib import Path
from typing import Any, Final, Protocol

from prometheus_client.mmap_dict import MmapedDict, mmap_key

_FIRST_BYTES: Final = 2**16
_HEAD: Final = struct.Struct("i4x")
_NUMBER: Final = 8


class _File:
    """The numbers of one type of metric: a head that says how much of it is used, then entries.

    An entry is the length of its key, the key with spaces after it, the number, and a time.
    """

    def __init__(self, path: Path) -> None:
        self._path = path
        self._places: dict[str, int] = {}
        self._used = _HEAD.size
        size = _FIRST_BYTES
        if path.exists():
            size = path.stat().st_size
            known = MmapedDict.read_all_values_from_file(str(path))  # type: ignore[no-untyped-call]
            for key, _, _, place in known:
                self._places[key] = place
                self._used = place + 2 * _NUMBER
        self._map(size)

    def place(self, key: str) -> tuple[memoryview[float], int]:
        """Where the number with this key is; it is made where there is none."""
        if key not in self._places:
            self._add(key)
        return self._numbers, self._places[key] // _NUMBER

    def _map(self, size: int) -> None:
        with self._path.open("a+b") as file:  # which the map needs no longer
            file.truncate(size)
            self._bytes = mmap.mmap(file.fileno(), size)
        self._numbers = memoryview(self._bytes).cast("d")
        self._write_head()

    def _add(self, key: str) -> None:
        text = key.encode()
        filled = text + b" " * (_NUMBER - (len(text) + 4) % _NUMBER)
        entry = struct.pack(f"i{len(filled)}sdd", len(text), filled, 0.0, 0.0)
        while self._used + len(entry) > len(self._bytes):
            self._map(2 * len(self._bytes))  # what was mapped before stays so, of the same file
        self._bytes[self._used : self._used + len(entry)] = entry
        self._used += len(entry)
        self._places[key] = self._used - 2 * _NUMBER
        self._write_head()  # last: a reader sees whole entries

    def _write_head(self) -> None:
        self._bytes[: _HEAD.size] = _HEAD.pack(self._used)


class Value(Protocol):
    """A number of a metric, as prometheus-client has them."""

    def inc(self, amount: float) -> None:
        """Add."""
        ...


def value_class(directory: Path, number: int) -> type[Value]:
    """What prometheus-client is to make its values of, in the process with this number.

    Where there are files of this number already, it goes on with what they have.
    """
    files: dict[str, _File] = {}

    class FileValue:
        """See `Value`."""

        _multiprocess = True

        def __init__(self, kind: str, *key: Any, multiprocess_mode: str = "", **_: Any) -> None:
            prefix = f"{kind}_{multiprocess_mode}" if kind == "gauge" else kind
            if prefix not in files:
                files[prefix] = _File(directory / f"{prefix}_{number}.db")
            self._numbers, self._at = files[prefix].place(mmap_key(*key))

        def inc(self, amount: float) -> None:
            self._numbers[self._at] += amount

        def set(self, value: float, timestamp: float | None = None) -> None:  # noqa: ARG002
            self._numbers[self._at] = value

        def get(self) -> float:
            return float(self._numbers[self._at])

        def set_exemplar(self, exemplar: object) -> None:
            """Files have no place for them."""

        def get_exemplar(self) -> None:
            """There are none."""

    return FileValue

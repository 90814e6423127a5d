"""Result files: JSON lines, a header first, that survive being killed at any byte.

Each line is flushed and synced before the next problem is asked, so a run that dies loses at most
the line it was writing. On resume that torn line is cut off; anything else that does not read is
an error, as are parameters other than the header's: a file is one run or it is nothing.
"""

from __future__ import annotations

import fcntl
import json
import os
from collections.abc import Mapping
from dataclasses import dataclass
from io import BufferedRandom
from pathlib import Path
from types import TracebackType
from typing import Any, Final, Self

SCHEMA: Final = 1

_BEGINNING: Final = b'{"kind":"header"'
"""Of every result file, by which one without even a whole line is told from the files of others."""


class ResultFileError(Exception):
    """A result file cannot be read or continued; the message says which, where and why."""


@dataclass(frozen=True, slots=True)
class Header:
    """What a run was: its parameters, the gateway's models and what these cost.

    `rates` hold the sizes that FLOPs follow from (see `evaluation.gateway.recount`), so that a file
    can be recounted where the models are not. `url` tells where the gateway was, and decides
    nothing. `data_sha256` is the content hash of the data set; None where nobody wrote it down, as
    in earlier files, which may then be of any version of it.
    """

    parameters: Mapping[str, Any]
    models: tuple[str, ...]
    rates: Mapping[str, Mapping[str, float]]
    url: str = ""
    data_sha256: str | None = None

    def to_json(self) -> dict[str, Any]:
        """As the first line of a file."""
        return {
            "kind": "header",
            "schema": SCHEMA,
            "parameters": dict(self.parameters),
            "models": list(self.models),
            "rates": {model: dict(rate) for model, rate in self.rates.items()},
            "url": self.url,
            **({"data_sha256": self.data_sha256} if self.data_sha256 else {}),
        }

    @classmethod
    def from_json(cls, line: Mapping[str, Any]) -> Header:
        """From the first line of a file. Raises ValueError."""
        match line:
            case {
                "kind": "header",
                "schema": schema,
                "parameters": dict(parameters),
                "models": list(models),
                "rates": dict(rates),
            }:
                if schema != SCHEMA:
                    raise ValueError(f"its schema is {schema}; this version reads {SCHEMA}")
                known = line.get("data_sha256")
                data_sha256 = None if known is None else str(known)
                return cls(parameters, tuple(models), rates, str(line.get("url", "")), data_sha256)
        raise ValueError("its first line is no header of a result file")

    @property
    def label(self) -> str:
        """The name of the run in tables."""
        return str(self.parameters.get("label", ""))

    def differences(self, other: Header) -> list[str]:
        """What `other` says otherwise, in words."""
        mine, theirs = self._compared(), other._compared()
        found = [
            f"{name} is {theirs.get(name)!r} there and {mine.get(name)!r} now"
            for name in sorted(mine.keys() | theirs.keys())
            if mine.get(name) != theirs.get(name)
        ]
        own, its = self.data_sha256, other.data_sha256
        if own is not None and its is not None and own != its:
            found.append(f"the content hash of its data is {its[:12]} there and {own[:12]} now")
        return found

    def _compared(self) -> dict[str, Any]:
        written: dict[str, Any] = json.loads(json.dumps(self.to_json()))
        parameters: dict[str, Any] = written["parameters"]
        return parameters | {name: written[name] for name in ("models", "rates")}


@dataclass(frozen=True, slots=True)
class Results:
    """A result file, read: the last record of each problem, in the order of their first ones.

    `torn_bytes` are those of a last line that was not finished.
    """

    header: Header
    records: tuple[Mapping[str, Any], ...]
    torn_bytes: int = 0

    @property
    def done(self) -> frozenset[str]:
        """Problems with an answer: those with an error are asked again."""
        return frozenset(r["task_id"] for r in self.records if r.get("error") is None)


def read(path: Path) -> Results:
    """Read a result file. Raises `ResultFileError`."""
    try:
        results = _parse(path, path.read_bytes())
    except OSError as error:
        raise ResultFileError(f"{path}: {error.strerror}") from error
    if results is None:
        raise ResultFileError(f"{path}: it has no header")
    return results


def _parse(path: Path, content: bytes) -> Results | None:
    """The results in `content`; None where not even a header was finished."""
    whole, newline, torn = content.rpartition(b"\n")
    lines = whole.split(b"\n") if newline else []
    records: dict[str, Mapping[str, Any]] = {}
    header: Header | None = None
    for number, line in enumerate(lines, start=1):
        try:
            value = json.loads(line)
            if header is None:
                header = Header.from_json(value)
            else:
                record = _record(value)
                records[record["task_id"]] = record
        except ValueError as error:
            raise ResultFileError(f"{path}, line {number}: {error!s}") from error
    return None if header is None else Results(header, tuple(records.values()), len(torn))


def _record(value: Any) -> Mapping[str, Any]:
    """An answer or an error, with all that is read of one. Raises ValueError."""
    match value:
        case {"task_id": str(), "error": {"code": str(), "message": str()}}:
            sound = True
        case {"task_id": str(), "text": str(), "latency_s": int() | float(), "commands": list()}:
            asked = value["commands"]
            sound = value.get("error") is None and all(isinstance(each, dict) for each in asked)
        case _:
            sound = False
    if not sound:
        raise ValueError(
            "it is no record: one has a task_id, and text, latency_s and commands, or an error"
        )
    record: Mapping[str, Any] = value
    return record


class ResultWriter:
    """Appends records to a file, alone: a second writer of the same file is an error.

    `results` are what the file held when it was opened.
    """

    def __init__(self, path: Path, header: Header) -> None:
        self.path = path
        self._header = header
        self._file: BufferedRandom | None = None
        self.results = Results(header, ())
        self.torn_bytes = 0

    def __enter__(self) -> Self:
        try:
            self.path.parent.mkdir(parents=True, exist_ok=True)
            self._file = self.path.open("a+b")
        except OSError as error:
            raise ResultFileError(f"{self.path}: {error.strerror}") from error
        try:
            self._begin(self._file)
        except BaseException:
            self._file.close()
            raise
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        if self._file is not None:
            self._file.close()

    def _begin(self, file: BufferedRandom) -> None:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise ResultFileError(f"{self.path}: another run is writing it") from None
        file.seek(0)
        content = file.read()
        found = _parse(self.path, content)
        if found is None:
            if not content.startswith(_BEGINNING[: len(content)]):
                raise ResultFileError(f"{self.path} is no result file: name another file")
            self.torn_bytes = len(content)
            file.truncate(0)
            self._write(self._header.to_json())
            return
        if differences := self._header.differences(found.header):
            raise ResultFileError(
                f"{self.path} is another run: {'; '.join(differences)}. Name another file, or "
                "give the same parameters and data to continue this one"
            )
        self.results, self.torn_bytes = found, found.torn_bytes
        if self.torn_bytes:
            file.truncate(len(content) - self.torn_bytes)

    def append(self, record: Mapping[str, Any]) -> None:
        """Write one record, down to the disk. Raises OSError."""
        self._write(record)

    def _write(self, value: Mapping[str, Any]) -> None:
        if self._file is None:
            raise ValueError("the file is not open")
        self._file.write(json.dumps(value, separators=(",", ":")).encode() + b"\n")
        self._file.flush()
        os.fsync(self._file.fileno())

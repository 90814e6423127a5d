"""Pools that hold only counts: of n answers of a model to a problem, c passed.

They do wherever verdicts suffice: pass@k and its budgeted forms. As CSV with the columns
`problem,model,n,c`, or as JSON lines with these keys; other columns are passed over.
"""

from __future__ import annotations

import csv
import io
import json
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from evaluation.pools.errors import DuplicateRow, InvalidRow, UnreadablePool

MOST_ANSWERS: Final = 1_000_000
"""To one problem: a hundred times what any study draws, and what memory can hold."""

_COLUMNS: Final = ("problem", "model", "n", "c")
_DIGITS: Final = re.compile(r"\s*[+-]?[0-9]{1,18}\s*")


@dataclass(frozen=True, slots=True)
class Counts:
    """One model's counts, by problem: (n, c) with 0 <= c <= n and n > 0."""

    model: str
    counts: Mapping[str, tuple[int, int]]


def read_counts(path: Path) -> tuple[Counts, ...]:
    """The counts in a `.csv` or `.jsonl` file, one value per model, in order of appearance.

    Raises `UnreadablePool`, `InvalidRow` and `DuplicateRow`.
    """
    try:
        text = path.read_bytes().decode("utf-8-sig")
    except OSError as error:
        raise UnreadablePool(f"{path}: {error.strerror}") from error
    except UnicodeDecodeError as error:
        raise UnreadablePool(f"{path} is not text: {error.reason}") from error
    rows = _csv(text, path) if path.suffix == ".csv" else _json_lines(text, path)
    return _by_model(rows, path)


def _csv(text: str, path: Path) -> Iterable[tuple[int, Mapping[str, Any]]]:
    reader = csv.DictReader(io.StringIO(text, newline=""))
    try:
        for row in reader:
            yield reader.line_num, row
    except csv.Error as error:
        raise InvalidRow(f"{path}, after line {reader.line_num}: {error}") from error


def _json_lines(text: str, path: Path) -> Iterable[tuple[int, Mapping[str, Any]]]:
    for number, line in enumerate(text.split("\n"), start=1):
        if not line.strip():
            continue
        try:
            row = json.loads(line)
        except ValueError as error:
            raise InvalidRow(f"{path}, line {number}: {error}") from error
        if not isinstance(row, dict):
            raise InvalidRow(f"{path}, line {number}: expected an object of problem, model, n, c")
        yield number, row


def _by_model(rows: Iterable[tuple[int, Mapping[str, Any]]], path: Path) -> tuple[Counts, ...]:
    found: dict[str, dict[str, tuple[int, int]]] = {}
    for number, row in rows:
        where = f"{path}, line {number}"
        if missing := [name for name in _COLUMNS if row.get(name) in (None, "")]:
            raise InvalidRow(f"{where}: no {', '.join(missing)}; a row has problem, model, n and c")
        model, problem = _name(row["model"], where), _name(row["problem"], where)
        counts = found.setdefault(model, {})
        if problem in counts:
            raise DuplicateRow(f"{where}: problem {problem!r} of {model!r} is there twice")
        counts[problem] = _count(row, where)
    if not found:
        raise UnreadablePool(f"{path} holds no counts; a row has problem, model, n and c")
    return tuple(Counts(model, counts) for model, counts in found.items())


def _name(value: object, where: str) -> str:
    """Of a model or problem; a number will do."""
    if type(value) is int or (isinstance(value, str) and value.isprintable()):
        return str(value)
    raise InvalidRow(f"{where}: {value!r} is no name of a model or problem")


def _count(row: Mapping[str, Any], where: str) -> tuple[int, int]:
    n, c = (_integer(row[name]) for name in ("n", "c"))
    if n is None or c is None:
        raise InvalidRow(f"{where}: n and c must be integers, not {row['n']!r}, {row['c']!r}")
    if not 0 <= c <= n or n == 0:
        raise InvalidRow(f"{where}: of n = {n} answers c = {c} cannot have passed")
    if n > MOST_ANSWERS:
        raise InvalidRow(f"{where}: n = {n} is more than {MOST_ANSWERS:,} answers to a problem")
    return n, c


def _integer(value: object) -> int | None:
    """A count as JSON or CSV writes it; None for anything else, `1_0` and `true` included."""
    if type(value) is int:
        return value
    return int(value) if isinstance(value, str) and _DIGITS.fullmatch(value) else None

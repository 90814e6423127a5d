"""Where datasets come from: files here, and the hub where its client is installed."""

from __future__ import annotations

import gzip
import json
import zlib
from collections.abc import Callable, Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any, TypeVar

from pydantic import ValidationError
from pydantic_core import ErrorDetails

from evaluation.datasets.problem import DatasetUnavailable

Record = Mapping[str, Any]
T = TypeVar("T")


def records(path: Path) -> Iterator[Record]:
    """The objects in a file of JSON lines (also `.gz`), a JSON array (`.json`) or a Parquet table.

    Raises `DatasetUnavailable`.
    """
    try:
        if path.suffix == ".parquet":
            yield from _parquet(path)
        elif path.suffix == ".json":
            yield from _array(path)
        else:
            yield from _lines(path)
    except OSError as error:
        raise DatasetUnavailable(f"{path}: {error.strerror or error}") from error
    except (ValueError, RecursionError, EOFError, zlib.error) as error:
        raise DatasetUnavailable(f"{path} does not read: {error}") from error


def released(
    data: Path | None,
    file: str,
    what: str,
    problems: Callable[[Iterator[Record]], Iterable[T]],
) -> tuple[T, ...]:
    """The problems of a file that somebody has released, made of its records.

    Raises `DatasetUnavailable` where it is not named, is another one or has no problem.
    """
    if data is None:
        raise DatasetUnavailable(f"name the file {file} with --data")
    try:
        found = tuple(problems(records(data)))
    except (KeyError, TypeError, ValueError, AttributeError) as error:
        raise DatasetUnavailable(
            f"{data} is not {what} as released ({error!r}): name the file {file} with --data"
        ) from error
    if not found:
        raise DatasetUnavailable(f"{data} has no problems")
    return found


def _array(path: Path) -> Iterator[Record]:
    items = json.loads(path.read_bytes())
    if not isinstance(items, list):
        raise DatasetUnavailable(f"{path}: expected an array of problems")
    yield from (_record(item, str(path)) for item in items)


def _lines(path: Path) -> Iterator[Record]:
    with gzip.open(path) if path.suffix == ".gz" else path.open("rb") as file:
        for number, line in enumerate(file, start=1):
            if line.strip():
                where = f"{path}, line {number}"
                try:
                    value = json.loads(line)
                except ValueError as error:
                    raise DatasetUnavailable(f"{where}: {error}") from error
                yield _record(value, where)


def _record(value: object, where: str) -> Record:
    if not isinstance(value, dict):
        raise DatasetUnavailable(f"{where}: a problem is a JSON object")
    return value


def faults(error: ValidationError) -> str:
    """What is wrong with a record, in one line."""
    return "; ".join(map(_fault, error.errors(include_url=False)))


def _fault(error: ErrorDetails) -> str:
    said = str(error["ctx"]["error"]) if error["type"] == "value_error" else error["msg"]
    place = ".".join(map(str, error["loc"]))
    return f"{place}: {said}" if place else said


def _parquet(path: Path) -> Iterator[Record]:
    import pyarrow.parquet as pq  # noqa: PLC0415 the hub's format alone needs it

    yield from pq.read_table(path).to_pylist()


def from_hub(repository: str, files: tuple[str, ...], instead: str) -> list[Path]:
    """Files of a dataset on the Hugging Face hub, in its client's cache.

    Raises `DatasetUnavailable`, which ends with what to do `instead`.
    """
    try:
        from huggingface_hub import hf_hub_download  # noqa: PLC0415 optional
        from huggingface_hub.errors import HfHubHTTPError, LocalEntryNotFoundError  # noqa: PLC0415
    except ImportError:
        raise DatasetUnavailable(
            f"{repository} is on the hub: pip install huggingface_hub, or {instead}"
        ) from None
    try:
        return [Path(hf_hub_download(repository, file, repo_type="dataset")) for file in files]
    except (HfHubHTTPError, LocalEntryNotFoundError, OSError) as error:
        raise DatasetUnavailable(
            f"{repository} could not be had from the hub ({error}): {instead}"
        ) from error

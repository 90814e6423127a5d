"""The generations that the paper released, as a pool.

Their format is one JSON object, `{task_id: {prompt, samples: [{pass_at_1, generation}]}}`, of a
gigabyte and more; it is read task by task, twice. Tokens, log-probabilities and finish reasons are
not in it, so such a pool has verdicts and texts alone.
"""

from __future__ import annotations

import gzip
import hashlib
import json
import zlib
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import IO, Any, Final

import ijson

from evaluation.pools.errors import DuplicateRow, InvalidRow, MixedPools, UnreadablePool
from evaluation.pools.schema import Identity, Row, Table
from evaluation.pools.store import Pool

ENGINE: Final = "released generations"
_UNKNOWN: Final = "unknown"
_CONTENT: Final = {Table.SAMPLES: "text", Table.VERDICTS: "passed"}
"""The column of each table that says something of its own."""


@dataclass(frozen=True, slots=True)
class Answered:
    """One task: its prompt, and (text, passed) of each sample."""

    task_id: str
    prompt: str
    samples: tuple[tuple[str, bool], ...]


def tasks(path: Path) -> Iterator[Answered]:
    """The tasks of a `.json` or `.json.gz` file. Raises `UnreadablePool` and `InvalidRow`."""
    try:
        with _opened(path) as file:
            for task_id, value in ijson.kvitems(file, "", use_float=True):
                yield _answered(task_id, value, path)
    except OSError as error:
        raise UnreadablePool(f"{path}: {error.strerror or error}") from error
    except (EOFError, zlib.error) as error:
        raise UnreadablePool(f"{path} is damaged, or its end is missing: {error}") from error
    except ijson.JSONError as error:
        raise UnreadablePool(f"{path} is no JSON object of tasks: {_said(error)}") from error


def prompts_hash(prompts: Iterable[tuple[str, str]]) -> str:
    """SHA-256 of task ids and prompts, in order: all that the format tells of a dataset."""
    digest = hashlib.sha256()
    for task_id, prompt in prompts:
        digest.update(json.dumps([task_id, prompt]).encode())
    return digest.hexdigest()


def import_released(
    path: Path,
    out: Path,
    described: Identity,
    *,
    on_task: Callable[[int], None],
    on_torn: Callable[[int], None],
) -> None:
    """Make a pool of a file, or finish one that was begun.

    `described` says how the samples were drawn; tasks and the dataset's hash (`prompts_hash`) are
    put in from the file. `on_task` hears of samples read, and `on_torn` of bytes of an unfinished
    line that were cut off. Raises `PoolError`: `DuplicateRow` for a task that is there twice, and
    `MixedPools` where the pool has other samples of a task.
    """
    names: dict[str, None] = {}
    digest = prompts_hash(_prompts(path, names))
    if not names:
        raise UnreadablePool(f"{path} has no task")
    identity = replace(described, tasks=tuple(names), dataset_sha256=digest)
    pool = Pool.create(out, identity)
    with pool.writer(Table.SAMPLES) as samples, pool.writer(Table.VERDICTS) as verdicts:
        if torn := samples.torn_bytes + verdicts.torn_bytes:
            on_torn(torn)
        have = {table: _written(pool, table) for table in _CONTENT}
        for answered in tasks(path):
            for writer, rows in ((samples, _samples(answered)), (verdicts, _verdicts(answered))):
                there = have[writer.table].get(answered.task_id)
                if there is None:
                    writer.append(rows)
                elif there != _digests(rows, writer.table)[answered.task_id]:
                    raise MixedPools(
                        f"{out} has other {writer.table} of task {answered.task_id!r} than {path}: "
                        "import that into another directory"
                    )
            on_task(len(answered.samples))


def _prompts(path: Path, names: dict[str, None]) -> Iterator[tuple[str, str]]:
    """Task ids and prompts; the ids are gathered in `names`."""
    for answered in tasks(path):
        if answered.task_id in names:
            raise DuplicateRow(f"{path}: task {answered.task_id!r} is there twice; keep one")
        names[answered.task_id] = None
        yield answered.task_id, answered.prompt


@contextmanager
def _opened(path: Path) -> Iterator[IO[bytes] | gzip.GzipFile]:
    with path.open("rb") as raw:
        if path.suffix != ".gz":
            yield raw
            return
        with gzip.GzipFile(fileobj=raw) as unpacked:
            yield unpacked


def _answered(task_id: str, value: object, path: Path) -> Answered:
    match value:
        case {"prompt": str(prompt), "samples": list(rows)}:
            return Answered(task_id, prompt, tuple(_sample(row, task_id, path) for row in rows))
    raise InvalidRow(f"{path}, task {task_id!r}: expected an object with prompt and samples")


def _sample(row: object, task_id: str, path: Path) -> tuple[str, bool]:
    match row:
        case {"pass_at_1": bool() | int() | float() as passed, "generation": str(text)} if (
            passed in {0, 1}
        ):
            return text, bool(passed)
    raise InvalidRow(
        f"{path}, task {task_id!r}: a sample has a generation and pass_at_1, which is 0 or 1"
    )


def _written(pool: Pool, table: Table) -> dict[str, str]:
    """What an earlier run got to, by task; a task is written whole or not at all."""
    columns = ["task_id", "index", _CONTENT[table]]
    batches = pool.batches(table, columns)
    return _digests((row for batch in batches for row in batch.to_pylist()), table)


def _digests(rows: Iterable[Row], table: Table) -> dict[str, str]:
    """SHA-256 of what each task's rows hold."""
    found: dict[str, hashlib._Hash] = {}
    for row in rows:
        digest = found.setdefault(row["task_id"], hashlib.sha256())
        digest.update(json.dumps([row["index"], row[_CONTENT[table]]]).encode())
    return {task: digest.hexdigest() for task, digest in found.items()}


def _samples(answered: Answered) -> list[Row]:
    nobody: dict[str, Any] = dict.fromkeys(("seed", "tokens", "prompt_tokens", "nll"))
    return [
        nobody
        | {"task_id": answered.task_id, "index": at, "draw": at, "text": text}
        | {"finish_reason": _UNKNOWN}
        for at, (text, _) in enumerate(answered.samples)
    ]


def _verdicts(answered: Answered) -> list[Row]:
    return [
        {"task_id": answered.task_id, "index": at, "passed": passed, "status": ENGINE}
        for at, (_, passed) in enumerate(answered.samples)
    ]


def _said(error: ijson.JSONError) -> str:
    """The words of the parser, which may be bytes, without the place that it draws below them."""
    said = error.args[0] if error.args else ""
    text = said.decode(errors="replace") if isinstance(said, bytes) else str(said)
    return text.partition("\n")[0]

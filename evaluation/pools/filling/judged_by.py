"""Which version of second tests verdicts are by, in a note beside the shards of their table.

Shards know the identity of their pool, and with it the data set, but not what second tests were
released with it. Verdicts without a note, as of earlier pools, are by tests of which nobody knows
the version, and not by others: they are gone on with.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Final

from evaluation.pools.errors import MixedPools, UnreadablePool
from evaluation.pools.store import TableWriter
from evaluation.writing import write_json

FILE: Final = "tests.json"


def keep_to(writer: TableWriter, version: str, *, adding: bool) -> None:
    """Hold a table to tests of this hash; the note is made where there is none and rows follow.

    The writer is entered, so that nobody else notes another. Raises `MixedPools` for other tests
    than before, `UnreadablePool` for a note that does not read, and OSError.
    """
    folder = writer.pool.path / writer.table
    known = _noted(folder / FILE)
    if known is None and adding:
        write_json(folder / FILE, {"sha256": version})
    if known not in (None, version):
        raise MixedPools(
            f"{folder} has verdicts by other tests: the hash of their release is {known[:12]}, and "
            f"of what is given now {version[:12]}. Give the file that was given then, or remove "
            f"{folder} and judge all samples by this one"
        )


def _noted(path: Path) -> str | None:
    """The hash in a note; None where there is none."""
    try:
        note = json.loads(path.read_bytes())
    except FileNotFoundError:
        return None
    except ValueError as error:
        raise UnreadablePool(f"{path} is no JSON: {error}") from error
    match note:
        case {"sha256": str(known)}:
            return known
    raise UnreadablePool(f"{path} does not say by which tests verdicts are: remove it")

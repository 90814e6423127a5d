"""Pools that selectors are measured on."""

from pathlib import Path
from typing import Any

import pytest
from pool_files import identity, sample, verdict

from evaluation.pools.errors import MixedPools
from evaluation.pools.schema import Table
from evaluation.pools.store import Pool
from evaluation.selection.recorded import read_selection


@pytest.mark.parametrize(
    "others", [{"dataset_sha256": "e" * 64}, {"max_tokens": 64}, {"stop": ("\ndef",)}]
)
def test_models_that_were_not_asked_alike_are_not_compared(
    tmp_path: Path, others: dict[str, Any]
) -> None:
    """A problem is known by its place, which is another's in another version of a data set."""
    for model, more in (("small", {}), ("large", others)):
        pool = Pool.create(tmp_path / model, identity(model=model, **more))
        for table, row in ((Table.SAMPLES, sample()), (Table.VERDICTS, verdict())):
            with pool.writer(table) as writer:
                writer.append([row])
    with pytest.raises(MixedPools, match="different"):
        read_selection(tmp_path, "tiny", ("small", "large"))

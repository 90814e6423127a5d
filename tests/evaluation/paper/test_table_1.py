"""Table 1 computed again, beside the printed one."""

import pytest

from evaluation.paper.published import CODE_LLAMA, LLAMA_3
from evaluation.paper.table_1 import table_1


def test_table_1_comes_out_of_the_sizes():
    rows = {row["model"]: row for row in table_1({})["rows"]}
    assert set(rows) == set(CODE_LLAMA)
    for row in rows.values():
        assert row["tflops"] == pytest.approx(row["tflops_printed"], rel=1.5e-3)
        assert row["tflops_norm"] == pytest.approx(row["tflops_norm_printed"], rel=3e-3)
        assert row["seconds_norm"] == pytest.approx(row["seconds_norm_printed"], abs=0.005)
    assert not set(LLAMA_3) & set(rows)

"""The published tables, as the package ships them."""

from evaluation.paper.published import APPS, BENCHMARKS, published


def test_the_tables_are_the_paper_s():
    tables = published()
    assert tables.curves["humaneval"]["codellama-13b"].points[16] == 77.0
    assert tables.curves["mbpp"]["llama3-70b"].points[64] == 92.9
    assert tables.curves["apps-competition"]["codellama-7b"].points[500] == 11.6
    assert set(tables.curves) == set(BENCHMARKS)
    sizes = {len(rows) for name, rows in tables.curves.items() if name in APPS}
    assert sizes == {4}
    assert sum(len(c.points) for rows in tables.curves.values() for c in rows.values()) == 165

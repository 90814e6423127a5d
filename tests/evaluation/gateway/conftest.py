import pytest
from written_runs import write_run


@pytest.fixture
def written(tmp_path):
    """A result file of this label and these records: its path."""

    def write(label, *records, **rates):
        return write_run(tmp_path / f"{label}.jsonl", *records, **rates)

    return write

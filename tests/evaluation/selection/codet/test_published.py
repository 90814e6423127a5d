"""Released samples, read against HumanEval, kept in a journal, and run by the command."""

import gzip
import json
from dataclasses import replace

import pytest

from evaluation.datasets import DatasetUnavailable, humaneval
from evaluation.selection.codet.kept import NAME, MatrixJournal, OtherSamples
from evaluation.selection.codet.published import drawn, read_published
from evaluation.selection.codet.running import Matrix

PROBLEMS = humaneval()
BY_TASK = {problem.task_id: problem for problem in PROBLEMS}


def bare(task):
    """A prompt without what comes behind its first example, as the released ones are."""
    return BY_TASK[task].prompt.partition(">>>")[0] + '"""\n'


def asked_for(task):
    name = BY_TASK[task].entry_point
    return f"{bare(task)}    pass\n\n# check the correctness of {name}\nassert "


@pytest.fixture
def released(tmp_path):
    """Write both files: `released({task: (solutions, tests)})`."""

    def write(samples):
        paths = tmp_path / "solutions.jsonl.gz", tmp_path / "tests.jsonl.gz"
        for path, prompt, at in zip(paths, (bare, asked_for), (0, 1), strict=True):
            with gzip.open(path, "wt") as file:
                for task, both in samples.items():
                    row = {"prompt": prompt(task), "samples": both[at]}
                    file.write(json.dumps(row) + "\n")
        return paths

    return write


STRLEN, ADD = "HumanEval/23", "HumanEval/53"
SAMPLES = {
    ADD: (
        [
            "    return x + y\n\ndef other():\n    1 / 0\n",
            "    return x - y\n",
            "    return x - y\n",
        ],
        ["add(1, 0) == 1\nassert add(2, 2) == 4\nassert add(5, 7) == 12", "add(2, 2) == 4", "\n"],
    ),
    STRLEN: (["    return len(string)\n", "    return 0\n"], ["strlen('') == 0", "nothing"]),
}


def test_samples_come_to_the_problem_that_was_asked(released):
    strlen, add = read_published(*released(SAMPLES), PROBLEMS)
    assert (strlen.problem.task_id, add.problem.task_id) == (STRLEN, ADD)
    assert add.problem.prompt == bare(ADD)
    assert add.problem.tests == BY_TASK[ADD].tests
    assert add.solutions == ("    return x + y\n", "    return x - y\n", "    return x - y\n")
    assert add.tests == (
        "assert add(1, 0) == 1",
        "assert add(2, 2) == 4",
        "assert add(5, 7) == 12",
        "assert add(2, 2) == 4",
    )


def test_two_problems_with_one_name_are_told_apart(released):
    found = read_published(*released({"HumanEval/85": (["a"], []), ADD: (["b"], [])}), PROBLEMS)
    assert [one.problem.task_id for one in found] == [ADD, "HumanEval/85"]


def test_the_first_samples_are_taken_where_fewer_are_wanted(released):
    paths = released(SAMPLES)
    _, add = read_published(*paths, PROBLEMS, most_solutions=1, most_samples=1)
    assert (len(add.solutions), len(add.tests)) == (1, 3)


def test_other_files_are_none_of_these(released, tmp_path):
    solutions, tests = released(SAMPLES)
    other = tmp_path / "other.jsonl"
    rows = {
        "has no prompt": {"samples": []},
        "texts in a list": {"prompt": bare(ADD), "samples": [1]},
        "a prompt without a sample": {"prompt": bare(ADD), "samples": []},
        "has no tests for the prompt": {"prompt": "def g():", "samples": []},
    }
    for message, row in rows.items():
        other.write_text(json.dumps(row))
        with pytest.raises(DatasetUnavailable, match=message) as error:
            read_published(other, tests, PROBLEMS)
        assert str(tests if "tests" in message else other) in str(error.value)
    with pytest.raises(DatasetUnavailable, match="no problem whose function"):
        read_published(solutions, tests, PROBLEMS[:3])


def test_places_of_what_was_drawn_twice():
    assert drawn(["a", "b", "a"]) == {"a": [0, 2], "b": [1]}


MATRIX = Matrix("made/0", (0, 0, 1), (1, 2), ("10", "0t"), (True, False), None, 0)


def test_a_journal_goes_on_behind_the_last_whole_line(tmp_path):
    with MatrixJournal(tmp_path, {"solutions": 3}) as journal:
        journal.keep(MATRIX)
    path = tmp_path / NAME
    whole = path.read_bytes()
    for torn in (b"", whole.splitlines()[1][:20], b"[]"):
        path.write_bytes(whole + torn)
        with MatrixJournal(tmp_path, {"solutions": 3}) as journal:
            assert journal.matrices == {"made/0": MATRIX}
        assert path.read_bytes() == whole


def test_a_torn_header_is_written_again(tmp_path):
    (tmp_path / NAME).write_bytes(b'[{"solu')
    with MatrixJournal(tmp_path, {"solutions": 3}) as journal:
        journal.keep(MATRIX)
    with MatrixJournal(tmp_path, {"solutions": 3}) as journal:
        assert journal.matrices == {"made/0": MATRIX}


def test_a_journal_of_other_samples_is_not_gone_on_with(tmp_path):
    with MatrixJournal(tmp_path, {"solutions": 3}):
        pass
    with pytest.raises(OtherSamples, match="name another"):
        MatrixJournal(tmp_path, {"solutions": 4})
    (tmp_path / NAME).write_text('[{"solutions":3}]\n[{"task_id":1}]\n')
    with pytest.raises(OtherSamples, match="does not read"):
        MatrixJournal(tmp_path, {"solutions": 3})
    (tmp_path / NAME).write_text('{"solutions":3}\n')
    with pytest.raises(OtherSamples, match="does not read"):
        MatrixJournal(tmp_path, {"solutions": 3})


VERSIONS = {"problems": "a" * 64, "release of second tests": "b" * 64}


@pytest.mark.parametrize("other", VERSIONS)
def test_a_journal_of_other_data_is_not_gone_on_with(tmp_path, other):
    with MatrixJournal(tmp_path, {"solutions": 3}, VERSIONS) as journal:
        journal.keep(MATRIX)
    with pytest.raises(OtherSamples, match=f"{other} is '[ab]+' there and 'c+' now.*name another"):
        MatrixJournal(tmp_path, {"solutions": 3}, {**VERSIONS, other: "c" * 64})
    with MatrixJournal(tmp_path, {"solutions": 3}, VERSIONS) as journal:
        assert journal.matrices == {"made/0": MATRIX}


def test_a_journal_of_unknown_data_is_gone_on_with(tmp_path):
    with MatrixJournal(tmp_path, {"solutions": 3}) as journal:
        journal.keep(MATRIX)
    before = (tmp_path / NAME).read_bytes()
    with MatrixJournal(tmp_path, {"solutions": 3}, VERSIONS) as journal:
        assert journal.matrices == {"made/0": MATRIX}
    assert (tmp_path / NAME).read_bytes() == before


def test_the_command_goes_on_with_the_data_that_it_was_begun_with(
    released, tmp_path, cli, monkeypatch
):
    monkeypatch.delenv("HUMANEVAL_PLUS", raising=False)
    solutions, tests = released(SAMPLES)
    files = ["--solutions", solutions, "--tests", tests, "--out", tmp_path / "out", "--workers", 1]
    assert cli("evaluate", "codet", *files).exit_code == 0
    first, *others = PROBLEMS
    changed = (replace(first, tests={**first.tests, "prelude": "x = 1"}), *others)
    monkeypatch.setattr("evaluation.datasets.load", lambda _name, _data: changed)
    result = cli("evaluate", "codet", *files)
    assert result.exit_code == 1
    assert "problems is '" in result.stderr


def test_the_command_writes_what_selectors_are_worth_and_does_nothing_twice(
    released, tmp_path, cli, monkeypatch
):
    monkeypatch.delenv("HUMANEVAL_PLUS", raising=False)
    solutions, tests = released(SAMPLES)
    out = tmp_path / "out"
    files = ["--solutions", solutions, "--tests", tests, "--out", out, "--workers", 1]
    result = cli("evaluate", "codet", *files)
    assert result.exit_code == 0, result.output
    assert "| random |  | 41.7 |" in result.stdout
    assert "| codet | drawn | 75.0 | +33.3" in result.stdout
    told = json.loads((out / "codet.json").read_text())
    assert told["sampled"]["problems"] == 2
    kept = (out / NAME).read_bytes()
    (out / "codet.json").unlink()
    again = cli("evaluate", "codet", *files)
    assert again.stdout == result.stdout
    assert (out / NAME).read_bytes() == kept


def test_the_command_refuses_the_directory_of_other_samples(released, tmp_path, cli, monkeypatch):
    monkeypatch.delenv("HUMANEVAL_PLUS", raising=False)
    solutions, tests = released({ADD: (["a"], [])})
    (tmp_path / NAME).write_text('[{"samples":"others"}]\n')
    result = cli("evaluate", "codet", "--solutions", solutions, "--tests", tests, "--out", tmp_path)
    assert result.exit_code == 1
    assert "name another --out" in result.output


def test_a_file_without_a_line_has_samples_of_nothing(tmp_path):
    empty = tmp_path / "empty.jsonl"
    empty.write_text("")
    with pytest.raises(DatasetUnavailable, match="no problem"):
        read_published(empty, empty, PROBLEMS)

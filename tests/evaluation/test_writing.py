"""Files of results: whole or not there, whatever happens; and tables."""

import os

import pytest

from evaluation.writing import markdown, write_json, write_whole


def test_a_file_is_replaced_whole(tmp_path):
    path = tmp_path / "a.json"
    path.write_text("before")
    write_whole(path, b"after")
    assert path.read_bytes() == b"after"
    assert list(tmp_path.iterdir()) == [path]


@pytest.mark.parametrize("stopped", [OSError("no space"), KeyboardInterrupt()], ids=repr)
def test_what_is_stopped_leaves_the_file_as_it_was_and_nothing_beside_it(
    tmp_path, monkeypatch, stopped
):
    path = tmp_path / "a.json"
    path.write_text("before")

    def stop(descriptor):
        raise stopped

    monkeypatch.setattr(os, "fsync", stop)
    with pytest.raises(type(stopped)):
        write_whole(path, b"after")
    assert path.read_text() == "before"
    assert list(tmp_path.iterdir()) == [path]


def test_files_that_differ_in_their_ending_have_nothing_in_common(tmp_path):
    (tmp_path / "a.part").write_text("mine")
    write_whole(tmp_path / "a.json", b"one")
    assert (tmp_path / "a.part").read_text() == "mine"


def test_a_pipe_is_written_to_and_stays_one(tmp_path):
    path = tmp_path / "pipe"
    os.mkfifo(path)
    reader = os.open(path, os.O_RDONLY | os.O_NONBLOCK)
    write_whole(path, b"told")
    assert os.read(reader, 10) == b"told"
    os.close(reader)
    assert path.is_fifo()


def test_what_json_has_no_word_for_is_not_written(tmp_path):
    write_json(tmp_path / "a.json", {"value": [1]})
    assert (tmp_path / "a.json").read_text() == '{\n "value": [\n  1\n ]\n}\n'
    with pytest.raises(ValueError, match="JSON"):
        write_json(tmp_path / "b.json", float("nan"))
    assert [path.name for path in tmp_path.iterdir()] == ["a.json"]


def test_a_table_tells_words_from_numbers():
    table = markdown(("model", "tests", "n"), [("a", "plus", 1)], words=2)
    assert list(table) == ["| model | tests | n |", "|---|---|---:|", "| a | plus | 1 |"]

import json
import os
from dataclasses import replace

import pytest

from evaluation.gateway.results import Header, ResultFileError, ResultWriter, read

HEADER = Header(
    {"label": "a", "policy": "single", "seed": None}, ("m",), {"m": {"flops_per_token": 2.0}}
)


def record(task, error=None):
    answer = {"text": "pass", "latency_s": 1.0, "commands": []} if error is None else {}
    return {"task_id": task, **answer, "error": error}


def write(path, *records, header=HEADER):
    with ResultWriter(path, header) as writer:
        for one in records:
            writer.append(one)


@pytest.fixture
def path(tmp_path):
    return tmp_path / "new" / "run.jsonl"


def test_a_file_reads_back_what_was_written(path):
    write(path, record("a"), record("b", {"code": "overloaded", "message": ""}))
    results = read(path)
    assert results.header == HEADER
    assert [r["task_id"] for r in results.records] == ["a", "b"]
    assert results.done == {"a"}
    assert results.torn_bytes == 0


def test_every_line_is_on_disk_before_the_next(path, monkeypatch):
    synced = []
    monkeypatch.setattr(os, "fsync", lambda _: synced.append(path.read_bytes().count(b"\n")))
    write(path, record("a"), record("b"))
    assert synced == [1, 2, 3]


def test_a_run_goes_on_and_a_later_answer_replaces_an_error(path):
    write(path, record("a", {"code": "overloaded", "message": ""}), record("b"))
    with ResultWriter(path, HEADER) as writer:
        assert writer.results.done == {"b"}
        writer.append(record("a"))
    results = read(path)
    assert results.done == {"a", "b"}
    assert [r["task_id"] for r in results.records] == ["a", "b"]


def test_a_file_cut_at_any_byte_is_continued(path):
    write(path, record("a"), record("b"))
    whole = path.read_bytes()
    ends = [at for at, byte in enumerate(whole, start=1) if byte == ord("\n")]
    for cut in range(len(whole) + 1):
        path.write_bytes(whole[:cut])
        kept = max((end for end in ends if end <= cut), default=0)
        with ResultWriter(path, HEADER) as writer:
            assert writer.torn_bytes == cut - kept
            assert len(writer.results.done) == max(0, sum(end <= cut for end in ends) - 1)
            for task in "ab":
                if task not in writer.results.done:
                    writer.append(record(task))
        assert path.read_bytes() == whole


def test_a_torn_line_is_told_and_left_alone_by_a_reader(path):
    write(path, record("a"))
    with path.open("ab") as file:
        file.write(b'{"task_id": "b')
    before = path.read_bytes()
    assert read(path).torn_bytes == 14
    assert path.read_bytes() == before


@pytest.mark.parametrize(
    ("other", "named"),
    [
        (Header({**HEADER.parameters, "policy": "cascade"}, ("m",), HEADER.rates), "policy"),
        (Header({**HEADER.parameters, "seed": 3}, ("m",), HEADER.rates), "seed"),
        (Header({**HEADER.parameters, "more": 1}, ("m",), HEADER.rates), "more"),
        (Header(HEADER.parameters, ("m", "n"), HEADER.rates), "models"),
        (Header(HEADER.parameters, ("m",), {}), "rates"),
    ],
)
def test_another_run_does_not_continue_a_file(path, other, named):
    write(path, record("a"))
    before = path.read_bytes()
    with (
        pytest.raises(ResultFileError, match=f"another run: {named} is"),
        ResultWriter(path, other),
    ):
        pass
    assert path.read_bytes() == before


def test_a_gateway_that_moved_is_the_same_run(path):
    write(path, record("a"))
    moved = Header(HEADER.parameters, HEADER.models, HEADER.rates, url="http://elsewhere")
    with ResultWriter(path, moved) as writer:
        assert writer.results.done == {"a"}


def of_data(digest):
    return replace(HEADER, data_sha256=digest)


def test_another_version_of_the_data_does_not_continue_a_file(path):
    write(path, record("a"), header=of_data("a" * 64))
    before = path.read_bytes()
    with (
        pytest.raises(ResultFileError, match="hash of its data is aaaaaaaaaaaa there and bbbbbbb"),
        ResultWriter(path, of_data("b" * 64)),
    ):
        pass
    assert path.read_bytes() == before
    write(path, record("b"), header=of_data("a" * 64))
    assert read(path).header == of_data("a" * 64)


@pytest.mark.parametrize(("there", "now"), [(None, "b" * 64), ("a" * 64, None), (None, None)])
def test_a_file_of_an_unknown_version_is_continued(path, there, now):
    write(path, record("a"), header=of_data(there))
    write(path, record("b"), header=of_data(now))
    assert read(path).done == {"a", "b"}
    assert read(path).header.data_sha256 == there


@pytest.mark.parametrize(
    ("line", "content"),
    [
        (1, b"not json\n"),
        (1, b'{"task_id": "a"}\n'),
        (1, json.dumps(HEADER.to_json() | {"schema": 99}).encode() + b"\n"),
        (2, json.dumps(HEADER.to_json()).encode() + b"\n{]\n"),
        (3, json.dumps(HEADER.to_json()).encode() + f"\n{json.dumps(record('a'))}\n[]\n".encode()),
    ],
)
def test_damage_that_is_no_torn_line_is_an_error_with_its_place(path, line, content):
    path.parent.mkdir()
    path.write_bytes(content)
    for use in (lambda: read(path), lambda: ResultWriter(path, HEADER).__enter__()):
        with pytest.raises(ResultFileError, match=f"line {line}:"):
            use()
    assert path.read_bytes() == content


@pytest.mark.parametrize("name", ["task_id", "text", "latency_s", "commands"])
@pytest.mark.parametrize("value", [None, {}, "missing"], ids=repr)
def test_a_record_that_could_not_be_counted_is_damage(path, name, value):
    write(path, record("a"))
    other = record("b") | {name: value}
    if value == "missing":
        del other[name]
    with path.open("a") as file:
        file.write(json.dumps(other) + "\n")
    with pytest.raises(ResultFileError, match="line 3: it is no record"):
        read(path)


@pytest.mark.parametrize(
    "content", [b"a note of mine", b'{"kind": "policy"}', b"\0\xff", b'{"kind":"headed"']
)
def test_a_file_of_others_without_a_whole_line_is_not_taken_for_a_torn_one(path, content):
    path.parent.mkdir()
    path.write_bytes(content)
    with (
        pytest.raises(ResultFileError, match="no result file: name another"),
        ResultWriter(path, HEADER),
    ):
        pass
    assert path.read_bytes() == content


def test_a_file_has_one_writer(path):
    with (
        ResultWriter(path, HEADER),
        pytest.raises(ResultFileError, match="another run is writing"),
        ResultWriter(path, HEADER),
    ):
        pass


def test_what_is_not_there_is_an_error(path):
    with pytest.raises(ResultFileError, match="No such file"):
        read(path)
    path.parent.mkdir()
    path.touch()
    with pytest.raises(ResultFileError, match="no header"):
        read(path)

"""Data sets in which something is filled in: what is asked, what is judged, which problems."""

import asyncio
import json
from dataclasses import replace

import pytest
from fim_files import INFILLING_KINDS, SAFIM_KINDS, infilling_row, safim_row, write

from evaluation.datasets import DatasetUnavailable, content_hash, load, max_tokens, sample_of
from evaluation.gateway.local_judge import LocalJudge
from policies.values import Verdict
from router.request import TextPrompt
from sandbox import Limits, ProcessBackend

FIRST = ["20", "9", "4", "38"]
NAMES = [*INFILLING_KINDS, *SAFIM_KINDS]


def judged(problem, *answers):
    async def judge():
        async with ProcessBackend(workers=1) as backend:
            judge = LocalJudge(backend, Limits())
            return [(await judge.judge(problem, answer)).verdict for answer in answers]

    return asyncio.run(judge())


@pytest.mark.parametrize("name", NAMES)
def test_the_program_is_prompt_answer_and_suffix(name, tmp_path):
    problems = load(name, write(tmp_path / "x.jsonl", name))
    assert len(problems) == 3
    problem = problems[0]
    assert problem.suffix
    assert problem.frame == TextPrompt(problem.prompt, problem.suffix)
    assert problem.prompt_is_program
    assert 0 < max_tokens(name) <= 256
    wrong = "n < 0:" if name in SAFIM_KINDS else "    y = 3 * x\n"
    assert judged(problem, problem.reference, wrong) == [Verdict.PASSED, Verdict.FAILED]


def test_a_single_line_ends_where_its_line_ends(tmp_path):
    (problem, *_) = load("infilling-single", write(tmp_path / "x.jsonl", "infilling-single"))
    assert problem.stop == ("\n",)
    assert (problem.reference, problem.suffix) == ("    y = 2 * x", "\n    return y\n")
    (multi, *_) = load("infilling-multi", write(tmp_path / "y.jsonl", "infilling-multi"))
    assert multi.stop == ()
    assert (multi.reference, multi.suffix) == ("    y = 2 * x\n", "    return y\n")


def test_safim_is_its_programs_in_python(tmp_path):
    rows = [safim_row("safim-block", 1), safim_row("safim-block", 2, "java")]
    path = tmp_path / "x.jsonl"
    path.write_text("".join(json.dumps(row) + "\n" for row in rows))
    (problem,) = load("safim-block", path)
    assert (problem.prompt, problem.suffix) == ("n = int(input())\r\nif ", "\r\n    print(n)")
    assert problem.tests["cases"] == [{"stdin": "3\n", "stdout": "3", "words": True}]


SINGLE = infilling_row("infilling-single", 0)
BLOCK = safim_row("safim-block", 0)
WRONG = {
    "no rows": ("infilling-single", []),
    "another kind": ("infilling-multi", [SINGLE]),
    "a key is missing": ("infilling-single", [{k: v for k, v in SINGLE.items() if k != "suffix"}]),
    "a number for a text": ("infilling-single", [SINGLE | {"task_id": 5}]),
    "another language": ("safim-block", [BLOCK | {"lang": "cpp"}]),
    "another kind of hole": ("safim-control", [BLOCK]),
    "no hole": ("safim-block", [BLOCK | {"eval_prompt": "x"}]),
    "two holes": ("safim-block", [BLOCK | {"eval_prompt": "{{completion}}{{completion}}"}]),
    "two outputs": ("safim-block", [BLOCK | {"unit_tests": [{"input": "", "output": ["a", "b"]}]}]),
}


@pytest.mark.parametrize(("name", "rows"), WRONG.values(), ids=WRONG)
def test_what_is_not_the_data_set_is_refused(name, rows, tmp_path):
    path = tmp_path / "x.jsonl"
    path.write_text("".join(json.dumps(row) + "\n" for row in rows))
    with pytest.raises(DatasetUnavailable):
        load(name, path)


@pytest.mark.parametrize("name", NAMES)
def test_without_a_file_it_is_said_where_there_is_one(name, monkeypatch):
    monkeypatch.delenv(name.upper().replace("-", "_"), raising=False)
    with pytest.raises(DatasetUnavailable, match="--data"):
        load(name)


def test_a_sample_is_the_same_for_everybody_and_the_beginning_of_a_larger_one(tmp_path):
    problems = load("infilling-multi", write(tmp_path / "x.jsonl", "infilling-multi", 50))
    ten = sample_of(problems, 10)
    assert [p.task_id.split("/")[2] for p in ten[:4]] == FIRST
    assert sample_of(problems[::-1], 20)[:10] == ten
    assert sample_of(problems, 10, seed=1) != ten
    assert len(sample_of(problems, 99)) == 50
    assert sample_of(problems, None) == problems


def test_the_content_hash_is_of_the_suffix_too(tmp_path):
    (problem, *_) = load("infilling-multi", write(tmp_path / "x.jsonl", "infilling-multi"))
    other = replace(problem, suffix="other")
    assert len({content_hash([each]) for each in (problem, other, replace(other, suffix=""))}) == 3

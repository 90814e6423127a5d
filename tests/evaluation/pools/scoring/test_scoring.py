"""Rankers, and the run that asks them; transformers is tested where torch is installed."""

import asyncio
import json
import math
import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import httpx
import pytest
import tiny_model
from pool_files import identity, sample, score, write

from evaluation.datasets import content_hash, load
from evaluation.local import loading as local_model
from evaluation.pools.schema import Table
from evaluation.pools.scoring.local import LocalRanker
from evaluation.pools.scoring.ranker import RankerFailed, Score
from evaluation.pools.scoring.remote import RemoteRanker
from evaluation.pools.scoring.run import Scored, score_pool, wanted
from evaluation.pools.store import Pool, TableWriter
from evaluation.pools.view import read_view
from router.upstream.transport import Client

PROMPTS = {f"a/{at}": f"prompt {at}" for at in range(3)}


@dataclass
class Lengths:
    """A ranker that scores a text by its length; it fails at the call of that number."""

    name: str = "lengths"
    fails_at: int = -1
    asked: list[tuple[str, list[str]]] = field(default_factory=list)

    async def score(self, prompt: str, candidates: Sequence[str]) -> list[Score | None]:
        if len(self.asked) == self.fails_at:
            raise RankerFailed("lengths: out of paper")
        self.asked.append((prompt, list(candidates)))
        return [Score(len(text) / 2, len(text)) if text else None for text in candidates]


def run(
    pool: Pool,
    ranker: Lengths,
    per_problem: int | None = None,
    on_torn: Callable[[int], None] = print,
) -> tuple[Scored, int]:
    """What came of it, and how much progress was told."""
    steps: list[int] = []
    scored = asyncio.run(
        score_pool(
            pool,
            PROMPTS,
            ranker,
            per_problem=per_problem,
            on_scored=steps.append,
            on_torn=on_torn,
        )
    )
    return scored, sum(steps)


def texts(*each: str) -> list[dict[str, Any]]:
    """Samples of every task with these texts, in rounds as they are collected."""
    return [
        sample(task, index, text=text)
        for index, text in enumerate(each)
        for task in sorted(PROMPTS)
    ]


def test_each_problem_is_one_call_and_duplicates_are_read_once(tmp_path: Path) -> None:
    pool = write(tmp_path / "pool", texts("x", "yy", "x"))
    ranker = Lengths()
    assert run(pool, ranker) == (Scored(9, 0), 9)
    assert ranker.asked == [(prompt, ["x", "yy"]) for prompt in PROMPTS.values()]
    for problem in read_view(pool.path).problems:
        assert problem.nll["lengths"].tolist() == [0.5, 1.0, 0.5]


def test_only_the_first_samples_of_each_problem_are_scored(tmp_path: Path) -> None:
    pool = write(tmp_path / "pool", texts("x", "yy", "zzz"))
    assert wanted(pool, 2) == 6
    assert wanted(pool, None) == 9
    assert run(pool, Lengths(), per_problem=2) == (Scored(6, 0), 6)
    assert read_view(pool.path).unscored("lengths") == 3


def test_a_run_that_failed_goes_on_where_it_was(tmp_path: Path) -> None:
    pool = write(tmp_path / "pool", texts("x", "yy"), scores=[score()])
    with pytest.raises(RankerFailed, match="out of paper"):
        run(pool, Lengths(fails_at=1))
    again = Lengths()
    assert run(pool, again) == (Scored(6, 0), 6)
    assert [prompt for prompt, _ in again.asked] == ["prompt 1", "prompt 2"]
    view = read_view(pool.path)
    assert view.unscored("lengths") == 0
    assert view.unscored("large") == 5  # another ranker's are left as they were


def test_what_another_run_scored_until_this_one_may_write_is_not_scored_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    pool = write(tmp_path / "pool", texts("x"))
    plain, others = Pool.writer, [[score(task, ranker="lengths") for task in sorted(PROMPTS)]]

    def after_another(self: Pool, table: Table) -> TableWriter:
        while others:
            with plain(self, table) as writer:
                writer.append(others.pop())
        return plain(self, table)

    monkeypatch.setattr(Pool, "writer", after_another)
    ranker = Lengths()
    assert run(pool, ranker) == (Scored(3, 0), 3)
    assert not ranker.asked
    assert read_view(pool.path).unscored("lengths") == 0


def test_an_empty_text_has_no_score_and_is_counted(tmp_path: Path) -> None:
    pool = write(tmp_path / "pool", texts("x", ""))
    assert run(pool, Lengths()) == (Scored(3, 3), 6)
    assert read_view(pool.path).unscored("lengths") == 3


def test_a_score_is_finite() -> None:
    assert Score.of([-1.0, -2.0], "m") == Score(1.5, 2)
    assert Score.of([], "m") is None
    for values in ([-math.inf], [math.nan], [math.inf, -math.inf], [-1e308, -1e308]):
        with pytest.raises(RankerFailed, match="m gave a log-probability that is not finite"):
            Score.of(values, "m")


def test_what_a_crash_tore_is_told(tmp_path: Path) -> None:
    pool = write(tmp_path / "pool", texts("x"))
    (pool.path / "scores").mkdir()
    (pool.path / "scores" / "00001.jsonl").write_text('[{"ran')
    torn: list[int] = []
    assert run(pool, Lengths(), on_torn=torn.append) == (Scored(3, 0), 3)
    assert torn == [6]


# A vLLM server -----------------------------------------------------------------------------------

Answer = Callable[[str, dict[str, Any]], httpx.Response]


def vllm(path: str, body: dict[str, Any]) -> httpx.Response:
    """A server whose tokens are characters, each as likely as its code says."""
    assert body["model"] == "ranker"
    if path == "/tokenize":
        start = [1] if body["add_special_tokens"] else []
        return httpx.Response(200, json={"tokens": start + [ord(c) for c in body["prompt"]]})
    entries = [{str(t): {"logprob": -t / 100, "rank": 1}} for t in body["prompt"]]
    return httpx.Response(200, json={"choices": [{"prompt_logprobs": [None, *entries[1:]]}]})


@contextmanager
def served(answering: Answer = vllm) -> Iterator[str]:
    """The URL of such a server, on this machine."""

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
            answer = answering(self.path, body)
            self.send_response(answer.status_code)
            self.send_header("Content-Length", str(len(answer.content)))
            self.end_headers()
            self.wfile.write(answer.content)

        def log_message(self, *_: Any) -> None:
            """Say nothing."""

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        try:
            yield f"http://127.0.0.1:{server.server_port}/v1"
        finally:
            server.shutdown()
            thread.join()


def ask(answer: Answer, *candidates: str) -> list[Score | None]:
    async def main(url: str) -> list[Score | None]:
        async with Client(connect_s=5, read_s=60) as http:
            return await RemoteRanker("ranker", http, url).score("p", candidates)

    with served(answer) as url:
        return asyncio.run(main(url))


def test_a_server_is_asked_for_the_tokens_of_the_candidate_alone() -> None:
    assert ask(vllm, "ab", "", "z") == [
        Score(pytest.approx((97 + 98) / 200), 2),
        None,
        Score(pytest.approx(1.22), 1),
    ]


BROKEN: dict[str, Answer] = {
    "an error": lambda *_: httpx.Response(500, text="out of memory"),
    "no JSON": lambda *_: httpx.Response(200, text="<html>"),
    "no tokens": lambda *_: httpx.Response(200, json={}),
    "no log-probabilities": lambda path, body: (
        vllm(path, body) if path == "/tokenize" else httpx.Response(200, json={"choices": [{}]})
    ),
    "those of other tokens": lambda path, body: vllm(
        path, body if path == "/tokenize" else body | {"prompt": [7] * len(body["prompt"])}
    ),
    "too few": lambda path, body: vllm(
        path, body if path == "/tokenize" else body | {"prompt": body["prompt"][:-1]}
    ),
}


@pytest.mark.parametrize("answer", BROKEN.values(), ids=BROKEN)
def test_a_server_that_cannot_rank_is_named(answer: Answer) -> None:
    with pytest.raises(RankerFailed, match=r"^ranker: "):
        ask(answer, "ab", "c")


# transformers ------------------------------------------------------------------------------------


def test_the_cached_batched_scores_are_those_of_one_plain_pass_each(tmp_path: Path) -> None:
    language_model = local_model.load(tiny_model.write(tmp_path))
    language_model.model.float()
    ranker = LocalRanker("tiny", language_model)
    candidates = ["return a", "", "x", "return a + b\n", "y = 3", "pass  # hm", "x"]
    scores = asyncio.run(ranker.score("def add(a, b):\n", candidates))
    prompt = language_model.tokens("def add(a, b):\n", special=True)
    for text, found in zip(candidates, scores, strict=True):
        tokens = language_model.tokens(text, special=False)
        if not tokens:
            assert found is None
            continue
        logprobs = language_model.model(language_model.tensor([prompt + tokens])).logits[0]
        predicting = logprobs[len(prompt) - 1 : -1].log_softmax(-1)
        each = predicting.gather(1, language_model.tensor(tokens)[:, None])
        assert found == Score(pytest.approx(-each.mean().item(), rel=1e-4), len(tokens))


# The command -------------------------------------------------------------------------------------


@pytest.fixture
def own(tmp_path: Path) -> tuple[Pool, Path]:
    """A pool over a dataset of one's own, and that dataset's file."""
    data = tmp_path / "own.jsonl"
    tests = {"kind": "asserts", "code": "assert f() == 1", "entry_point": "f"}
    rows = [{"task_id": t, "prompt": p, "tests": tests} for t, p in PROMPTS.items()]
    data.write_text("\n".join(map(json.dumps, rows)))
    found = content_hash(load("tiny", data))
    pool = Pool.create(tmp_path / "pool", identity(dataset_sha256=found))
    with pool.writer(Table.SAMPLES) as writer:
        writer.append(texts("x"))
    return pool, data


def scoring(cli: Callable[..., Any], own: tuple[Pool, Path]) -> Any:
    pool, data = own
    with served() as url:
        ranker = ["--ranker", "ranker", "--url", url]
        return cli("evaluate", "score", pool.path, *ranker, "--data", data)


def test_the_command_says_what_a_crash_tore(
    cli: Callable[..., Any], own: tuple[Pool, Path]
) -> None:
    folder = own[0].path / "scores"
    folder.mkdir()
    (folder / "00001.jsonl").write_text('[{"ran')
    result = scoring(cli, own)
    assert result.exit_code == 0, result.output
    assert "cut off 6 bytes of an unfinished line" in result.stderr
    assert "3 samples" in result.stdout


def test_a_pool_that_cannot_be_written_is_one_line(
    cli: Callable[..., Any], own: tuple[Pool, Path]
) -> None:
    (own[0].path / "scores").write_text("a file, no folder")
    result = scoring(cli, own)
    assert result.exit_code == 1
    assert result.stderr.splitlines()[-1].startswith("budget-router: ")

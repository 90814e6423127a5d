"""Answers of one model ranked by another, at a server that scores what it reads."""

import asyncio
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import AbstractAsyncContextManager, AsyncExitStack, asynccontextmanager
from typing import Any

import pytest
from fake_shapes import LOGPROB, pieces, template
from fake_upstream import (
    FakeUpstream,
    Likely,
    Play,
    answering,
    failing,
    running,
    scoring,
    streaming,
)
from http_world import (
    MESSAGES,
    PROMPT,
    World,
    events,
    eventually,
    is_error,
    longer,
    untouched,
    world,
)

from policies.lengths import most_tokens
from router.catalogue.fim import FAMILIES
from router.upstream.balancing.breaker import Closed, Open
from router.upstream.balancing.replicas import Replicated

pytestmark = pytest.mark.anyio

WORDS = (["    ", "pass", "\n"], ["    ", "retu", "rn a", "\n"], ["    ", "x = ", "a + ", "b\n"])
FIRST, SECOND, THIRD = ("".join(words) for words in WORDS)
BUDGET = {"policy": "three"}


def saying(texts: Sequence[list[str]] = WORDS) -> FakeUpstream:
    return FakeUpstream(answering(lambda _call, index: texts[index % len(texts)]))


def liking(loved: str, otherwise: float = -1.0) -> Likely:
    """An answer's tokens after the prompt are likely where they are of this text."""

    def likely(before: str, token: str) -> float:
        return -0.125 if (before + token).partition(PROMPT)[2] in _beginnings(loved) else otherwise

    return likely


def _beginnings(text: str) -> set[str]:
    return {text[: at + 1] for at in range(len(text))}


def ranked(
    scorer: Play | None = None,
    texts: Sequence[list[str]] = WORDS,
    *,
    n: int = 3,
    **settings: Any,
) -> AbstractAsyncContextManager[World]:
    """Three samples of the small model, and the large one to rank them."""
    policies = {"three": {"kind": "best_of_n", "model": "small", "n": n}}
    return world(
        saying(texts),
        FakeUpstream(answering(), "vllm", scorer=scorer),
        **{"policies": policies, "select": {"ranker": "large"}} | settings,
    )


async def asked(w: World, select: str = "nll", **fields: Any) -> Any:
    answer = await w.complete(select=select, explain=True, **{"budget": BUDGET} | fields)
    assert answer.status_code == 200, answer.text
    return answer


def said(answer: Any) -> str:
    text: str = answer.json()["choices"][0]["text"]
    return text


def commands(answer: Any) -> list[str]:
    return [each["command"] for each in answer.json()["router"]["commands"]]


def coder(w: World, *texts: str) -> float:
    """FLOPs of a pass over the prompt and each of these."""
    prompt = len(pieces(PROMPT))
    return sum(w.cost.score("large", prompt, len(pieces(text))) for text in texts)


def reviewer(w: World, *texts: str) -> float:
    """FLOPs of a pass over each of these, and then the prompt."""
    prompt = len(pieces(PROMPT))
    return sum(w.cost.score("large", len(pieces(text)), prompt) for text in texts)


def drawn(w: World, texts: Sequence[list[str]] = WORDS) -> float:
    return w.cost.draw("small", len(pieces(PROMPT)), [len(text) for text in texts])


def adds_up(answer: Any, flops: float) -> None:
    """Every FLOP is that of a command and of a candidate, and in the header."""
    told = answer.json()["router"]
    assert told["flops_used"] == pytest.approx(flops)
    assert float(answer.headers["x-budget-flops-used"]) == pytest.approx(flops)
    assert sum(each["flops"] for each in told["commands"]) == pytest.approx(flops)
    assert sum(each["flops"] for each in told["candidates"]) == pytest.approx(flops)
    for each in told["commands"]:
        assert each["flops"] <= each["flops_reserved"]


@pytest.mark.parametrize("loved", [FIRST, SECOND, THIRD])
async def test_the_ranker_chooses_and_all_of_its_passes_are_paid(loved: str) -> None:
    async with ranked(scoring(liking(loved))) as w:
        answer = await asked(w)
        assert said(answer) == loved
        assert answer.headers["x-router-selected-by"] == "nll"
        assert answer.headers["x-router-plan"] == "small*3+nll"
        assert answer.headers["x-router-model"] == "small"
        adds_up(answer, drawn(w) + coder(w, FIRST, SECOND, THIRD))
        told = answer.json()["router"]
        _, rank = told["commands"]
        shown = {name: rank[name] for name in ("command", "model", "reviews", "passes", "failure")}
        assert shown == {
            "command": "rank",
            "model": "large",
            "reviews": False,
            "passes": 3,
            "failure": None,
        }
        assert rank["candidates"] == [0, 1, 2]
        paid = sum(w.cost.score("large", *each) for each in rank["pass_tokens"])
        assert rank["flops"] == pytest.approx(paid)
        for text, candidate in zip((FIRST, SECOND, THIRD), told["candidates"], strict=True):
            tokens = pieces(text)
            before = [PROMPT + "".join(tokens[:at]) for at in range(len(tokens))]
            nll = -sum(map(liking(loved), before, tokens)) / len(tokens)
            assert candidate["scores"] == {"large": pytest.approx(nll)}
            assert candidate["nll"] == -LOGPROB  # its own model's


async def test_the_ranker_reads_prompt_and_answer_and_draws_nothing_to_speak_of() -> None:
    async with ranked() as w:
        await asked(w)
        assert not w.large.generations
        read = sorted("".join(w.large.words(call)) for call in w.large.scorings)
        assert read == sorted(PROMPT + text for text in (FIRST, SECOND, THIRD))
        for call in w.large.scorings:
            body = {key: value for key, value in call.body.items() if key != "prompt"}
            assert body == {
                "model": "large",
                "max_tokens": 1,
                "temperature": 0,
                "prompt_logprobs": 0,
            }


async def test_a_reviewer_adds_how_likely_the_prompt_is_after_the_answer() -> None:
    def likely(before: str, _token: str) -> float:
        if before.startswith(SECOND):  # after it, the prompt is what anybody would write
            return -0.25
        return -0.5 if before.startswith(PROMPT) else -1.0

    async with ranked(scoring(likely)) as w:
        answer = await asked(w, "reviewer")
        assert said(answer) == SECOND
        assert answer.headers["x-router-selected-by"] == "reviewer"
        assert answer.headers["x-router-plan"] == "small*3+reviewer"
        everything = (FIRST, SECOND, THIRD)
        adds_up(answer, drawn(w) + coder(w, *everything) + reviewer(w, *everything))
        told = answer.json()["router"]
        assert (told["commands"][1]["reviews"], told["commands"][1]["passes"]) == (True, 6)
        scores = [each["scores"]["large review"] for each in told["candidates"]]
        assert scores == [0.5 * 3 + 4, 0.5 * 4 + 0.25 * 4, 0.5 * 4 + 4]
        assert SECOND + PROMPT in ["".join(w.large.words(call)) for call in w.large.scorings]
        assert said(await asked(w)) == FIRST  # by what comes after the prompt all are alike


async def test_an_answer_that_ends_in_a_line_has_the_prompt_begin_on_one_of_its_own() -> None:
    texts = [["pass"], ["retu", "rn"]]
    async with ranked(texts=texts, n=2) as w:
        answer = await asked(w, "reviewer")
        read = {"".join(w.large.words(call)) for call in w.large.scorings}
        assert {f"pass\n{PROMPT}", f"return\n{PROMPT}"} <= read
        more = coder(w, "pass", "return") + reviewer(w, "pass\n", "return\n")
        adds_up(answer, drawn(w, texts) + more)


async def test_without_a_ranker_nll_is_the_generators_own_and_reviewer_says_what_it_needs() -> None:
    async with ranked(select={}) as w:
        error = is_error(await w.complete(select="reviewer"), 400, "invalid_request")
        assert error["param"] == "select"
        assert "[select] ranker" in error["message"]
        untouched(w)
        answer = await asked(w)
        assert commands(answer) == ["draw"]
        assert answer.headers["x-router-selected-by"] == "nll"
        assert not w.large.calls


async def test_what_a_request_does_not_ask_for_is_not_ranked() -> None:
    async with ranked(scoring(liking(THIRD))) as w:
        answer = await w.complete(budget=BUDGET, explain=True)
        assert commands(answer) == ["draw"]
        assert not w.large.calls


async def test_answers_with_one_text_are_read_once_and_empty_ones_come_last() -> None:
    texts = [[], WORDS[0], WORDS[1], WORDS[0], WORDS[1]]
    async with ranked(scoring(liking(SECOND)), texts, n=5) as w:
        answer = await asked(w, n=5)
        chosen = [choice["text"] for choice in answer.json()["choices"]]
        assert chosen == [SECOND, SECOND, FIRST, FIRST, ""]
        adds_up(answer, drawn(w, texts) + coder(w, FIRST, SECOND))
        assert len(w.large.scorings) == 2


@pytest.mark.parametrize("texts", [[WORDS[0]] * 3, [[], [], []], [[], WORDS[0], []]], ids=str)
async def test_what_is_one_text_is_not_ranked(texts: list[list[str]]) -> None:
    async with ranked(texts=texts) as w:
        answer = await asked(w, "reviewer")
        assert commands(answer) == ["draw"]
        assert not w.large.scorings


async def test_one_answer_needs_no_ranker() -> None:
    async with ranked() as w:
        answer = await asked(w, budget={"policy": "single"}, model="small")
        assert answer.headers["x-router-selected-by"] == "single"
        assert w.large.asked == []


async def test_a_ranker_ranks_for_free_what_it_wrote_itself() -> None:
    policies = {"three": {"kind": "best_of_n", "model": "large", "n": 3}}
    large = FakeUpstream(answering(lambda _call, index: WORDS[index]), "vllm")
    async with world(saying(), large, policies=policies, select={"ranker": "large"}) as w:
        assert commands(await asked(w)) == ["draw"]
        assert commands(await asked(w, "reviewer")) == ["draw", "rank"]
        numbers = w.large.numbers(PROMPT)  # which are its own
        answer = await asked(w, "reviewer", prompt=numbers)
        assert answer.json()["router"]["commands"][1]["passes"] == 6
        assert answer.headers["x-router-selected-by"] == "reviewer"


@pytest.mark.parametrize("fills", [True, False])
async def test_answers_in_a_gap_are_ranked_by_a_model_that_fills_in(fills: bool) -> None:
    fim = {"small": {"fim": "qwen"}, "large": {"fim": "qwen" if fills else "none"}}
    async with ranked(scoring(lambda before, _: -len(before)), models=fim) as w:
        answer = await asked(w, suffix="print(add(1, 2))\n")
        assert commands(answer) == (["draw", "rank"] if fills else ["draw"])
        if fills:
            prompt = FAMILIES["qwen"].render(PROMPT, "print(add(1, 2))\n")
            assert all("".join(w.large.words(c)).startswith(prompt) for c in w.large.scorings)
            assert said(answer) == FIRST  # the shortest


async def test_answers_to_a_chat_are_ranked_through_the_servers_template() -> None:
    def likely(before: str, token: str) -> float:
        return -0.125 if (before + token).endswith(SECOND) else -1.0

    async with ranked(scoring(likely)) as w:
        answer = await w.chat(select="nll", budget=BUDGET, explain=True)
        assert answer.status_code == 200, answer.text
        assert answer.json()["choices"][0]["message"]["content"] == SECOND
        assert commands(answer) == ["draw", "rank"]
        read = {"".join(w.large.words(call)) for call in w.large.scorings}
        assert read == {template(MESSAGES) + text for text in (FIRST, SECOND, THIRD)}
        prompt = len(pieces(template(MESSAGES)))
        passes = [w.cost.score("large", prompt, len(words)) for words in WORDS]
        draw = w.cost.draw("small", prompt, [len(words) for words in WORDS])
        adds_up(answer, draw + sum(passes))


async def test_a_stream_has_the_answer_that_was_ranked_first() -> None:
    async with ranked(scoring(liking(THIRD))) as w:
        answer = await w.complete(select="nll", budget=BUDGET, explain=True, stream=True)
        chunks = events(answer.text)
        text = "".join(c["text"] for each in chunks[:-1] for c in each["choices"])
        assert text == THIRD
        assert chunks[-2]["router"]["selected_by"] == "nll"


# What cannot be ranked ---------------------------------------------------------------------------


async def test_token_numbers_are_no_other_models() -> None:
    async with ranked() as w:
        answer = await asked(w, prompt=[11, 22], model="small")
        assert commands(answer) == ["draw"]
        assert w.large.asked == []


async def test_a_ranker_that_is_away_leaves_the_choice_to_the_generators_own() -> None:
    async with ranked(models={"large": {"url": "http://127.0.0.1:9"}}) as w:
        for select in ("nll", "reviewer"):
            answer = await asked(w, select)
            assert answer.headers["x-router-selected-by"] == "nll"
            assert commands(answer) == ["draw"]
        assert w.metric("router_upstream_failures_total", model="large") == 2


async def test_a_ranker_whose_context_is_too_short_is_not_asked() -> None:
    async with ranked(models={"large": {"context": 4}}) as w:
        assert commands(await asked(w)) == ["draw"]
        assert not w.large.scorings


@pytest.mark.parametrize(
    "scorer",
    [
        failing(500),
        streaming({"choices": []}),
        scoring(lambda _before, _token: float("nan")),
        scoring(lambda _before, _token: float("inf")),
    ],
    ids=["an error", "no JSON", "no number", "no finite one"],
)
async def test_a_ranking_that_fails_is_told_and_paid_as_far_as_it_was_sent(scorer: Play) -> None:
    async with ranked(scorer) as w:
        answer = await asked(w)
        assert said(answer) == FIRST
        assert answer.headers["x-router-selected-by"] == "nll"
        rank = answer.json()["router"]["commands"][1]
        assert "large" in rank["failure"]
        assert 1 <= rank["passes"] <= 3
        assert rank["flops"] >= coder(w, FIRST)
        adds_up(answer, drawn(w) + rank["flops"])


@pytest.mark.parametrize("status", [400, 503])
async def test_a_pass_that_is_refused_costs_nothing(status: int) -> None:
    """The first that is refused ends the ranking; others may have been sent by then."""
    async with ranked(failing(status, "too long")) as w:
        answer = await asked(w)
        assert said(answer) == FIRST
        rank = answer.json()["router"]["commands"][1]
        assert "large" in rank["failure"]
        assert rank["passes"] < 3
        adds_up(answer, drawn(w) + rank["flops"])


@asynccontextmanager
async def ranked_by(
    *servers: FakeUpstream, urls: tuple[str, ...] = (), failures: int = 3
) -> AsyncIterator[World]:
    """The large model is at these servers, which tokenize alike, and at further URLs."""
    async with AsyncExitStack() as stack:
        for server in servers:
            server.vocabulary = servers[0].vocabulary
            await stack.enter_async_context(running(server))
        breaker = {"failures": failures, "pause_s": 1000, "longest_pause_s": 1000}
        url = [*(server.url for server in servers), *urls]
        models = {"large": {"url": url, "breaker": breaker, "server": "vllm"}}
        yield await stack.enter_async_context(ranked(models=models))


def scorer(play: Play | None = None, tokenizer: Play | None = None) -> FakeUpstream:
    play = scoring(liking(SECOND)) if play is None else play
    return FakeUpstream(answering(), "vllm", tokenizer=tokenizer, scorer=play)


@pytest.mark.parametrize(
    "bad",
    [
        *(lambda status=status: scorer(failing(status)) for status in (429, 503, 404)),
        lambda: scorer(tokenizer=failing(500)),
        lambda: scorer(tokenizer=failing(404)),
    ],
    ids=["busy", "away", "not there", "no tokens", "no tokenizer"],
)
async def test_a_ranking_goes_on_at_another_server(bad: Callable[[], FakeUpstream]) -> None:
    """And is paid once."""
    refusing, good = bad(), scorer()
    async with ranked_by(refusing, good, failures=99) as w:
        answer = await asked(w)
        assert said(answer) == SECOND
        adds_up(answer, drawn(w) + coder(w, FIRST, SECOND, THIRD))
        assert answer.json()["router"]["commands"][1]["passes"] == 3
        again = w.metric("router_upstream_retries_total", model="large")
        assert again == len(refusing.scorings) - (3 - len(good.scorings))


async def test_a_ranker_that_is_not_there_is_passed_over_and_left_alone() -> None:
    async with ranked_by(scorer(), urls=("http://127.0.0.1:1",)) as w:
        for _ in range(4):
            assert said(await asked(w)) == SECOND
        assert w.metric("router_replica_open", model="large", replica="127.0.0.1:1") == 1


async def test_a_ranker_that_always_fails_is_left_alone() -> None:
    bad, good = scorer(failing(500)), scorer()
    async with ranked_by(bad, good) as w:
        for _ in range(20):
            await asked(w)
        replica = bad.url.partition("://")[2]
        assert w.metric("router_replica_open", model="large", replica=replica) == 1
        before = len(bad.scorings)
        for _ in range(3):
            assert said(await asked(w)) == SECOND
        assert len(bad.scorings) == before


async def test_a_ranker_that_only_ranks_is_found_to_be_back() -> None:
    server = scorer(failing(500))
    async with ranked_by(server, failures=1) as w:
        large = w.service.gateway.upstreams["large"]
        assert isinstance(large, Replicated)
        (replica,) = large.replicas
        await asked(w)
        assert isinstance(replica.breaker, Open)
        server.scorer = scoring(liking(SECOND))
        replica.breaker = Open(0.0, 1000.0, "it failed")  # a pause that is over, and was a long one
        assert said(await asked(w)) == SECOND
        assert replica.breaker == Closed()
        assert replica.load == 0


async def test_a_server_that_tokenizes_nothing_ranks_nothing() -> None:
    async with ranked() as w:
        w.large.tokenizer = failing(404)
        answer = await asked(w)
        rank = answer.json()["router"]["commands"][1]
        assert (rank["passes"], rank["flops"]) == (0, 0)
        adds_up(answer, drawn(w))


@pytest.mark.parametrize("select", ["nll", "reviewer"])
@pytest.mark.parametrize("fits", [True, False])
async def test_a_ranking_that_does_not_fit_the_budget_is_refused(select: str, fits: bool) -> None:
    async with ranked(scoring(liking(THIRD))) as w:
        prompt, most = len(pieces(PROMPT)), [most_tokens(t) for t in (FIRST, SECOND, THIRD)]
        reserved = sum(w.cost.score("large", prompt, each) for each in most)
        if select == "reviewer":
            reserved += sum(w.cost.score("large", each + 1, prompt) for each in most)
        least = drawn(w) + reserved
        # Every sample is drawn: what their limit reserves is less than what the ranking does.
        assert w.cost.ceiling("small", prompt, 3, 8) < least
        budget = BUDGET | {"flops": least if fits else 0.999 * least}
        answer = await asked(w, select, max_tokens=8, budget=budget)
        assert commands(answer) == (["draw", "rank"] if fits else ["draw"])
        assert answer.headers["x-router-selected-by"] == (select if fits else "nll")
        assert answer.json()["router"]["flops_used"] <= least
        if not fits:
            adds_up(answer, drawn(w))
            assert not w.large.scorings


async def test_a_ranker_of_unknown_cost_goes_with_no_budget_of_flops() -> None:
    async with ranked(scoring(liking(THIRD)), models={"large": {"config": None}}) as w:
        body = {"select": "nll", "budget": BUDGET | {"flops": 1e12}}
        error = is_error(await w.complete(**body), 400, "invalid_budget")
        assert "large" in error["message"]
        untouched(w)
        answer = await asked(w)
        assert said(answer) == THIRD
        assert answer.json()["router"]["flops_used"] is None
        assert "x-budget-flops-used" not in answer.headers


async def test_several_prompts_share_a_budget_that_ranking_is_paid_from() -> None:
    async with ranked() as w:
        prompts = [PROMPT, PROMPT.replace("add", "sub")]
        answer = await asked(w, prompt=prompts, budget=BUDGET | {"flops": 1e12})
        told = answer.json()["router"]
        one = drawn(w) + coder(w, FIRST, SECOND, THIRD)
        assert [each["flops_used"] for each in told["prompts"]] == [pytest.approx(one)] * 2
        assert told["flops_used"] == pytest.approx(2 * one)


# What ends before it is ranked -------------------------------------------------------------------


def hanging(after: int) -> Play:
    """Score so many, and never answer again."""
    left = [after]

    async def play(call: Any, server: FakeUpstream) -> None:
        left[0] -= 1
        if left[0] < 0:
            await asyncio.Event().wait()
        await scoring(liking(THIRD))(call, server)

    return play


@pytest.mark.parametrize("after", [0, 2])
async def test_a_deadline_in_a_ranking_leaves_the_choice_to_the_generators_own(after: int) -> None:
    async def scene(seconds: float) -> bool:
        async with ranked(hanging(after)) as w:
            budget = BUDGET | {"latency_ms": 1000 * seconds}
            answer = await w.complete(select="nll", explain=True, budget=budget)
            await eventually(lambda: all(call.ended.is_set() for call in w.large.scorings))
            cut = sum(call.closed_by_client.is_set() for call in w.large.scorings)
            if len(w.large.scorings) < 3 or cut > 3 - after:
                return False
            assert answer.status_code == 200, answer.text
            assert said(answer) == FIRST
            assert answer.headers["x-router-selected-by"] == "nll"
            assert answer.json()["router"]["stopped_by"] == "deadline"
            # What was sent is paid, whether it came back or not.
            adds_up(answer, drawn(w) + coder(w, FIRST, SECOND, THIRD))
            assert cut == 3 - after
            return True

    await longer(scene, 3.0, 12.0, 50.0)


async def test_a_client_that_goes_while_its_answers_are_ranked_leaves_nothing_behind() -> None:
    async with ranked(hanging(0)) as w:
        connection = await w.open(select="nll", budget=BUDGET)
        await eventually(lambda: len(w.large.scorings) == 3)
        await connection.close()
        await eventually(lambda: all(c.closed_by_client.is_set() for c in w.large.scorings))
        await eventually(lambda: w.active == 0)
        used = w.metric("router_flops_used_total", model="large")
        assert used == pytest.approx(coder(w, FIRST, SECOND, THIRD))

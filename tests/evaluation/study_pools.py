"""Pools made up for tests: success by a beta distribution, likelihood that follows success."""

import numpy as np

from evaluation.architectures import ARCHITECTURES
from evaluation.pools.schema import Identity, Table
from evaluation.pools.store import Pool
from evaluation.study.samples import Draws, Generations, StudyPool

SMALL, LARGE, OTHER = "qwen2.5-coder-0.5b", "qwen2.5-coder-1.5b", "smollm2-135m"
_SKILL = {OTHER: (0.3, 2.6), SMALL: (0.7, 1.0), LARGE: (1.0, 0.8)}
RATES = {model: ARCHITECTURES[model] for model in _SKILL}


def generations(draw, passed, rankers, *, prompt_tokens=140, scored=None):
    """Token counts, cut marks and scores for verdicts; scores tell success apart a little."""
    n = len(passed)
    tokens = draw.integers(20, 180, size=n)
    cut = ~passed & (draw.random(n) < 0.1)
    nll = {}
    for at, ranker in enumerate(rankers):
        score = np.abs(draw.normal(0.45 - 0.08 * (at + 1) * passed, 0.15, size=n))
        if at and scored is not None:
            score[scored:] = np.nan
        nll[ranker] = score
    return Generations(prompt_tokens, np.where(cut, 256, tokens), cut, nll)


def pool(
    model=SMALL,
    dataset="humaneval",
    *,
    problems=40,
    n=16,
    seed=0,
    rankers=None,
    scored=None,
    greedy=True,
    seconds=None,
):
    """A pool of made-up samples; models share the problems' hardness through the seed."""
    hardness = np.random.default_rng(seed).random(problems)
    draw = np.random.default_rng([seed, sorted(_SKILL).index(model)])
    alpha, beta = _SKILL[model]
    rates = np.sort(draw.beta(alpha, beta, size=problems))[hardness.argsort().argsort()]
    drawn, answers = {}, {}
    for at, rate in enumerate(rates):
        task = f"{dataset}/{at}"
        size = n if isinstance(n, int) else n[at]
        if size:
            passed = draw.random(size) < rate
            made = generations(draw, passed, rankers or (model,), scored=scored)
            drawn[task] = Draws(passed, made)
        if greedy:
            passed = np.array([rate > 0.45])
            answers[task] = Draws(passed, generations(draw, passed, (model,)))
    return StudyPool(
        model, dataset, drawn, answers, RATES[model], seconds, problems, sources=(f"made/{model}",)
    )


def study(seed=0, problems=40):
    """Three models on one dataset, with three rankers for the middle one's first eight."""
    return [
        pool(OTHER, problems=problems, n=8, seed=seed, seconds=0.8),
        pool(
            SMALL,
            problems=problems,
            n=24,
            seed=seed,
            rankers=(SMALL, OTHER, LARGE),
            scored=8,
            seconds=2.0,
        ),
        pool(LARGE, problems=problems, n=12, seed=seed, seconds=4.6),
    ]


def identity(pool, *, temperature):
    return Identity(
        dataset=pool.dataset,
        dataset_sha256="0" * 64,
        tasks=tuple(f"{pool.dataset}/{at}" for at in range(pool.of)),
        model=pool.model,
        model_sha256=None,
        engine="made up",
        temperature=temperature,
        top_p=0.95,
        max_tokens=256,
        stop=(),
        seed=0,
    )


def save(pool, folder):
    """The pool on disk, greedy answers apart; the paths in the order written.

    A score of +inf stands for an empty answer.
    """
    kinds = [("samples", pool.draws, 0.8), ("greedy", pool.greedy, 0.0)]
    return [
        _save(folder / f"{pool.dataset}-{pool.model}-{kind}", identity(pool, temperature=t), draws)
        for kind, draws, t in kinds
        if draws
    ]


def _save(path, known, by_task):
    stored = Pool.create(path, known)
    rows = {table: [] for table in Table}
    for task, draws in by_task.items():
        made = draws.generations
        for at in range(draws.n):
            key = {"task_id": task, "index": at}
            empty = any(np.isinf(nll[at]) for nll in made.nll.values())
            own = 0.2 if empty else float(made.nll[known.model][at])  # that of its stop
            rows[Table.SAMPLES].append(
                key
                | {
                    "draw": 0,
                    "seed": 0,
                    "text": "" if empty else "pass",
                    "tokens": int(made.tokens[at]),
                    "prompt_tokens": made.prompt_tokens,
                    "nll": own,
                    "finish_reason": "length" if made.cut[at] else "stop",
                }
            )
            passed = bool(draws.passed[at])
            status = "passed" if passed else "failed"
            rows[Table.VERDICTS].append(key | {"passed": passed, "status": status})
            rows[Table.SCORES] += [
                key | {"ranker": ranker, "nll": float(nll[at]), "tokens": int(made.tokens[at])}
                for ranker, nll in made.nll.items()
                if ranker != known.model and np.isfinite(nll[at])
            ]
    for table, written in rows.items():
        if written:
            with stored.writer(table) as writer:
                writer.append(written)
    return path

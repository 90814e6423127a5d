"""Which draws are still needed: every sample once, whatever is there already."""

from hypothesis import given, settings
from hypothesis import strategies as st

from evaluation.datasets import Problem
from evaluation.pools.filling.plan import planned, seed_of

PROBLEMS = [Problem(f"a/{at}", "p", "f", {}, (), "") for at in range(3)]


def of(draws):
    return [(draw.problem.task_id, draw.first, draw.n) for draw in draws]


def test_rounds_go_over_all_problems():
    assert of(planned(PROBLEMS[:2], {}, 5, 2, 0)) == [
        ("a/0", 0, 2),
        ("a/1", 0, 2),
        ("a/0", 2, 2),
        ("a/1", 2, 2),
        ("a/0", 4, 1),
        ("a/1", 4, 1),
    ]


def test_a_draw_that_was_lost_is_asked_again_as_it_was():
    whole = list(planned(PROBLEMS, {}, 6, 2, 3))
    lost = whole[4]
    had = {p.task_id: {0, 1, 2, 3, 4, 5} for p in PROBLEMS}
    had[lost.problem.task_id] -= {lost.first, lost.first + 1}
    assert list(planned(PROBLEMS, had, 6, 2, 3)) == [lost]


@settings(deadline=None)
@given(
    st.lists(st.sets(st.integers(0, 14)), min_size=3, max_size=3),
    st.integers(1, 12),
    st.integers(1, 5),
    st.randoms(use_true_random=False),
)
def test_a_plan_stopped_anywhere_and_gone_on_with_gives_each_sample_once(had, n, batch, rng):
    have = {p.task_id: set(found) for p, found in zip(PROBLEMS, had, strict=True)}
    drawn = {task: sorted(found) for task, found in have.items()}
    for other_batch in (batch, 3, 1):
        plan = list(planned(PROBLEMS, have, n, other_batch, 0))
        assert all(1 <= draw.n <= other_batch for draw in plan)
        # Draws end in any order, and a stop may come at any moment.
        for draw in rng.sample(plan, len(plan) if other_batch == 1 else len(plan) // 2):
            indices = range(draw.first, draw.first + draw.n)
            have[draw.problem.task_id] |= set(indices)
            drawn[draw.problem.task_id] += indices
    for problem, found in zip(PROBLEMS, had, strict=True):
        assert sorted(drawn[problem.task_id]) == sorted(found | set(range(n)))


def test_seeds_are_those_of_the_draw():
    first, *_ = planned(PROBLEMS, {}, 2, 2, 7)
    assert first.seed == seed_of(7, "a/0", 0)
    seeds = {seed_of(s, t, d) for s in range(3) for t in ("a", "b") for d in range(50)}
    assert len(seeds) == 300
    assert max(seeds) < 2**31

"""Recorded samples on disk, in columns.

A pool holds what one model said to one dataset under one way of sampling:

    DIR/pool.json                       what it is: dataset, tasks, model, sampling
    DIR/samples/00001-<sha256>.parquet  immutable shards, named for their content
    DIR/samples/00002.jsonl             what was appended since, one append a line
    DIR/verdicts/...                    keyed by task and sample index
    DIR/problems.json.gz                what was asked; or in the folder above, for several pools
    DIR/plus/...                        verdicts by the second tests, keyed likewise
    DIR/scores/...                      averaged NLL under rankers, keyed likewise

For analysis, everything but the text comes as arrays per problem:

    from evaluation.pools.view import read_view

    view = read_view(Path("pools/humaneval-0.5b"))
    for problem in view.problems:
        problem.n, problem.c, problem.judged, problem.passed, problem.tokens, problem.cut
        problem.judged_plus, problem.passed_plus, problem.checks, problem.passed_checks
        problem.nll[view.identity.model]
    view.unjudged, view.without_samples, view.unscored("another-ranker")

Text is read in batches (`Pool.batches`), and rows are added by `Pool.writer`.

`schema` says what tables hold, `store` keeps them (in `files` and `journal`), `columns` and `view`
read them, `summary` puts them in figures, `errors` are what can be wrong with them. `counts` and
`released` read what others made, `problems` finds what a pool's samples answer, and `asked` keeps
it. Samples and verdicts come by `filling`, other models' scores by `scoring`. `workers` does many
small jobs, so many at a time. Not here: what pools tell (`study`).
"""

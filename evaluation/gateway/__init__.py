"""A running gateway, measured over HTTP on a benchmark.

`run` asks it (over `client`, with budgets that may depend on `prompt_tokens`), `local_judge` judges
where it was not shown the tests, and every answer goes into a file of `results`. From such files
`recount` reckons the FLOPs again, `comparison` makes the table and `plot` the picture, `pooling`
holds runs of several budgets against others; `deadlines` makes the table of runs under deadlines.
`second` has verdicts by tests that the gateway never saw.
`rates` finds what the gateway's models cost.

Not here: the gateway itself (`router`), and how fast it is (`bench.overhead`).
"""

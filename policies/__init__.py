"""Decisions as values: how to spend a budget, and what puts the answers in order.

A policy is a generator that yields commands and receives events. Nothing here performs, waits,
reads a clock or is random: the same plan runs live, replayed and in tests.

| module                               |                                                           |
|--------------------------------------|-----------------------------------------------------------|
| `values`                             | budget, task, candidate, choice                           |
| `cost`                               | FLOPs of a call, from a model's architecture              |
| `protocol`                           | commands, events, plans                                   |
| `selectors`, `executions`, `choosing` | what puts candidates in order, and what that needs       |
| `policy`                             | what a policy is                                          |
| `moves`, `pinning`                   | what policies share: sizing draws, the caller's own model |
| `single`, `best_of_n`, `cascade`, `auto` | the policies                                          |
| `estimators`                         | the paper's estimators, one problem at a time             |

Who performs a plan is `router.plan`; recorded samples are replayed to it by
`evaluation.calibration`.
"""

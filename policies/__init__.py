"""Decisions as values: how to spend a budget, and what puts the answers in order.

A policy is a generator that yields commands and receives events. Nothing here performs, waits,
reads a clock or is random: the same plan runs live, replayed and in tests.

| module                               |                                                           |
|--------------------------------------|-----------------------------------------------------------|
| `values`                             | budget, task, candidate, choice                           |
| `cost`                               | FLOPs of a call, from a model's architecture              |
| `forecast`, `lengths`                | how long a draw will take, and about how long a text is   |
| `protocol`                           | commands, events, plans                                   |
| `selectors`, `selection/`            | what puts candidates in order, and what that needs        |
| `policy`, `plans/`                   | what a policy is, and which there are                     |
| `moves`                              | what they share: sizing draws, and waiting for them       |
| `ladder`                             | what calibration found                                    |
| `estimators`                         | the paper's estimators, one problem at a time             |

Who performs a plan is `router.plan`; recorded samples are replayed to it by
`evaluation.calibration`.
"""

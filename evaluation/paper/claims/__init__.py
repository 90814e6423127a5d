"""What the paper says, and whether its own tables bear it out.

`claim` is one claim with its rule and verdict, and the words that need a number; `popular` and
`apps` hold the claims by benchmark, and `decided` all of them. What the tables cannot decide is in
`claim` as well. The same claims on models of our own are in `evaluation.study.restated`.
"""

"""What a gateway costs under load, beside other gateways: one table from one run.

`measuring` starts the `contenders` in turn, each on one core, before the same `upstream` (a made
one, which answers one token), and has `load` ask them from the other cores: as many requests as
they take, and a steady rate of them. `framing` reads the answers, `processes` the processor time
and memory that a contender took, and `figures` sums up. `forwarder` is one of the contenders: the
least that a gateway in Python can do.

Not here: gateways in front of real engines (`evaluation.bench.overhead`).
"""

"""How fast it is, on the machine at hand; only figures of one run compare.

`overhead` measures a gateway (start-up, memory, what it adds to a request), `gateways` several of
them under load, and `timing` an engine's samples, as the paper's Table 1 does. `metrics` times our
metrics beside the formulas that others use. `verdict_rates` counts the sandbox's verdicts per
second beside the other `ways`, and `pool_verdicts` those of `evaluate judge`, all on the programs
of `workloads`. `soak` looks for what very many runs leave behind.

Not here: whether answers are right (`gateway`, `study`).
"""

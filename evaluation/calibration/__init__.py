"""How a policy is made from pools, and how a plan is replayed on recorded samples.

To make one: `particles` are problems with what models did on them, `effects` what a draw does to
each, `lattice` every order of draws with what it costs, `ladders` the best of them for a budget,
`calibrate` all of it for every kind of task and length of prompt. To replay: `clock` is an event
loop whose time costs nothing, `replay` a sampler and a judge that repeat what was recorded: with
them `router.plan.run` drives a plan over samples of a pool as it does live; `replays` does so with
all plans on all problems, side by side. What models said is in
`evaluation.pools`; what a policy is, in `policies`.
"""

"""How a policy is made from pools, and how a plan is replayed on recorded samples.

To make one: `particles` are problems with what models did on them, `effects` what a draw does to
each, `lattice` every order of draws with what it costs, `ladders` the best of them for a budget,
which `climbing` climbs on all particles at once, `calibrate` all of it for every kind of task and
length of prompt. `published` makes effects of the paper's tables. To replay: `clock` is an event
loop whose time costs nothing, `replay` a sampler and a judge that repeat what was recorded: with
them `router.plan.run` drives a plan over samples of a pool as it does live; `replays` does so with
all plans on all problems, side by side. `signals` are what a plan could look at beyond that its
samples failed, and `outcomes` what came of a gateway's requests. What models said is in
`evaluation.pools`; what a policy is, in `policies`.
"""

"""How a plan is replayed on recorded samples; the room in which policies will be made from pools.

`clock` is an event loop whose time costs nothing, `replay` a sampler and a judge that repeat what
was recorded: with them `router.plan.run` drives a plan over samples of a pool as it does live.
What models said is in `evaluation.pools`; what a policy is, in `policies`.
"""

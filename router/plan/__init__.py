"""How a plan is driven: performed, paid for, judged.

`run` drives one (its docstring is the theory of operation), on `tasks`, in which `streams`
performs draws and `errands` what is none; `ports` are what they ask of the world: who samples,
judges, ranks and executes is not their business. `work` and `draws` are commands as they run,
`outcome` how all of it ended. `verdicts` judges answers in the sandbox, `executing` runs them there
for their outputs, `ranking` has models score them. `paces` tells how fast models are, by `prefixes`
what they have read before, and `kept` what a further draw may count on of that.

`paying/` is what a plan may spend, `queues/` which requests are served and which draws wait, and
`programs/` which program an answer makes.

Which plan is driven is the gateway's affair, and what it does is the policy's.
"""

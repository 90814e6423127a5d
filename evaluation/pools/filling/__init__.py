"""How samples and verdicts come into a pool.

`plan` says which draws are missing, `sampler` where the model runs, `collecting` draws from there,
and `identity` says what a pool of such samples is. `verdicts` judges what is there, and `revising`
draws again with what failed in the prompt.

Not here: how rows are kept (`pools.store`), and scores by other models (`pools.scoring`).
"""

"""Models that run in this process, by transformers: for what no server can do, or not as fast.

`loading` brings one in, `shapes` makes one of random weights; `decoder` draws many samples at once
(rows in `cache`, tokens by `nucleus`), and `upstream` lets it answer as a server would. Needs the
extra `torch`; besides, only the ranker in `pools.scoring.local`, and `evaluation.verifier` where it
trains or is a T5, do.
"""

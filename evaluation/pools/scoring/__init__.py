"""Averaged NLL (Eq. 7 of the paper) of recorded candidates under any model: the ranker.

The generator's own comes with its samples. Another model has to read prompt and candidate, and
llama.cpp tells no log-probabilities of what it reads: so this is done by transformers here
(`scoring.local`) or by a vLLM server (`scoring.remote`). `scoring.ranker` is what the two have in
common, and `scoring.run` goes over a pool.
"""

"""Models that run in this process, by transformers: for what no server can do, or not as fast.

Needs the extra `torch`, which nothing else here imports.
"""

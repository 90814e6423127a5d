"""Choosing by tests that a model wrote, among the answers of recorded pools.

`recorded` reads the tests and knows which of them each program passes, `measuring` lets the
gateway's selectors choose by as many as it draws, and `standing` sets that beside what needs no
tests, for as many samples and for as many FLOPs. Not here: samples that others published (`codet`).
"""

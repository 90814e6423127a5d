"""The code that runs inside: the zygote, the keeper of one run, and the candidate's server.

Nothing here imports `asyncio` or the rest of the package beyond `sandbox.codec` and
`sandbox.frames`: every module loaded before a fork is paid for by each run.
"""

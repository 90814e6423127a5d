"""The code that runs inside: the zygote, the keeper of one run, and the candidate's process.

    boot, zygote, warm      process backend: one interpreter, forked for each run
    supervisor              docker backend: the first process of a container
    keeper, jobs, run       one run, and what it came to; `outputs` where nothing is tested
    kernel/                 what the kernel is asked for, and what it refuses
    crossing/               what both processes can hold, and how it is told
    wire/                   how they talk, and whose turn it is
    remote/                 what stands in the tests' process for objects of the program
    given/                  what the program is given for objects of the tests
    answers/                the keeper's end: each answer is hostile
    testing/                the caller's tests, in the keeper's process
    program/                the candidate's process

Nothing here imports `asyncio` or the rest of the package beyond `sandbox.codec`, `sandbox.plain`,
`sandbox.texts` and `sandbox.frames`: every module loaded before a fork is paid for by each run.
"""

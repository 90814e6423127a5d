"""The code that runs inside: the zygote, the keeper of one run, and the candidate's server.

    boot, zygote, warm, rootfs              process backend: one interpreter, forked for each run
    supervisor                              docker backend: the first process of a container
    keeper, jobs, run, outcomes             one run, and what it came to
    link, exceptions                        the keeper's end of the channel to the candidate
    tester, scripts, pytest_run, imports    the caller's tests, in the keeper's process
    candidate, execute, cases, whole        the candidate's process, by kinds of tests
    shared                                  likewise, with the tests in it
    linux, seccomp                          system calls that Python lacks, and those refused

Nothing here imports `asyncio` or the rest of the package beyond `sandbox.codec`, `sandbox.plain`
and `sandbox.frames`: every module loaded before a fork is paid for by each run.
"""

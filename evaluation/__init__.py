"""The evaluation suite, and the console script: what a budget buys, measured.

    commands/       what a person can type, one file a command (`cli` lists them)
    calibration/    how policies are made, and plans replayed on recorded samples
    selection/      what chooses among answers where no tests judge
    verifier/       how probable it is that a program is right, learned from other problems
    study/          the paper's question asked of models of our own, and its page
    paper/          the paper's own numbers
    bench/          how fast it all is
    gateway/        a running gateway, measured over HTTP
    pools/          what models said: recorded samples, verdicts and scores, on disk
    datasets/       which problems, with which tests
    local/          models in this process
    statistics/     metrics and intervals (`metrics` is the name that users import them by)
    architectures   models' sizes, of which costs follow
    recorded/       data that we made and committed; no package, and in no wheel

Not here: serving. `router` does without this package, and this one drives it from outside, or
starts it as a command.
"""

"""What a person can type: `budget-router GROUP NAME` is `run` in a file of its own, in GROUP/.

A command without a group lies here, and the table in `evaluation.cli` says which file is which. The
signature of `run` are the options, its docstring is the help. What several commands have is in
`common`: options, reading the configuration, failing in one line, bars. A command says what went
wrong and how it ended; what it does it asks of its subject's folder, and never of another command.
"""

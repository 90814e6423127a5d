"""What a person can type: `budget-router GROUP NAME` is `run` in GROUP/NAME.py.

The signature of `run` are the options, its docstring is the help, and `evaluation.cli` lists every
command in its table. What several commands have is in `common`: options, reading the configuration,
failing in one line, bars. A command says what went wrong and how it ended; what it does it asks of
its subject's folder, and never of another command.
"""

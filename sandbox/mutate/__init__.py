"""Tests with a value changed so that no honest program passes them.

`doubt` is what others use. It goes through the statements that certainly run (`certain`, with
`collected` and `places` for what pytest and loops do), reads from them what must hold (`claims`),
and writes another value into the text (`literals`, `kinds`, `segments`). `names` says what the
names in the text stand for.
"""

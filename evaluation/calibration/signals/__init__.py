"""What could tell a plan more than that its samples failed, measured before it is believed.

`prediction`: does the part of the checks that a failing sample passed say anything of the next
sample? `branching`: does a ladder that looks at it spend less? `revised`: does a sample that was
shown the failed test pass more often than a fresh one? `table` writes it all down.
"""

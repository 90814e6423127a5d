"""What could tell a plan more than that its samples failed, measured before it is believed.

`prediction`: does the part of the checks that a failing sample passed say anything of the next
sample? `branching`: a ladder that looks at it, and `use`: does that spend less? `revised`: does a
sample that was shown the failed test pass more often than a fresh one? Intervals are made of
`rounds`; `table` writes it all down.
"""

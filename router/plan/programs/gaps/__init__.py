"""Answers that belong between a prompt and a suffix.

`gap` says what of an answer belongs there, and how well; `leaving` where it leaves the block that
the gap is in, `seams` whether a program hangs together around it.
"""

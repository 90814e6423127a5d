"""What is said of a run: an answer or a stream, its headers, and what is counted of it.

`answer` puts together what a dialect writes, `several` the answers to several prompts; `relay`
hands on a run as it goes, `streaming` sends it, `partial` is what a deadline left. What a run did
is told by `headers` and `explain`, what it spent is counted in `spent`, its name is one of
`labels`; `record` counts how a request ended.
"""

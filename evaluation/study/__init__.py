"""The paper's study on models of our own: curves, comparisons and claims from recorded samples.

`samples` is what goes in, `contenders` what is measured, `study` puts a whole one together,
`figures` and `drawing` show it. Only `reading` knows how pools are kept on disk.
"""

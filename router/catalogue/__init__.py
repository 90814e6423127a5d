"""The models that can be had: `entries` says which there are, `pull` brings their files here.

`sources` are where files come from, `store` is where they lie and how they are known to be right,
`bars` shows what a pull does. What a model computes and costs is not told here.
"""

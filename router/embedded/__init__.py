"""The engine of our own: llama.cpp in a child process for each model.

`supervisor` keeps a model's engine running, `child` is one run of it as the gateway sees it, and
`server` is what runs inside the child. It is spoken to over HTTP, by `router.upstream`.
"""

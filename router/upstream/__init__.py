"""How servers are spoken to.

`client` draws samples from one model at one server and counts prompts, over `transport`; what only
one kind of server does is in `servers/`. `said/` reads what any of them answers, `failures` are
what can go wrong, `balancing/` asks one of several, and `sizes/` reads a model's files.

An engine of our own is a server like any other: how it is run is `router.embedded`.
"""

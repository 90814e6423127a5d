"""How servers are spoken to.

`client` draws samples from one model at one server and counts prompts, over `transport`; what only
one kind of server does is in `servers/`. `chunks` reads the pieces of an answer, whoever sends
them, `failures` are what can go wrong, `architecture` reads the sizes of a model from its files.

An engine of our own is a server like any other: how it is run is `router.embedded`.
"""

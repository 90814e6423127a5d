"""What may be said over HTTP: endpoints, their dialects, budgets, streams, and what is explained.

`app` has the endpoints, `direct` those that answer prompts, `exchange` serves one request whatever
its endpoint, for as long as somebody waits for it (`attended`, by `connection`). `dialects/` read
an endpoint's JSON and write its answers, `answers/` say what came of a run. `quote` says what
budgets would buy, `advice` is for those who ask a path that is not there.

Nothing here decides, or speaks to a server: that is `router.gateway` and below.
"""

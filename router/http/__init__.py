"""What may be said over HTTP: endpoints, their dialects, budgets, streams, and what is explained.

`app` has the endpoints, `exchange` serves one request whatever its endpoint. A *dialect*
(`completions`, `chat`, `fim`, `infill`; `dialect` says what one is) reads an endpoint's JSON and
writes its answers; `body` reads what all share, with Ollama's `options`, `budgets` the budget.
`answer` puts what a dialect writes together, `several` the answers to several prompts; `envelope`
is the outside of OpenAI's shapes, `streaming` sends answers as they come. What a run did is told by
`headers` and by `explain`, what it spent is counted in `spent`, its name is one of `labels`.
`advice` is for those who ask a path that is not there.

Nothing here decides, or speaks to a server: that is `router.gateway` and below.
"""

"""How each endpoint speaks: its JSON read into requests, and its answers written.

`dialect` says what one is; `completions`, `chat`, `fim` and `infill` are four. `body` reads what
all share, with Ollama's `options`, `budgets` the budget, and `complaints` says what is wrong with
either. `envelope` is the outside of OpenAI's shapes, `described` what `/openapi.json` tells of
them.
"""

"""What stands in the sections of the configuration; `router.settings` puts them together.

| module     | question it answers                                                          |
|------------|------------------------------------------------------------------------------|
| `models`   | where is a model, how is it run or asked, and how many draws may wait for it? |
| `fim`      | how does a model fill in the middle, where its files do not tell?            |
| `policies` | which plans are there beside those that are built in, and what does `auto` do? |
| `requests` | what may requests have: budgets, aliases, selectors, pages in browsers?      |
| `sandbox`  | where are programs run, and what may they use?                               |
| `drift`    | what is kept of outcomes?                                                    |
| `section`  | what is any of these like?                                                   |

What they name becomes a value in `router.configuration`.
"""

"""The paper's own numbers: its figures drawn again, its claims held against its tables.

Source: "The Larger the Better? Improved LLM Code-Generation via Budget Reallocation" (COLM 2024,
arXiv 2404.00725v2). `published` holds the tables, `curves` what lies between their entries within
the bounds of `bounded`, `contest` the models under one budget, `table_1` its first table computed
again, and `claims` what the text says and whether the tables bear it out.

`figures` are those of the paper. `figure` is what any figure is made of, and `pen` draws one: the
study has both from here. Not here: what models of our own do (`study`), and the metrics
(`statistics`).
"""

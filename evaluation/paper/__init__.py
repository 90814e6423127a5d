"""The paper's published numbers: its figures drawn again, its claims held against its tables.

Source: "The Larger the Better? Improved LLM Code-Generation via Budget Reallocation" (COLM 2024,
arXiv 2404.00725v2). `published` holds the tables, `curves` what lies between their entries,
`figures` and `drawing` the figures, `contest` the comparison of models under one budget, and
`claims` what the text says and whether the tables bear it out.
"""

"""What becomes of the paper's claim where no tests choose: the figures and standings of that.

`reading` takes the files that `evaluate selectors` and `evaluate lever` wrote, `standing` says who
is how far ahead of one large call, `figures` draws each selector's curve by budget. Not here: how
any of it was measured (`evaluation.selection`, `evaluation.verifier`), and the page's words
(`study.page`).
"""

"""How probable it is that a program is right, learned from recorded answers to other problems.

After LEVER (Ni et al., 2023), with a compact encoder in place of T5. `tokens` and `features` are
what the verifier reads of an answer, `lessons` makes recorded answers (`recorded`) into what it
learns from, `training` needs torch, `model` computes with what was learned and is the file that has
it. `measuring` is what choosing by it is worth, as `table` and `picture`. `checkpoint` is a T5 as
LEVER has it, which needs torch as well and reads what `wording` says; a gateway asks either by
`serving`. The selector itself is `policies.selection.lever`.
"""

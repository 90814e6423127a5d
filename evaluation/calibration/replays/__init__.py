"""What plans come to on recorded samples, side by side: who spends less for the same success.

`problems` are the samples, `entrants` the plans that are compared, `performing` runs them (the very
run of the gateway, over `calibration.replay`), `bounds` what nobody could do better than who knew
more, `folds` which problems a plan must not have seen, `standings` means and their intervals,
`ratios` FLOPs at equal success, `trust` predictions against what came. `comparing` does all of it
with the calibrations that come of `making`; `report`, `table` and `picture` are what is written.
How ladders are found is in the folder above.
"""

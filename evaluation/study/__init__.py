"""The paper's study on models of our own: what recorded samples say, and how sure it is.

From the ground up: `samples` is what goes in, `costs` what k of them cost, `contenders` who is
measured, `comparisons` who does better for the same cost, `evidence` all of that on one data set.
From the evidence come the `figures` and, by the rules of `restated`, the `findings` on the paper's
claims; `chapters` puts a data set's together, and `page` shows them. Only `reading` knows how pools
are kept on disk. `untested` is what was measured of choosing without tests.

Not here: the paper's own numbers, and the pen that draws figures (`paper`).
"""

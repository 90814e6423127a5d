"""Whether a gateway endures: moderate load for a long time, while all that can break does.

`scripted` is the faulty server behind the gateway, by the misbehaviour in `faults`; `load` says
what clients ask, and `clients` ask it, half of them hanging up; `hosted` is the gateway and its
engines, and `watching` counts what they hold. `soaking` puts it together, `offences` judges what
came of it, and `table` writes it down.
"""

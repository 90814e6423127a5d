"""Commands that measure: pools, gateways, the study, the paper, and how fast it is."""
